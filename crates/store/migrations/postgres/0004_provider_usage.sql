-- What is known of each provider of prices, shared by all nodes: its breaker and what is used of its
-- quota, as one document that is replaced by compare-and-set. See docs/adr/0009.

CREATE TABLE provider_usage (
    provider   TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
