-- Seals over the heads of all chains at an instant, each with the hash of the one before. See
-- docs/adr/0011.

CREATE TABLE audit_seals (
    cut_at   BIGINT NOT NULL PRIMARY KEY,
    players  BIGINT NOT NULL,
    entries  BIGINT NOT NULL,
    root     BYTEA  NOT NULL,
    previous BYTEA  NOT NULL UNIQUE,
    made_at  BIGINT NOT NULL
);

CREATE FUNCTION refuse_seal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is immutable';
END $$;
CREATE TRIGGER audit_seals_are_never_changed
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_seal_change();
