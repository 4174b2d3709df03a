-- The secret seed of each market of a game, its salt and the published commitment to both. A row
-- without a seed is a game of the version before: at its next start it gets one, which counts from
-- the session after the present one. The same in both engines.

CREATE TABLE game_seeds (
    game_id       BIGINT NOT NULL,
    market        TEXT   NOT NULL,
    seed          TEXT,
    salt          TEXT,
    commitment    TEXT,
    first_pass    BIGINT NOT NULL,
    first_session BIGINT NOT NULL,
    made_at       BIGINT NOT NULL,
    PRIMARY KEY (game_id, market)
);

INSERT INTO game_seeds (game_id, market, first_pass, first_session, made_at)
SELECT game_id, market, 0, 0, 0 FROM games WHERE market IN ('replay', 'simulated');

-- When a price was made that differs so much from the last good one that it is not believed yet:
-- until it is confirmed or withdrawn no node trades the stock.
ALTER TABLE quotes ADD COLUMN doubted_as_of BIGINT;
