//! The statements that write a batch and the sets of rows they take, each for all players at once,
//! rows touched in the order of their keys. In which order they run is `commit`'s.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fill, Hash, LedgerEntry, Player, UnixMicros};

use super::{IdempotencyRecord, PlayerUpdate};
use crate::rows::{Rows, Type};
use crate::statement::{Lazy, Statement};

/// The columns of a set of idempotency records.
const RECORD_COLUMNS: &[(&str, Type)] = &[
    ("player_id", Type::Int),
    ("key", Type::Text),
    ("fingerprint", Type::Bytes),
    ("month", Type::Int),
    ("version", Type::Int),
    ("rejection", Type::Text),
    ("request_id", Type::Text),
    ("created_at", Type::Int),
];

/// The statement that adds a set of records, with what stands beside the set.
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

pub(super) static RECORDS: Lazy =
    Lazy::new(|| Statement::with_rows("batch.records", RECORD_COLUMNS, insert_records!("")));

/// The same for a batch that writes nothing else, with its mark.
pub(super) static MARKED_RECORDS: Lazy = Lazy::new(|| {
    let text = insert_records!("{mark}");
    Statement::with_rows("batch.marked_records", RECORD_COLUMNS, text)
});

/// The columns of a set of players.
const PLAYER_COLUMNS: &[(&str, Type)] = &[
    ("player_id", Type::Int),
    ("version_before", Type::Int),
    ("head_before", Type::Bytes),
    ("cash", Type::Int),
    ("total_xp", Type::Int),
    ("balance_version", Type::Int),
    ("head_hash", Type::Bytes),
    ("head_month", Type::Int),
    ("xp_day", Type::Int),
    ("xp_day_trades", Type::Int),
    ("trades", Type::Int),
    ("notes", Type::Int),
    ("stocks_bought", Type::Int),
    ("categories_bought", Type::Int),
    ("realised_profit", Type::Int),
    ("achievements", Type::Int),
    ("updated_at", Type::Int),
];

/// The statement that writes a set of players, with what stands beside the set. The rows come
/// sorted and are found one by one in that order, so they are locked in the order of their numbers,
/// as in every batch. A batch that waited for another one sees the newer version and skips the
/// player.
macro_rules! update_players {
    ($beside:literal) => {
        concat!(
            "WITH batch AS MATERIALIZED ({rows})",
            $beside,
            "
         UPDATE players SET
             cash = b.cash, total_xp = b.total_xp, balance_version = b.balance_version,
             head_hash = b.head_hash, head_month = b.head_month, xp_day = b.xp_day,
             xp_day_trades = b.xp_day_trades, trades = b.trades, notes = b.notes,
             stocks_bought = b.stocks_bought, categories_bought = b.categories_bought,
             realised_profit = b.realised_profit, achievements = b.achievements,
             updated_at = b.updated_at
         FROM batch b
         WHERE players.player_id = b.player_id AND players.balance_version = b.version_before
             AND players.head_hash = b.head_before
         RETURNING players.player_id"
        )
    };
}

/// The players of a batch, with its mark.
pub(super) static PLAYERS: Lazy = Lazy::new(|| {
    Statement::with_rows("batch.update_players", PLAYER_COLUMNS, update_players!("{mark}"))
});

/// New players with their first entry.
pub(crate) static OPENED_PLAYERS: Lazy = Lazy::new(|| {
    Statement::with_rows("players.update_opened", PLAYER_COLUMNS, update_players!(""))
});

pub(super) static HOLDINGS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.save_holdings",
        &[
            ("player_id", Type::Int),
            ("stock_id", Type::Int),
            ("quantity", Type::Int),
            ("cost_basis", Type::Int),
            ("opened_on", Type::Int),
            ("noted_on", Type::Int),
        ],
        "WITH batch AS ({rows})
         INSERT INTO holdings (player_id, stock_id, quantity, cost_basis, opened_on, noted_on)
         SELECT player_id, stock_id, quantity, cost_basis, opened_on, noted_on FROM batch
         WHERE true ORDER BY player_id, stock_id
         ON CONFLICT (player_id, stock_id) DO UPDATE SET
             quantity = excluded.quantity, cost_basis = excluded.cost_basis,
             opened_on = excluded.opened_on, noted_on = excluded.noted_on",
    )
});

/// The columns of a set of ledger entries.
pub(crate) const ENTRY_COLUMNS: &[(&str, Type)] = &[
    ("player_id", Type::Int),
    ("version", Type::Int),
    ("month", Type::Int),
    ("kind", Type::Text),
    ("stock_id", Type::Int),
    ("quantity", Type::Int),
    ("price", Type::Int),
    ("amount", Type::Int),
    ("fee", Type::Int),
    ("xp_trade", Type::Int),
    ("xp_achievements", Type::Int),
    ("cash_after", Type::Int),
    ("quantity_after", Type::Int),
    ("cost_basis_after", Type::Int),
    ("total_xp_after", Type::Int),
    ("quote_as_of", Type::Int),
    ("quote_day", Type::Int),
    ("quote_source", Type::Text),
    ("about_version", Type::Int),
    ("created_at", Type::Int),
    ("hash", Type::Bytes),
];

/// The statement that adds a set of ledger entries, with what follows it.
macro_rules! insert_entries {
    ($tail:literal) => {
        concat!(
            "WITH batch AS ({rows})
         INSERT INTO portfolio_audit (player_id, version, month, kind, stock_id, quantity, price,
             amount, fee, xp_trade, xp_achievements, cash_after, quantity_after,
             cost_basis_after, total_xp_after, quote_as_of, quote_day, quote_source,
             about_version, created_at, hash)
         SELECT player_id, version, month, kind, stock_id, quantity, price, amount, fee,
             xp_trade, xp_achievements, cash_after, quantity_after, cost_basis_after,
             total_xp_after, quote_as_of, quote_day, quote_source, about_version, created_at,
             hash
         FROM batch",
            $tail
        )
    };
}
pub(crate) use insert_entries;

pub(crate) static ENTRIES: Lazy =
    Lazy::new(|| Statement::with_rows("batch.insert_entries", ENTRY_COLUMNS, insert_entries!("")));

pub(super) static UNLOCKS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.insert_unlocks",
        &[
            ("player_id", Type::Int),
            ("achievement_id", Type::Int),
            ("version", Type::Int),
            ("xp", Type::Int),
            ("unlocked_at", Type::Int),
        ],
        "WITH batch AS ({rows})
         INSERT INTO player_achievements (player_id, achievement_id, version, xp, unlocked_at)
         SELECT player_id, achievement_id, version, xp, unlocked_at FROM batch",
    )
});

// Whoever left meanwhile has taken the notes along; see `erase`.
pub(super) static NOTES: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.save_notes",
        &[
            ("player_id", Type::Int),
            ("version", Type::Int),
            ("text", Type::Text),
            ("written_at", Type::Int),
            ("counted", Type::Int),
        ],
        "WITH batch AS ({rows})
         INSERT INTO trade_notes (player_id, version, text, written_at, counted)
         SELECT b.player_id, b.version, b.text, b.written_at, b.counted FROM batch b
         JOIN players p ON p.player_id = b.player_id
         JOIN users u ON u.user_id = p.user_id
         WHERE true ORDER BY b.player_id, b.version
         ON CONFLICT (player_id, version) DO UPDATE SET
             text = excluded.text, written_at = excluded.written_at,
             counted = CASE WHEN trade_notes.counted = 1 THEN 1 ELSE excluded.counted END",
    )
});

pub(super) static NOTE_TEXTS: Lazy = Lazy::new(|| {
    Statement::with_rows(
        "batch.save_note_texts",
        &[("player_id", Type::Int), ("text_key", Type::Int)],
        "WITH batch AS ({rows})
         INSERT INTO note_texts (player_id, text_key)
         SELECT b.player_id, b.text_key FROM batch b
         JOIN players p ON p.player_id = b.player_id
         JOIN users u ON u.user_id = p.user_id
         WHERE true ORDER BY b.player_id, b.text_key
         ON CONFLICT (player_id, text_key) DO NOTHING",
    )
});

/// The rows of players with the version and the head of the chain that each had before.
pub(crate) fn player_rows(players: &[(&Player, i64, Hash)], now: UnixMicros) -> Rows {
    let column = |value: fn(&Player) -> i64| Rows::int(players, move |(p, ..)| value(p));
    Rows::new(vec![
        column(|p| p.player_id),
        Rows::int(players, |(_, version_before, _)| *version_before),
        Rows::bytes(players, |(.., head_before)| head_before.0.to_vec()),
        column(|p| p.cash.0),
        column(|p| p.total_xp),
        column(|p| p.balance_version),
        Rows::bytes(players, |(p, ..)| p.head_hash.0.to_vec()),
        column(|p| p.head_month.0),
        column(|p| p.xp_day),
        column(|p| p.xp_day_trades),
        column(|p| p.trades),
        column(|p| p.notes),
        column(|p| p.stocks_bought),
        column(|p| p.categories_bought),
        column(|p| p.realised_profit.0),
        column(|p| p.achievements),
        Rows::int(players, |_| now.0),
    ])
}

/// The rows of ledger entries.
pub(crate) fn entry_rows(entries: &[(&LedgerEntry, Hash)]) -> Rows {
    let column = |value: fn(&LedgerEntry) -> i64| Rows::int(entries, move |e| value(e.0));
    let maybe = |value: fn(&LedgerEntry) -> Option<i64>| Rows::maybe(entries, move |e| value(e.0));
    Rows::new(vec![
        column(|e| e.player_id),
        column(|e| e.version),
        column(|e| e.month.0),
        Rows::text(entries, |(e, _)| e.kind.as_str().to_owned()),
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
        Rows::maybe_text(entries, |(e, _)| e.quote_source.map(|s| s.as_str().to_owned())),
        maybe(|e| e.about_version),
        column(|e| e.created_at.0),
        Rows::bytes(entries, |(_, hash)| hash.0.to_vec()),
    ])
}

pub(super) fn record_rows(records: &[(i64, &IdempotencyRecord)], now: UnixMicros) -> Rows {
    Rows::new(vec![
        Rows::int(records, |(player_id, _)| *player_id),
        Rows::text(records, |(_, r)| r.key.clone()),
        Rows::bytes(records, |(_, r)| r.fingerprint.to_vec()),
        Rows::maybe(records, |(_, r)| r.version.map(|(month, _)| month.0)),
        Rows::maybe(records, |(_, r)| r.version.map(|(_, version)| version)),
        Rows::maybe_text(records, |(_, r)| r.rejection.map(|why| why.code().to_owned())),
        Rows::text(records, |(_, r)| r.request_id.clone()),
        Rows::int(records, |_| now.0),
    ])
}

pub(super) fn holding_rows(changes: &[&PlayerUpdate]) -> Option<Rows> {
    let mut rows = BTreeMap::new();
    for change in changes {
        let traded: BTreeSet<i64> =
            change.fills.iter().filter_map(|fill| fill.entry.stock_id).collect();
        // A later note that counted has changed a holding that its entry does not name.
        let is_noted = !change.player.new_texts.is_empty();
        for (stock_id, holding) in &change.player.holdings {
            if is_noted || traded.contains(stock_id) {
                rows.insert((change.player.player_id, *stock_id), *holding);
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().collect();
    (!rows.is_empty()).then(|| {
        Rows::new(vec![
            Rows::int(&rows, |((player_id, _), _)| *player_id),
            Rows::int(&rows, |((_, stock_id), _)| *stock_id),
            Rows::int(&rows, |(_, h)| h.quantity.0),
            Rows::int(&rows, |(_, h)| h.cost_basis.0),
            Rows::int(&rows, |(_, h)| i64::from(h.opened_on.0)),
            Rows::maybe(&rows, |(_, h)| h.noted_on.map(|day| i64::from(day.0))),
        ])
    })
}

pub(super) fn unlock_rows(fills: &[&Fill]) -> Option<Rows> {
    let rows: Vec<_> =
        fills.iter().flat_map(|f| f.unlocked.iter().map(|unlock| (&f.entry, unlock))).collect();
    (!rows.is_empty()).then(|| {
        Rows::new(vec![
            Rows::int(&rows, |(e, _)| e.player_id),
            Rows::int(&rows, |(_, u)| u.achievement_id),
            Rows::int(&rows, |(e, _)| e.version),
            Rows::int(&rows, |(_, u)| u.xp),
            Rows::int(&rows, |(e, _)| e.created_at.0),
        ])
    })
}

pub(super) fn note_rows(changes: &[&PlayerUpdate], now: UnixMicros) -> Option<Rows> {
    let notes = changes.iter().flat_map(|change| {
        let player = &change.player;
        change.notes.iter().map(|(version, note)| {
            let is_counted = player.noted.contains(version);
            ((player.player_id, *version), (note, is_counted))
        })
    });
    // Of two notes about one trade the later one stays.
    let rows: Vec<_> = notes.collect::<BTreeMap<_, _>>().into_iter().collect();
    (!rows.is_empty()).then(|| {
        Rows::new(vec![
            Rows::int(&rows, |((player_id, _), _)| *player_id),
            Rows::int(&rows, |((_, version), _)| *version),
            Rows::text(&rows, |(_, (note, _))| note.as_str().to_owned()),
            Rows::int(&rows, |_| now.0),
            Rows::int(&rows, |(_, (_, is_counted))| i64::from(*is_counted)),
        ])
    })
}

pub(super) fn note_text_rows(changes: &[&PlayerUpdate]) -> Option<Rows> {
    let texts = changes.iter().flat_map(|change| {
        change.player.new_texts.iter().map(|text_key| (change.player.player_id, *text_key))
    });
    let rows: Vec<(i64, i64)> = texts.collect();
    (!rows.is_empty()).then(|| {
        Rows::new(vec![
            Rows::int(&rows, |(player_id, _)| *player_id),
            Rows::int(&rows, |(_, text_key)| *text_key),
        ])
    })
}
