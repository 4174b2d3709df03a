-- How far columns are filled that came to tables with many rows. See docs/migrations.md.

CREATE TABLE backfills (
    name       TEXT   NOT NULL PRIMARY KEY,
    up_to      BIGINT NOT NULL,
    is_done    BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    updated_at BIGINT NOT NULL
);
