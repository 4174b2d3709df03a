-- Markets that were imported, whole; the rest of a day in the public history; and its months.
-- What is imported may lie in the future of a game that replays it, so it is kept apart from
-- stock_history, which holds public days only.

CREATE TABLE markets (
    market_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT   NOT NULL UNIQUE,
    exchange    TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    imported_at BIGINT NOT NULL
);

CREATE TABLE market_stocks (
    market_stock_id          INTEGER PRIMARY KEY AUTOINCREMENT,
    market_id                BIGINT NOT NULL,
    symbol                   TEXT   NOT NULL,
    name                     TEXT   NOT NULL,
    category                 TEXT   NOT NULL,
    description              TEXT   NOT NULL,
    kid_friendly_description TEXT   NOT NULL,
    fun_fact                 TEXT,
    UNIQUE (market_id, symbol)
);

CREATE TABLE market_bars (
    market_stock_id BIGINT NOT NULL,
    day             BIGINT NOT NULL,
    open            BIGINT,
    high            BIGINT,
    low             BIGINT,
    close           BIGINT NOT NULL CHECK (close > 0),
    volume          BIGINT,
    PRIMARY KEY (market_stock_id, day)
) WITHOUT ROWID;

ALTER TABLE stock_history ADD COLUMN open BIGINT;
ALTER TABLE stock_history ADD COLUMN high BIGINT;
ALTER TABLE stock_history ADD COLUMN low BIGINT;
ALTER TABLE stock_history ADD COLUMN volume BIGINT;

-- A month is numbered as the ledger's are: 202611. Its last day is that of its last session.
CREATE TABLE stock_history_months (
    stock_id BIGINT NOT NULL,
    month    BIGINT NOT NULL,
    last_day BIGINT NOT NULL,
    open     BIGINT NOT NULL,
    high     BIGINT NOT NULL,
    low      BIGINT NOT NULL,
    close    BIGINT NOT NULL,
    average  BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (stock_id, month)
) WITHOUT ROWID;
