//! The statements that write a batch and their row sets. Each statement writes the rows of all
//! players in ascending key order; `commit` has the order of the statements.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fill, Hash, LedgerEntry, Player, UnixMicros};

use super::{IdempotencyRecord, PlayerUpdate};
use crate::rows::RowSet;
use crate::statement::LazyStatement;

const RECORD_COLUMNS: &str = "\
    player_id bigint, key text, fingerprint bytea, month bigint, version bigint, rejection text, \
    request_id text, created_at bigint";

/// Inserts a set of records; `$beside` adds a further CTE.
macro_rules! insert_records {
    ($beside:literal) => {
        concat!(
            "WITH batch AS ({rows})",
            $beside,
            "
         INSERT INTO idempotency (player_id, key, fingerprint, month, version, rejection,
             request_id, created_at)
         SELECT player_id, key, fingerprint, month, version, rejection, request_id, created_at
         FROM batch WHERE true ORDER BY player_id, key
         ON CONFLICT (player_id, key) DO NOTHING"
        )
    };
}

pub(super) static RECORDS: LazyStatement =
    LazyStatement::with_rows("batch.records", RECORD_COLUMNS, insert_records!(""));

/// For a batch that writes nothing else: with its mark.
pub(super) static MARKED_RECORDS: LazyStatement =
    LazyStatement::with_rows("batch.marked_records", RECORD_COLUMNS, insert_records!("{mark}"));

const PLAYER_COLUMNS: &str = "\
    player_id bigint, version_before bigint, head_before bytea, cash bigint, total_xp bigint, \
    balance_version bigint, head_hash bytea, head_month bigint, xp_day bigint, \
    xp_day_trades bigint, session_day bigint, session_trades bigint, trades bigint, notes bigint, stocks_bought bigint, \
    categories_bought bigint, realised_profit bigint, achievements bigint, achievements_more bytea, updated_at bigint";

/// Updates a set of players; `$beside` adds a further CTE, `$guard` a condition. The rows are
/// sorted and looked up one by one, so they are locked in ascending order, as in every batch. A
/// batch that waited for another one sees the newer version and skips the player. All are skipped
/// if a seal was announced since they were loaded whose cut is not before the time of their
/// entries.
macro_rules! update_players {
    ($beside:literal, $guard:literal) => {
        concat!(
            "WITH batch AS MATERIALIZED ({rows})",
            $beside,
            "
         UPDATE players SET
             cash = b.cash, total_xp = b.total_xp, balance_version = b.balance_version,
             head_hash = b.head_hash, head_month = b.head_month, xp_day = b.xp_day,
             xp_day_trades = b.xp_day_trades, session_day = b.session_day,
             session_trades = b.session_trades, trades = b.trades, notes = b.notes,
             stocks_bought = b.stocks_bought, categories_bought = b.categories_bought,
             realised_profit = b.realised_profit, achievements = b.achievements,
             achievements_more = b.achievements_more,
             updated_at = b.updated_at
         FROM batch b
         WHERE players.player_id = b.player_id AND players.balance_version = b.version_before
             AND players.head_hash = b.head_before
             AND b.updated_at > (SELECT g.sealed_until FROM audit_sealing g WHERE g.id = 1)",
            $guard,
            "
         RETURNING players.player_id"
        )
    };
}

/// The players of a batch, with the batch mark. A batch that was settled (at `{$1}`) by an older
/// version of the rules than the one in force then (`{$3}`) skips all its players. A scalar
/// subquery, because a join could change the order in which players are locked.
pub(super) static PLAYERS: LazyStatement = LazyStatement::with_rows(
    "batch.update_players",
    PLAYER_COLUMNS,
    update_players!(
        "{mark}",
        "
             AND COALESCE(CAST({$3} AS BIGINT), 0) >= COALESCE((SELECT MAX(r.version)
                 FROM game_rules r
                 WHERE r.game_id = players.game_id AND r.effective_from <= {$1}), 0)"
    ),
);

pub(crate) static OPENED_PLAYERS: LazyStatement =
    LazyStatement::with_rows("players.update_opened", PLAYER_COLUMNS, update_players!("", ""));

pub(crate) static HOLDINGS: LazyStatement = LazyStatement::with_rows(
    "batch.save_holdings",
    "player_id bigint, stock_id bigint, quantity bigint, cost_basis bigint, opened_on bigint, \
     bought_on bigint, noted_on bigint",
    "WITH batch AS ({rows})
     INSERT INTO holdings
         (player_id, stock_id, quantity, cost_basis, opened_on, bought_on, noted_on)
     SELECT player_id, stock_id, quantity, cost_basis, opened_on, bought_on, noted_on FROM batch
     WHERE true ORDER BY player_id, stock_id
     ON CONFLICT (player_id, stock_id) DO UPDATE SET
         quantity = excluded.quantity, cost_basis = excluded.cost_basis,
         opened_on = excluded.opened_on, bought_on = excluded.bought_on,
         noted_on = excluded.noted_on",
);

pub(crate) const ENTRY_COLUMNS: &str = "\
    player_id bigint, version bigint, month bigint, kind text, stock_id bigint, quantity bigint, \
    price bigint, amount bigint, fee bigint, xp_trade bigint, xp_achievements bigint, \
    cash_after bigint, quantity_after bigint, cost_basis_after bigint, total_xp_after bigint, \
    quote_as_of bigint, quote_day bigint, quote_source text, about_version bigint, \
    created_at bigint, rules_version bigint, hash bytea";

/// Inserts a set of ledger entries; `$rest` follows the SELECT.
macro_rules! insert_entries {
    ($tail:literal) => {
        concat!(
            "WITH batch AS ({rows})
         INSERT INTO portfolio_audit (player_id, version, month, kind, stock_id, quantity, price,
             amount, fee, xp_trade, xp_achievements, cash_after, quantity_after,
             cost_basis_after, total_xp_after, quote_as_of, quote_day, quote_source,
             about_version, created_at, rules_version, hash)
         SELECT player_id, version, month, kind, stock_id, quantity, price, amount, fee,
             xp_trade, xp_achievements, cash_after, quantity_after, cost_basis_after,
             total_xp_after, quote_as_of, quote_day, quote_source, about_version, created_at,
             rules_version, hash
         FROM batch",
            $tail
        )
    };
}
pub(crate) use insert_entries;

pub(crate) static ENTRIES: LazyStatement =
    LazyStatement::with_rows("batch.insert_entries", ENTRY_COLUMNS, insert_entries!(""));

pub(crate) static UNLOCKS: LazyStatement = LazyStatement::with_rows(
    "batch.insert_unlocks",
    "player_id bigint, achievement_id bigint, version bigint, xp bigint, unlocked_at bigint",
    "WITH batch AS ({rows})
     INSERT INTO player_achievements (player_id, achievement_id, version, xp, unlocked_at)
     SELECT player_id, achievement_id, version, xp, unlocked_at FROM batch",
);

// Players erased meanwhile get no notes; see `erase`.
pub(super) static NOTES: LazyStatement = LazyStatement::with_rows(
    "batch.save_notes",
    "player_id bigint, version bigint, text text, written_at bigint, counted bigint",
    "WITH batch AS ({rows})
     INSERT INTO trade_notes (player_id, version, text, written_at, counted)
     SELECT b.player_id, b.version, b.text, b.written_at, b.counted FROM batch b
     JOIN players p ON p.player_id = b.player_id
     JOIN users u ON u.user_id = p.user_id
     WHERE true ORDER BY b.player_id, b.version
     ON CONFLICT (player_id, version) DO UPDATE SET
         text = excluded.text, written_at = excluded.written_at,
         counted = CASE WHEN trade_notes.counted = 1 THEN 1 ELSE excluded.counted END",
);

pub(super) static NOTE_TEXTS: LazyStatement = LazyStatement::with_rows(
    "batch.save_note_texts",
    "player_id bigint, text_key bigint",
    "WITH batch AS ({rows})
     INSERT INTO note_texts (player_id, text_key)
     SELECT b.player_id, b.text_key FROM batch b
     JOIN players p ON p.player_id = b.player_id
     JOIN users u ON u.user_id = p.user_id
     WHERE true ORDER BY b.player_id, b.text_key
     ON CONFLICT (player_id, text_key) DO NOTHING",
);

/// RowSet of players with the version and chain head that each had before.
pub(crate) fn player_rows(players: &[(&Player, i64, Hash)], now: UnixMicros) -> RowSet {
    let column = |value: fn(&Player) -> i64| RowSet::int(players, move |(p, ..)| value(p));
    RowSet::new(vec![
        column(|p| p.player_id),
        RowSet::int(players, |(_, version_before, _)| *version_before),
        RowSet::bytes(players, |(.., head_before)| head_before.0.to_vec()),
        column(|p| p.cash.0),
        column(|p| p.total_xp),
        column(|p| p.balance_version),
        RowSet::bytes(players, |(p, ..)| p.head_hash.0.to_vec()),
        column(|p| p.head_month.0),
        column(|p| p.xp_day),
        column(|p| p.xp_day_trades),
        column(|p| i64::from(p.session_day.0)),
        column(|p| p.session_trades),
        column(|p| p.trades),
        column(|p| p.notes),
        column(|p| p.stocks_bought),
        column(|p| p.categories_bought),
        column(|p| p.realised_profit.0),
        column(|p| p.achievements.mask()),
        RowSet::bytes(players, |(p, ..)| p.achievements.more().to_vec()),
        RowSet::int(players, |(p, ..)| p.entry_time(now).0),
    ])
}

pub(crate) fn entry_rows(entries: &[(&LedgerEntry, Hash)]) -> RowSet {
    let column = |value: fn(&LedgerEntry) -> i64| RowSet::int(entries, move |e| value(e.0));
    let maybe =
        |value: fn(&LedgerEntry) -> Option<i64>| RowSet::optional_int(entries, move |e| value(e.0));
    RowSet::new(vec![
        column(|e| e.player_id),
        column(|e| e.version),
        column(|e| e.month.0),
        RowSet::text(entries, |(e, _)| e.kind.as_str().to_owned()),
        maybe(|e| e.stock_id),
        column(|e| e.quantity.0),
        maybe(|e| e.price.map(|p| p.0)),
        column(|e| e.amount.0),
        column(|e| e.fee.0),
        column(|e| e.xp_trade),
        column(|e| e.xp_achievements),
        column(|e| e.cash_after.0),
        column(|e| e.quantity_after.0),
        column(|e| e.cost_basis_after.0),
        column(|e| e.total_xp_after),
        maybe(|e| e.quote_as_of.map(|at| at.0)),
        maybe(|e| e.quote_day.map(|day| i64::from(day.0))),
        RowSet::optional_text(entries, |(e, _)| e.quote_source.map(|s| s.as_str().to_owned())),
        maybe(|e| e.about_version),
        column(|e| e.created_at.0),
        maybe(|e| e.rules_version),
        RowSet::bytes(entries, |(_, hash)| hash.0.to_vec()),
    ])
}

pub(super) fn record_rows(records: &[(i64, &IdempotencyRecord)], now: UnixMicros) -> RowSet {
    RowSet::new(vec![
        RowSet::int(records, |(player_id, _)| *player_id),
        RowSet::text(records, |(_, r)| r.key.clone()),
        RowSet::bytes(records, |(_, r)| r.fingerprint.to_vec()),
        RowSet::optional_int(records, |(_, r)| r.version.map(|(month, _)| month.0)),
        RowSet::optional_int(records, |(_, r)| r.version.map(|(_, version)| version)),
        RowSet::optional_text(records, |(_, r)| r.rejection.map(|why| why.code().to_owned())),
        RowSet::text(records, |(_, r)| r.request_id.clone()),
        RowSet::int(records, |_| now.0),
    ])
}

pub(super) fn holding_rows(changes: &[&PlayerUpdate]) -> Option<RowSet> {
    let mut rows = BTreeMap::new();
    for change in changes {
        let traded: BTreeSet<i64> =
            change.fills.iter().filter_map(|fill| fill.entry.stock_id).collect();
        // A later note that counts changes a holding that its entry does not name.
        let is_noted = !change.player.new_texts.is_empty();
        for (stock_id, holding) in &change.player.holdings {
            if is_noted || traded.contains(stock_id) {
                rows.insert((change.player.player_id, *stock_id), *holding);
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().collect();
    (!rows.is_empty()).then(|| {
        RowSet::new(vec![
            RowSet::int(&rows, |((player_id, _), _)| *player_id),
            RowSet::int(&rows, |((_, stock_id), _)| *stock_id),
            RowSet::int(&rows, |(_, h)| h.quantity.0),
            RowSet::int(&rows, |(_, h)| h.cost_basis.0),
            RowSet::int(&rows, |(_, h)| i64::from(h.opened_on.0)),
            RowSet::int(&rows, |(_, h)| i64::from(h.bought_on.0)),
            RowSet::optional_int(&rows, |(_, h)| h.noted_on.map(|day| i64::from(day.0))),
        ])
    })
}

pub(super) fn unlock_rows(fills: &[&Fill]) -> Option<RowSet> {
    let rows: Vec<_> =
        fills.iter().flat_map(|f| f.unlocked.iter().map(|unlock| (&f.entry, unlock))).collect();
    (!rows.is_empty()).then(|| {
        RowSet::new(vec![
            RowSet::int(&rows, |(e, _)| e.player_id),
            RowSet::int(&rows, |(_, u)| u.achievement_id),
            RowSet::int(&rows, |(e, _)| e.version),
            RowSet::int(&rows, |(_, u)| u.xp),
            RowSet::int(&rows, |(e, _)| e.created_at.0),
        ])
    })
}

pub(super) fn note_rows(changes: &[&PlayerUpdate], now: UnixMicros) -> Option<RowSet> {
    let notes = changes.iter().flat_map(|change| {
        let player = &change.player;
        change.notes.iter().map(|(version, note)| {
            let is_counted = player.noted.contains(version);
            ((player.player_id, *version), (note, is_counted))
        })
    });
    // The later of two notes about one trade wins.
    let rows: Vec<_> = notes.collect::<BTreeMap<_, _>>().into_iter().collect();
    (!rows.is_empty()).then(|| {
        RowSet::new(vec![
            RowSet::int(&rows, |((player_id, _), _)| *player_id),
            RowSet::int(&rows, |((_, version), _)| *version),
            RowSet::text(&rows, |(_, (note, _))| note.as_str().to_owned()),
            RowSet::int(&rows, |_| now.0),
            RowSet::int(&rows, |(_, (_, is_counted))| i64::from(*is_counted)),
        ])
    })
}

pub(super) fn note_text_rows(changes: &[&PlayerUpdate]) -> Option<RowSet> {
    let texts = changes.iter().flat_map(|change| {
        change.player.new_texts.iter().map(|text_key| (change.player.player_id, *text_key))
    });
    let rows: Vec<(i64, i64)> = texts.collect();
    (!rows.is_empty()).then(|| {
        RowSet::new(vec![
            RowSet::int(&rows, |(player_id, _)| *player_id),
            RowSet::int(&rows, |(_, text_key)| *text_key),
        ])
    })
}
