-- What rules of format 2 depend on: how often a player has traded in a session of the market,
-- when shares were last bought, and which achievements with ids above 62 are unlocked. The same as in ../sqlite.

-- The market's day of the session of the last trade, and the trades of it. NULL: none is counted yet.
ALTER TABLE players ADD COLUMN session_day BIGINT;
ALTER TABLE players ADD COLUMN session_trades BIGINT;

-- The market's day of the last purchase. NULL: not bought since this column exists, read as opened_on.
ALTER TABLE holdings ADD COLUMN bought_on BIGINT;

-- A bit for each unlocked achievement from id 63 on; `achievements` has those up to 62, as before. NULL:
-- none.
ALTER TABLE players ADD COLUMN achievements_more BYTEA;
