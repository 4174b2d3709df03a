-- Ways back into an account, of which hashes are stored only, and the tombstone of a player whose
-- user was erased. The same as in ../sqlite.

CREATE TABLE password_links (
    hash       BYTEA  PRIMARY KEY,
    user_id    BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX password_links_by_user ON password_links (user_id);
CREATE INDEX password_links_by_expiry ON password_links (expires_at);

CREATE TABLE recovery_codes (
    user_id    BIGINT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    slot       BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, slot)
);

-- NULL: the player's user is there. Boards are built from players without a tombstone.
ALTER TABLE players ADD COLUMN erased_at BIGINT;
UPDATE players SET erased_at = e.erased_at FROM erasures e
WHERE e.user_id = players.user_id
    AND NOT EXISTS (SELECT 1 FROM users u WHERE u.user_id = players.user_id);

-- The erasure is recorded before the user's row is deleted, in the same transaction.
CREATE FUNCTION note_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE players SET erased_at = COALESCE(
        (SELECT MAX(e.erased_at) FROM erasures e WHERE e.user_id = OLD.user_id), 0)
    WHERE user_id = OLD.user_id;
    INSERT INTO tag_changes (tag)
    SELECT 'erased:' || player_id FROM players WHERE user_id = OLD.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER erasures_are_noted AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION note_erasure();
