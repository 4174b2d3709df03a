-- Ledger months in the archive: how far each is, what may be deleted of the ledger, and what is
-- left of every chain whose beginning was deleted. See docs/adr/0010.

CREATE TABLE audit_archives (
    month         BIGINT NOT NULL PRIMARY KEY,
    state         TEXT   NOT NULL
                  CHECK (state IN ('due', 'writing', 'written', 'verified', 'dropped')),
    location      TEXT   NOT NULL,
    manifest      TEXT,
    entries       BIGINT NOT NULL,
    first_player  BIGINT,
    first_version BIGINT,
    last_player   BIGINT,
    last_version  BIGINT,
    digest        BLOB,
    held          BIGINT NOT NULL CHECK (held IN (0, 1)),
    fence         BIGINT NOT NULL,
    error         TEXT,
    updated_at    BIGINT NOT NULL
) WITHOUT ROWID;

-- That a month's entries are being deleted, or were.
CREATE TABLE audit_cuts (
    month  BIGINT NOT NULL PRIMARY KEY,
    reason TEXT   NOT NULL,
    cut_at BIGINT NOT NULL
) WITHOUT ROWID;

-- What a chain added up to at the last of its entries that was deleted.
CREATE TABLE audit_heads (
    player_id BIGINT NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL,
    month     BIGINT NOT NULL,
    hash      BLOB   NOT NULL,
    cash      BIGINT NOT NULL,
    total_xp  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_head_holdings (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    quantity   BIGINT NOT NULL,
    cost_basis BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
) WITHOUT ROWID;

DROP TRIGGER portfolio_audit_is_never_deleted;
CREATE TRIGGER portfolio_audit_is_never_deleted BEFORE DELETE ON portfolio_audit
WHEN NOT EXISTS (
    SELECT 1 FROM audit_archives a WHERE a.month = OLD.month AND a.held = 0
        AND (a.state = 'verified'
             OR EXISTS (SELECT 1 FROM audit_cuts c WHERE c.month = OLD.month))
)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is immutable');
END;

CREATE TRIGGER audit_cuts_refuse_held_months BEFORE INSERT ON audit_cuts
WHEN EXISTS (SELECT 1 FROM audit_archives a WHERE a.month = NEW.month AND a.held = 1)
BEGIN
    SELECT RAISE(ABORT, 'the month is on hold');
END;
