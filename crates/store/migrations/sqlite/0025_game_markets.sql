-- The market that a game was created with (docs/adr/0029-a-game-keeps-its-market.md): a row of
-- `markets`, and the settings as canonical JSON. NULL for a game of the version before, until its
-- next start. Neither is changed afterwards. The same as in ../postgres.

ALTER TABLE markets ADD COLUMN kind TEXT NOT NULL DEFAULT 'imported';
ALTER TABLE games ADD COLUMN market_id BIGINT;
ALTER TABLE games ADD COLUMN market_settings TEXT;

CREATE TRIGGER games_keep_their_market BEFORE UPDATE OF market, market_id, market_settings ON games
WHEN OLD.market_settings IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the market of a game is immutable');
END;

CREATE TRIGGER markets_keep_their_terms BEFORE UPDATE OF name, kind, currency ON markets
WHEN (OLD.name, OLD.kind, OLD.currency) IS NOT (NEW.name, NEW.kind, NEW.currency)
BEGIN
    SELECT RAISE(ABORT, 'name, kind and currency of a market are immutable');
END;

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

CREATE TRIGGER market_changes_are_never_updated BEFORE UPDATE ON market_changes
BEGIN
    SELECT RAISE(ABORT, 'changes of a market are immutable');
END;
CREATE TRIGGER market_changes_are_never_deleted BEFORE DELETE ON market_changes
BEGIN
    SELECT RAISE(ABORT, 'changes of a market are immutable');
END;
