-- The pages: sign-in by cookie, roles, preferences, names on boards, watched stocks, rewards seen,
-- equity by session. Added columns have constant defaults, so that no table is rewritten, and no
-- CHECK, which would be tried on every row under a lock.

ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'api';
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'player';

-- NULL: never chosen, so the reader's device decides.
CREATE TABLE preferences (
    user_id      BIGINT PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    mode         TEXT,
    language     TEXT,
    theme        TEXT,
    text_size    TEXT,
    data_saver   BIGINT CHECK (data_saver IN (0, 1)),
    hide_amounts BIGINT NOT NULL CHECK (hide_amounts IN (0, 1)),
    time_zone    TEXT,
    updated_at   BIGINT NOT NULL
);

-- What boards show of a player; without a row, the name.
CREATE TABLE appearances (
    player_id BIGINT PRIMARY KEY,
    shows     TEXT NOT NULL CHECK (shows IN ('name', 'pseudonym', 'hidden')),
    pseudonym TEXT,
    CHECK (shows <> 'pseudonym' OR pseudonym IS NOT NULL)
);

-- The ledger entry up to which a player has been shown what it unlocked.
CREATE TABLE rewards_seen (
    player_id BIGINT PRIMARY KEY,
    version   BIGINT NOT NULL
);

CREATE TABLE watches (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
);

CREATE INDEX stocks_by_category ON stocks (category, category_id);

-- What a player had at a session's close. Old rows are thinned out (store::equity).
CREATE TABLE equity_snapshots (
    player_id BIGINT NOT NULL,
    day       BIGINT NOT NULL,
    value     BIGINT NOT NULL,
    cash      BIGINT NOT NULL,
    PRIMARY KEY (player_id, day)
);

-- How far the players' equity at a session's close is written.
CREATE TABLE equity_progress (
    day             BIGINT PRIMARY KEY,
    after_player_id BIGINT NOT NULL,
    done            BIGINT NOT NULL CHECK (done IN (0, 1))
);
