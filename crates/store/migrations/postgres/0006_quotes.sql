-- The last good price of each stock of a live market, when it was asked for and when it last changed.
-- A row without a price is a stock that nobody has told a price of yet.

CREATE TABLE quotes (
    stock_id       BIGINT NOT NULL PRIMARY KEY,
    price          BIGINT CHECK (price > 0),
    previous_close BIGINT,
    as_of          BIGINT,
    market_day     BIGINT,
    volume         BIGINT,
    provider       TEXT,
    tried_at       BIGINT NOT NULL,
    confirmed_at   BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL
);
CREATE INDEX quotes_by_try ON quotes (tried_at, stock_id);
CREATE INDEX quotes_by_change ON quotes (changed_at, stock_id);
