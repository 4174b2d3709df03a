-- The clock of a game as segments, which are never changed; the heartbeat of its servers; its
-- schedule; and what operators and jobs did to it. See docs/adr/0026. The same as in ../postgres,
-- except for the triggers.

CREATE TABLE game_clock (
    game_id         BIGINT NOT NULL,
    seq             BIGINT NOT NULL CHECK (seq > 0),
    begins_at       BIGINT NOT NULL CHECK (begins_at % 1000000 = 0),
    position        BIGINT NOT NULL CHECK (position >= 0),
    session_seconds BIGINT NOT NULL CHECK (session_seconds BETWEEN 0 AND 86400),
    cause           TEXT   NOT NULL,
    PRIMARY KEY (game_id, seq)
);

CREATE TABLE game_heartbeats (
    game_id BIGINT NOT NULL PRIMARY KEY,
    beat_at BIGINT NOT NULL
);

CREATE TABLE game_schedules (
    game_id    BIGINT NOT NULL PRIMARY KEY,
    schedule   TEXT   NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE game_events (
    game_id BIGINT NOT NULL,
    seq     BIGINT NOT NULL CHECK (seq > 0),
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    target  TEXT   NOT NULL,
    reason  TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (game_id, seq)
);

-- The steps of the path of prices in a session. NULL: the configured seconds of a session, which
-- the next start stores here.
ALTER TABLE games ADD COLUMN session_steps BIGINT;

CREATE TRIGGER game_clock_is_never_updated BEFORE UPDATE ON game_clock
BEGIN
    SELECT RAISE(ABORT, 'the clock is immutable');
END;
CREATE TRIGGER game_clock_is_never_deleted BEFORE DELETE ON game_clock
BEGIN
    SELECT RAISE(ABORT, 'the clock is immutable');
END;
CREATE TRIGGER game_events_are_never_updated BEFORE UPDATE ON game_events
BEGIN
    SELECT RAISE(ABORT, 'the events are immutable');
END;
CREATE TRIGGER game_events_are_never_deleted BEFORE DELETE ON game_events
BEGIN
    SELECT RAISE(ABORT, 'the events are immutable');
END;
