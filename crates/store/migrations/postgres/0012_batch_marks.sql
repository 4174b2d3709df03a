-- A mark for every batch that was committed, by which a COMMIT without an answer is resolved; see
-- docs/adr/0014. The same as in ../sqlite, where nothing is written to it.

CREATE TABLE batch_marks (
    made_at BIGINT NOT NULL,
    mark    BYTEA  NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN ('committed', 'abandoned')),
    PRIMARY KEY (made_at, mark)
);

-- Up to which instant old marks may have been deleted. It is locked for that, and shared by those
-- that look for a mark.
CREATE TABLE batch_marks_deleted (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    made_before BIGINT NOT NULL
);
INSERT INTO batch_marks_deleted (id, made_before) VALUES (1, 0);
