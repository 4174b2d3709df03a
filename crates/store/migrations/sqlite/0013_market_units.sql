-- The finest step of a market's prices, texts that the operator wrote about stocks, and stocks whose
-- providers quote hundredths or thousandths of the currency. The same as in ../postgres.

-- In 1/10,000; NULL for a market that was imported before, until its bars are looked at.
ALTER TABLE markets ADD COLUMN tick BIGINT;

-- What is NULL is not described: the text of the market's source stays.
CREATE TABLE stock_texts (
    symbol                   TEXT NOT NULL PRIMARY KEY,
    name                     TEXT,
    category                 TEXT,
    description              TEXT,
    kid_friendly_description TEXT,
    fun_fact                 TEXT
);

-- Prices of the symbol are divided by 10 to the power of `places`.
CREATE TABLE price_units (
    symbol TEXT   NOT NULL PRIMARY KEY,
    places BIGINT NOT NULL CHECK (places BETWEEN 1 AND 3)
);
