-- Who was forgotten, and when: numbers and instants, no name and no address. A backup that is put
-- back has these people again; by this, and the file it is copied to, they are forgotten again.

CREATE TABLE erasures (
    user_id       BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    erased_at     BIGINT NOT NULL,
    PRIMARY KEY (user_id, registered_at)
);

CREATE INDEX erasures_by_time ON erasures (erased_at, user_id, registered_at);
