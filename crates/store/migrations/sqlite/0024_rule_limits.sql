-- What the limits of the rules depend on: how often a player has traded in a session of the market,
-- and when shares were last bought. The same as in ../postgres.

-- The market's day of the session of the last trade, and the trades of it. NULL: none is counted yet.
ALTER TABLE players ADD COLUMN session_day BIGINT;
ALTER TABLE players ADD COLUMN session_trades BIGINT;

-- The market's day of the last purchase. NULL: not bought since this column exists, read as opened_on.
ALTER TABLE holdings ADD COLUMN bought_on BIGINT;
