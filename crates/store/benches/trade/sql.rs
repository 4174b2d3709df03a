//! The statements of the other ways, and those that create and check players. One text for both
//! engines where possible. Openbell's statements are in `store`.

/// The row for settling an order.
pub(crate) const PLAYER: &str = "SELECT player_id, cash, total_xp, balance_version, head_hash,
         head_month, xp_day, xp_day_trades, trades, notes, stocks_bought, categories_bought,
         realised_profit, achievements
     FROM players WHERE player_id = $1";

/// The same with a row lock (SQLite's transaction locks the file).
pub(crate) const PLAYER_FOR_UPDATE: &str = "SELECT player_id, cash, total_xp, balance_version,
         head_hash, head_month, xp_day, xp_day_trades, trades, notes, stocks_bought,
         categories_bought, realised_profit, achievements
     FROM players WHERE player_id = $1 FOR UPDATE";

pub(crate) const HOLDING: &str = "SELECT quantity, cost_basis, opened_on FROM holdings
     WHERE player_id = $1 AND stock_id = $2";

pub(crate) const SAVE_PLAYER: &str = "UPDATE players SET cash = $3, total_xp = $4,
         balance_version = $5, head_hash = $6, head_month = $7, xp_day = $8, xp_day_trades = $9,
         trades = $10, stocks_bought = $11, categories_bought = $12, realised_profit = $13,
         updated_at = $14
     WHERE player_id = $1 AND balance_version = $2";

pub(crate) const SAVE_HOLDING: &str =
    "INSERT INTO holdings (player_id, stock_id, quantity, cost_basis, opened_on)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (player_id, stock_id) DO UPDATE SET quantity = excluded.quantity,
         cost_basis = excluded.cost_basis, opened_on = excluded.opened_on";

pub(crate) const ENTRY: &str = "INSERT INTO portfolio_audit (player_id, version, month, kind,
         stock_id, quantity, price, amount, fee, xp_trade, xp_achievements, cash_after,
         quantity_after, cost_basis_after, total_xp_after, quote_as_of, quote_day, quote_source,
         about_version, created_at, hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
         $20, $21)";

/// A purchase as one statement of PostgreSQL.
pub(crate) const GUARDED_BUY: &str = "WITH paid AS (
         UPDATE players SET cash = cash - $3, balance_version = balance_version + 1,
             trades = trades + 1, head_hash = $9, head_month = $6, updated_at = $8
         WHERE player_id = $1 AND cash >= $3
         RETURNING player_id, cash, total_xp, balance_version),
     held AS (
         INSERT INTO holdings AS h (player_id, stock_id, quantity, cost_basis, opened_on)
         SELECT player_id, $2, $4, $3, $5 FROM paid
         ON CONFLICT (player_id, stock_id) DO UPDATE SET
             quantity = h.quantity + excluded.quantity,
             cost_basis = h.cost_basis + excluded.cost_basis
         RETURNING h.quantity, h.cost_basis)
     INSERT INTO portfolio_audit (player_id, version, month, kind, stock_id, quantity, price,
         amount, fee, xp_trade, xp_achievements, cash_after, quantity_after, cost_basis_after,
         total_xp_after, quote_as_of, quote_day, quote_source, about_version, created_at, hash)
     SELECT p.player_id, p.balance_version, $6, 'buy', $2, $4, $7, -$3, 0, 0, 0, p.cash,
         h.quantity, h.cost_basis, p.total_xp, $8, $5, 'fixed', NULL, $8, $9
     FROM paid p, held h";

/// A sale. Selling more than is held violates a CHECK, and nothing is written.
pub(crate) const GUARDED_SELL: &str = "WITH paid AS (
         UPDATE players SET cash = cash + $3, balance_version = balance_version + 1,
             trades = trades + 1, head_hash = $9, head_month = $6, updated_at = $8
         WHERE player_id = $1
         RETURNING player_id, cash, total_xp, balance_version),
     held AS (
         UPDATE holdings h SET quantity = h.quantity - $4,
             cost_basis = h.cost_basis - h.cost_basis * $4 / h.quantity
         FROM paid WHERE h.player_id = paid.player_id AND h.stock_id = $2
         RETURNING h.quantity, h.cost_basis)
     INSERT INTO portfolio_audit (player_id, version, month, kind, stock_id, quantity, price,
         amount, fee, xp_trade, xp_achievements, cash_after, quantity_after, cost_basis_after,
         total_xp_after, quote_as_of, quote_day, quote_source, about_version, created_at, hash)
     SELECT p.player_id, p.balance_version, $6, 'sell', $2, -$4, $7, $3, 0, 0, 0, p.cash,
         h.quantity, h.cost_basis, p.total_xp, $8, $5, 'fixed', NULL, $8, $9
     FROM paid p, held h";

/// SQLite writes one table per statement: a short transaction of guarded statements.
pub(crate) const GUARDED_CASH: &str = "UPDATE players SET cash = cash + $2,
         balance_version = balance_version + 1, trades = trades + 1, head_hash = $3,
         head_month = $4, updated_at = $5
     WHERE player_id = $1 AND cash + $2 >= 0
     RETURNING cash, total_xp, balance_version";

pub(crate) const GUARDED_HOLDING: &str = "UPDATE holdings SET quantity = quantity + $3,
         cost_basis = cost_basis + CASE WHEN $3 > 0 THEN $4
             ELSE cost_basis * $3 / quantity END
     WHERE player_id = $1 AND stock_id = $2 AND quantity + $3 >= 0
     RETURNING quantity, cost_basis";

pub(crate) const LAST_PLAYER: &str = "SELECT COALESCE(MAX(player_id), 0) FROM players";

pub(crate) const NEW_PLAYER: &str = "INSERT INTO players (player_id, user_id, game_id, cash,
         total_xp, balance_version, head_hash, head_month, xp_day, xp_day_trades, trades, notes,
         stocks_bought, categories_bought, realised_profit, achievements, updated_at)
     VALUES ($1, $1, 0, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12, 0, $13)";

/// Players (from, to) whose cash, version or chain head differs from their ledger.
pub(crate) const DIFFERENT_PLAYERS: &str = "SELECT COUNT(*) FROM players p
     JOIN (SELECT player_id, SUM(amount - fee) AS cash, COUNT(*) AS entries
           FROM portfolio_audit WHERE player_id BETWEEN $1 AND $2 GROUP BY player_id) l
         ON l.player_id = p.player_id
     JOIN portfolio_audit a ON a.player_id = p.player_id AND a.version = p.balance_version
     WHERE p.cash <> l.cash OR p.balance_version <> l.entries OR p.head_hash <> a.hash
         OR p.cash <> a.cash_after";

pub(crate) const TRADES: &str = "SELECT COUNT(*) FROM portfolio_audit
     WHERE player_id BETWEEN $1 AND $2 AND kind <> 'open'";

pub(crate) const WAL_POSITION: &str =
    "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS BIGINT)";
