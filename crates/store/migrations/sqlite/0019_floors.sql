-- What later programs and later entries must not fall below. The same as in ../postgres.

-- The newest migration that a program must contain to use this schema; raised by migrations that
-- older programs cannot work with. See docs/adr/0024.
CREATE TABLE schema_floor (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO schema_floor (id, version) VALUES (1, 19);

-- The cut of the newest seal, announced before the seal is computed: every later entry of the
-- ledger is dated after it. See docs/adr/0011.
CREATE TABLE audit_sealing (
    id           BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed_until BIGINT NOT NULL
);
INSERT INTO audit_sealing (id, sealed_until)
SELECT 1, COALESCE(MAX(cut_at), 0) FROM audit_seals;
