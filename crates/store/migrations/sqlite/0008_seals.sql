-- Seals over the heads of all chains at an instant, each with the hash of the one before. See
-- docs/adr/0011.

CREATE TABLE audit_seals (
    cut_at   BIGINT NOT NULL PRIMARY KEY,
    players  BIGINT NOT NULL,
    entries  BIGINT NOT NULL,
    root     BLOB   NOT NULL,
    previous BLOB   NOT NULL UNIQUE,
    made_at  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER audit_seals_are_never_updated BEFORE UPDATE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE TRIGGER audit_seals_are_never_deleted BEFORE DELETE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
