-- The market that a game was created with (docs/adr/0029-a-game-keeps-its-market.md): a row of
-- `markets`, and the settings as canonical JSON. NULL for a game of the version before, until its
-- next start. Neither is changed afterwards. The same as in ../sqlite.

ALTER TABLE markets ADD COLUMN kind TEXT NOT NULL DEFAULT 'imported';
ALTER TABLE games ADD COLUMN market_id BIGINT;
ALTER TABLE games ADD COLUMN market_settings TEXT;

CREATE FUNCTION refuse_market_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

CREATE TRIGGER games_keep_their_market
    BEFORE UPDATE OF market, market_id, market_settings ON games
    FOR EACH ROW WHEN (OLD.market_settings IS NOT NULL)
    EXECUTE FUNCTION refuse_market_change('the market of a game is immutable');

CREATE TRIGGER markets_keep_their_terms BEFORE UPDATE OF name, kind, currency ON markets
    FOR EACH ROW
    WHEN ((OLD.name, OLD.kind, OLD.currency) IS DISTINCT FROM (NEW.name, NEW.kind, NEW.currency))
    EXECUTE FUNCTION refuse_market_change('name, kind and currency of a market are immutable');

-- What was added to a market that a game plays.
CREATE TABLE market_changes (
    market_id BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    stocks    BIGINT NOT NULL,
    bars      BIGINT NOT NULL,
    first_day BIGINT NOT NULL,
    last_day  BIGINT NOT NULL,
    made_at   BIGINT NOT NULL,
    PRIMARY KEY (market_id, seq)
);

CREATE TRIGGER market_changes_are_never_changed
    BEFORE UPDATE OR DELETE OR TRUNCATE ON market_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_market_change('changes of a market are immutable');
