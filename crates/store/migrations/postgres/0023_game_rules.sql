-- The versions of a game's rules, which are never changed, and the version that each entry of the
-- ledger was settled by. The same as in ../sqlite.

CREATE TABLE game_rules (
    game_id        BIGINT NOT NULL,
    version        BIGINT NOT NULL CHECK (version >= 1),
    text           TEXT   NOT NULL,
    sha256         BYTEA  NOT NULL,
    author         TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    effective_from BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (game_id, version)
);

CREATE FUNCTION refuse_rules_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of the rules is immutable';
END $$;
CREATE TRIGGER game_rules_are_never_changed BEFORE UPDATE OR DELETE ON game_rules
    FOR EACH ROW EXECUTE FUNCTION refuse_rules_change();
CREATE TRIGGER game_rules_are_never_truncated BEFORE TRUNCATE ON game_rules
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rules_change();

-- NULL for the entries of earlier versions of the program: their canonical text has form 1.
ALTER TABLE portfolio_audit ADD COLUMN rules_version BIGINT;
