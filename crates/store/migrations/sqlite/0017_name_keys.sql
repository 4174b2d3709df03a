-- What must not be equal for two names of players: how a name reads and how it looks. Two players
-- who had such names before keep them; the keys belong to the first of them. The same as in ../postgres.

CREATE TABLE name_keys (
    name_key     TEXT   NOT NULL PRIMARY KEY,
    user_id      BIGINT NOT NULL,
    is_pseudonym BIGINT NOT NULL CHECK (is_pseudonym IN (0, 1))
);
CREATE INDEX name_keys_by_user ON name_keys (user_id, is_pseudonym);
