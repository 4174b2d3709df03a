-- How far the achievements of a version of the rules are awarded
-- (docs/adr/0030-awards-by-a-reconciler.md). The same as in ../postgres.

CREATE TABLE award_backfills (
    game_id    BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    up_to      BIGINT NOT NULL,
    is_done    BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (game_id, version)
) WITHOUT ROWID;
