-- Which notes counted for achievements: whether the one of a trade did, on which market day one about
-- a stock last did, and the texts of all that did. The same as in ../sqlite.

-- Notes of earlier versions counted whatever they were.
ALTER TABLE trade_notes ADD COLUMN counted BIGINT NOT NULL DEFAULT 1;

ALTER TABLE holdings ADD COLUMN noted_on BIGINT;

CREATE TABLE note_texts (
    player_id BIGINT NOT NULL,
    text_key  BIGINT NOT NULL,
    PRIMARY KEY (player_id, text_key)
);
