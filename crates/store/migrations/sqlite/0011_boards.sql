-- The places on the boards at a session's close, of which the newest that is done counts, and what
-- nodes have to read again because it was changed (tags of their caches; the newest rows are kept).

CREATE TABLE board_closes (
    close_id INTEGER PRIMARY KEY,
    board    TEXT   NOT NULL CHECK (board IN ('xp', 'return')),
    day      BIGINT NOT NULL,
    players  BIGINT NOT NULL,
    is_done  BIGINT NOT NULL CHECK (is_done IN (0, 1)),
    made_at  BIGINT NOT NULL
);
CREATE INDEX board_closes_by_board ON board_closes (board, is_done, close_id);

CREATE TABLE board_places (
    close_id  BIGINT NOT NULL,
    place     BIGINT NOT NULL,
    player_id BIGINT NOT NULL,
    PRIMARY KEY (close_id, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX board_places_by_player ON board_places (close_id, player_id);

CREATE TABLE tag_changes (
    change_id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag       TEXT NOT NULL
);

CREATE TRIGGER new_appearances_are_noted AFTER INSERT ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || NEW.player_id);
END;
CREATE TRIGGER changed_appearances_are_noted AFTER UPDATE ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || NEW.player_id);
END;
CREATE TRIGGER deleted_appearances_are_noted AFTER DELETE ON appearances
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('player:' || OLD.player_id);
END;
CREATE TRIGGER names_are_noted AFTER UPDATE OF name ON users WHEN OLD.name <> NEW.name
BEGIN
    INSERT INTO tag_changes (tag)
    SELECT 'player:' || player_id FROM players WHERE user_id = OLD.user_id;
END;
CREATE TRIGGER leaving_users_are_noted AFTER DELETE ON users
BEGIN
    INSERT INTO tag_changes (tag)
    SELECT 'player:' || player_id FROM players WHERE user_id = OLD.user_id;
END;
CREATE TRIGGER new_stocks_are_noted AFTER INSERT ON stocks
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('stocks');
END;
CREATE TRIGGER changed_stocks_are_noted AFTER UPDATE ON stocks
WHEN (OLD.name, OLD.category, OLD.description, OLD.kid_friendly_description, OLD.fun_fact)
    IS NOT (NEW.name, NEW.category, NEW.description, NEW.kid_friendly_description, NEW.fun_fact)
BEGIN
    INSERT INTO tag_changes (tag) VALUES ('stocks');
END;
