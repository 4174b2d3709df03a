-- A mark for every batch that was committed, by which a COMMIT without an answer is resolved; see
-- docs/adr/0014. The same as in ../postgres; nothing is written to it here.

CREATE TABLE batch_marks (
    made_at BIGINT NOT NULL,
    mark    BLOB   NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN ('committed', 'abandoned')),
    PRIMARY KEY (made_at, mark)
) WITHOUT ROWID;

CREATE TABLE batch_marks_deleted (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    made_before BIGINT NOT NULL
);
INSERT INTO batch_marks_deleted (id, made_before) VALUES (1, 0);
