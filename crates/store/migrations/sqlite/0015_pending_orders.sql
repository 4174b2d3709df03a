-- Orders that fill at a later price: at the close of a session (session_day), or at a quote that is
-- newer than quote_after. Numbers are never reused: the idempotency key of an execution is made of one.

CREATE TABLE pending_orders (
    order_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    player_id   BIGINT NOT NULL,
    stock_id    BIGINT NOT NULL,
    side        TEXT   NOT NULL,
    quantity    BIGINT NOT NULL CHECK (quantity > 0),
    note        TEXT,
    client_key  TEXT,
    fingerprint BLOB   NOT NULL,
    request_id  TEXT   NOT NULL,
    accepted_at BIGINT NOT NULL,
    session_day BIGINT,
    quote_after BIGINT,
    fills_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    ended_at    BIGINT,
    month       BIGINT,
    version     BIGINT,
    rejection   TEXT,
    UNIQUE (player_id, client_key)
);
CREATE INDEX pending_orders_of_player ON pending_orders (player_id, order_id);
CREATE INDEX pending_orders_open_of_player ON pending_orders (player_id)
    WHERE state IN ('pending', 'executing');
CREATE INDEX pending_orders_due ON pending_orders (fills_at, order_id)
    WHERE state IN ('pending', 'executing');
CREATE INDEX pending_orders_ended ON pending_orders (ended_at) WHERE ended_at IS NOT NULL;
