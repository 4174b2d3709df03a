-- The foundation: users, games, players, stocks, holdings, the ledger, idempotency, achievements.
-- The same numbers, tables and columns as on the other engine; only what the engine forces differs.

CREATE TABLE users (
    user_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT   NOT NULL,
    email         TEXT   NOT NULL,
    email_key     TEXT   NOT NULL UNIQUE,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE tokens (
    token_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    hash            BLOB   NOT NULL UNIQUE,
    name            TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    last_used_at    BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX tokens_by_user ON tokens (user_id, token_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

CREATE TABLE games (
    game_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    code       TEXT   NOT NULL UNIQUE,
    market     TEXT   NOT NULL,
    started_at BIGINT NOT NULL
);

-- A player's row is written once per batch. No index on a column that a trade changes.
CREATE TABLE players (
    player_id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id           BIGINT NOT NULL,
    game_id           BIGINT NOT NULL,
    cash              BIGINT NOT NULL CHECK (cash >= 0),
    total_xp          BIGINT NOT NULL CHECK (total_xp >= 0),
    balance_version   BIGINT NOT NULL,
    head_hash         BLOB   NOT NULL,
    head_month        BIGINT NOT NULL,
    xp_day            BIGINT NOT NULL,
    xp_day_trades     BIGINT NOT NULL,
    trades            BIGINT NOT NULL,
    notes             BIGINT NOT NULL,
    stocks_bought     BIGINT NOT NULL,
    categories_bought BIGINT NOT NULL,
    realised_profit   BIGINT NOT NULL,
    achievements      BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    UNIQUE (user_id, game_id)
);

CREATE TABLE stocks (
    stock_id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol                   TEXT   NOT NULL UNIQUE,
    name                     TEXT   NOT NULL,
    category                 TEXT   NOT NULL,
    category_id              BIGINT NOT NULL CHECK (category_id BETWEEN 0 AND 62),
    description              TEXT   NOT NULL,
    kid_friendly_description TEXT   NOT NULL,
    fun_fact                 TEXT,
    search_text              TEXT   NOT NULL
);

CREATE TABLE stock_history (
    stock_id BIGINT NOT NULL,
    day      BIGINT NOT NULL,
    close    BIGINT NOT NULL CHECK (close > 0),
    PRIMARY KEY (stock_id, day)
) WITHOUT ROWID;

CREATE TABLE holdings (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    quantity   BIGINT NOT NULL CHECK (quantity >= 0),
    cost_basis BIGINT NOT NULL CHECK (cost_basis >= 0),
    opened_on  BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
) WITHOUT ROWID;

-- The ledger. See docs/adr/0001 for its key, docs/adr/0002 for what it does not hold.
CREATE TABLE portfolio_audit (
    player_id        BIGINT NOT NULL,
    version          BIGINT NOT NULL,
    month            BIGINT NOT NULL,
    kind             TEXT   NOT NULL,
    stock_id         BIGINT,
    quantity         BIGINT NOT NULL,
    price            BIGINT,
    amount           BIGINT NOT NULL,
    fee              BIGINT NOT NULL CHECK (fee >= 0),
    xp_trade         BIGINT NOT NULL,
    xp_achievements  BIGINT NOT NULL,
    cash_after       BIGINT NOT NULL CHECK (cash_after >= 0),
    quantity_after   BIGINT NOT NULL CHECK (quantity_after >= 0),
    cost_basis_after BIGINT NOT NULL CHECK (cost_basis_after >= 0),
    total_xp_after   BIGINT NOT NULL,
    quote_as_of      BIGINT,
    quote_day        BIGINT,
    quote_source     TEXT,
    about_version    BIGINT,
    created_at       BIGINT NOT NULL,
    hash             BLOB   NOT NULL,
    PRIMARY KEY (player_id, version)
) WITHOUT ROWID;
CREATE INDEX portfolio_audit_by_time ON portfolio_audit (created_at, player_id, version);

CREATE TRIGGER portfolio_audit_is_never_updated BEFORE UPDATE ON portfolio_audit
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;
CREATE TRIGGER portfolio_audit_is_never_deleted BEFORE DELETE ON portfolio_audit
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;

CREATE TABLE trade_notes (
    player_id  BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    text       TEXT   NOT NULL,
    written_at BIGINT NOT NULL,
    PRIMARY KEY (player_id, version)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    player_id   BIGINT NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint BLOB   NOT NULL,
    month       BIGINT,
    version     BIGINT,
    rejection   TEXT,
    request_id  TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (player_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (created_at);

CREATE TABLE achievements (
    achievement_id BIGINT NOT NULL PRIMARY KEY,
    code           TEXT   NOT NULL UNIQUE,
    name           TEXT   NOT NULL,
    description    TEXT   NOT NULL,
    icon           TEXT   NOT NULL,
    xp             BIGINT NOT NULL,
    position       BIGINT NOT NULL
);

CREATE TABLE player_achievements (
    player_id      BIGINT NOT NULL,
    achievement_id BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    xp             BIGINT NOT NULL,
    unlocked_at    BIGINT NOT NULL,
    PRIMARY KEY (player_id, achievement_id)
) WITHOUT ROWID;
