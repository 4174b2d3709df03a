-- The highest cost of the bcrypt hashes of imported users: a failed login does the work of one such
-- hash for every address. No row: no user was imported. The same as in ../sqlite.

CREATE TABLE imported_passwords (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    bcrypt_cost BIGINT NOT NULL
);
