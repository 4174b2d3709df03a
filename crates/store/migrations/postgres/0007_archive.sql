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
    digest        BYTEA,
    held          BIGINT NOT NULL CHECK (held IN (0, 1)),
    fence         BIGINT NOT NULL,
    error         TEXT,
    updated_at    BIGINT NOT NULL
);

-- That a month's entries are being deleted, or were.
CREATE TABLE audit_cuts (
    month  BIGINT NOT NULL PRIMARY KEY,
    reason TEXT   NOT NULL,
    cut_at BIGINT NOT NULL
);

-- What a chain added up to at the last of its entries that was deleted.
CREATE TABLE audit_heads (
    player_id BIGINT NOT NULL PRIMARY KEY,
    version   BIGINT NOT NULL,
    month     BIGINT NOT NULL,
    hash      BYTEA  NOT NULL,
    cash      BIGINT NOT NULL,
    total_xp  BIGINT NOT NULL
);

CREATE TABLE audit_head_holdings (
    player_id  BIGINT NOT NULL,
    stock_id   BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    quantity   BIGINT NOT NULL,
    cost_basis BIGINT NOT NULL,
    PRIMARY KEY (player_id, stock_id)
);

-- Whether a month's entries may be deleted. A month on hold, or without an archive, never.
CREATE FUNCTION may_delete_ledger_month(which BIGINT) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM audit_archives a WHERE a.month = which AND a.held = 0
            AND (a.state = 'verified'
                 OR EXISTS (SELECT 1 FROM audit_cuts c WHERE c.month = which)))
$$;

-- UPDATE and TRUNCATE go on to be refused always; only DELETE of a permitted month is let through.
CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF may_delete_ledger_month(OLD.month) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the ledger is immutable';
END $$;

-- Takes a month's partition away. The program drops partitions in no other way. That an owner of
-- the table drops one by hand could only be refused by an event trigger, which takes a superuser to
-- make. The row is locked, so that no hold is laid on the month meanwhile.
CREATE FUNCTION drop_ledger_month(which BIGINT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition TEXT := 'portfolio_audit_' || which;
BEGIN
    PERFORM 1 FROM audit_archives a WHERE a.month = which FOR UPDATE;
    IF NOT may_delete_ledger_month(which) THEN
        RAISE EXCEPTION 'the ledger is immutable';
    END IF;
    IF to_regclass(partition) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE portfolio_audit DETACH PARTITION %I', partition);
    EXECUTE format('DROP TABLE %I', partition);
END $$;

CREATE FUNCTION refuse_held_cut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_archives a WHERE a.month = NEW.month AND a.held = 1) THEN
        RAISE EXCEPTION 'the month is on hold';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_cuts_refuse_held_months BEFORE INSERT ON audit_cuts
    FOR EACH ROW EXECUTE FUNCTION refuse_held_cut();
