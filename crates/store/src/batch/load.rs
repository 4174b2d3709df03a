//! Loads players, holdings and used idempotency keys for a batch, and players and holdings for
//! verification.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AchievementSet, Day, Holding, Invested, Money, Month, Player, Quantity, Rejection, UnixMicros,
};

use super::{BatchState, LoadKey, Valuation};
use crate::decode::{read_day, read_hash};
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::Conn;
use crate::{Store, StoreError, StoredOutcome};

pub(super) static PLAYERS: LazyStatement = LazyStatement::with_rows(
    "batch.players",
    "player_id bigint, stock_id bigint, about_version bigint, text_key bigint",
    // A holding counts for achievements if it reaches the minimum value and was opened before
    // the last finished session. Categories are bits. One pass over the holdings of each
    // player: a join with their sums compares every player of the batch with every other. The
    // grouped part has 30 columns at most: with more, SQLite prefers to compare every holding with
    // all prices.
    "WITH wanted AS MATERIALIZED ({rows}),
     prices AS MATERIALIZED ({prices:{$1}:prices}),
     loaded AS (
     SELECT p.player_id, p.game_id, p.cash, p.total_xp, p.balance_version, p.head_hash, p.head_month,
         p.xp_day, p.xp_day_trades, p.session_day, p.session_trades, p.trades, p.notes,
         p.stocks_bought,
         p.categories_bought, p.realised_profit, p.achievements, p.achievements_more,
         CAST(COALESCE(SUM({value:h.quantity:r.price:{$4}}), 0) AS BIGINT)
             AS holdings_value,
         COUNT(*) FILTER (WHERE h.opened_on < {$3} AND h.quantity > 0
             AND {value:h.quantity:r.price:{$4}} >= {$2})
             AS invested_stocks,
         CAST(COALESCE({bits:s.category_id}
             FILTER (WHERE h.opened_on < {$3} AND h.quantity > 0
             AND {value:h.quantity:r.price:{$4}} >= {$2}), 0) AS BIGINT)
             AS invested_categories,
         MIN(h.opened_on) FILTER (WHERE h.quantity > 0
             AND {value:h.quantity:r.price:{$4}} >= {$2})
             AS invested_since,
         MAX(h.stock_id) FILTER (WHERE h.stock_id = w.stock_id) AS stock_id,
         MAX(h.quantity) FILTER (WHERE h.stock_id = w.stock_id) AS quantity,
         MAX(h.cost_basis) FILTER (WHERE h.stock_id = w.stock_id) AS cost_basis,
         MAX(h.opened_on) FILTER (WHERE h.stock_id = w.stock_id) AS opened_on,
         MAX(h.bought_on) FILTER (WHERE h.stock_id = w.stock_id) AS bought_on,
         MAX(h.noted_on) FILTER (WHERE h.stock_id = w.stock_id) AS noted_on,
         n.version AS noted_version, t.text_key AS known_text
     FROM wanted w
     JOIN players p ON p.player_id = w.player_id
     LEFT JOIN holdings h ON h.player_id = w.player_id
     LEFT JOIN prices r ON r.stock_id = h.stock_id
     LEFT JOIN stocks s ON s.stock_id = h.stock_id
     LEFT JOIN trade_notes n ON n.player_id = w.player_id AND n.version = w.about_version
         AND n.counted = 1
     LEFT JOIN note_texts t ON t.player_id = w.player_id AND t.text_key = w.text_key
     GROUP BY p.player_id, w.stock_id, w.about_version, w.text_key, n.version, t.text_key)
     SELECT loaded.*,
         (SELECT g.sealed_until FROM audit_sealing g WHERE g.id = 1) AS sealed_until,
         (SELECT MAX(v.version) FROM game_rules v WHERE v.game_id = loaded.game_id) AS newest_rules
     FROM loaded",
);

pub(super) static KEYS: LazyStatement = LazyStatement::with_rows(
    "batch.keys",
    "player_id bigint, key text",
    "WITH wanted AS MATERIALIZED ({rows})
     SELECT i.player_id, i.key, i.fingerprint, i.month, i.version, i.rejection, i.request_id
     FROM wanted w
     JOIN idempotency i ON i.player_id = w.player_id AND i.key = w.key",
);

pub(super) static HEADS_PAGE: LazyStatement = LazyStatement::new(
    "players.heads_page",
    "SELECT player_id, cash, total_xp, balance_version, head_hash, head_month, xp_day,
         xp_day_trades, session_day, session_trades, trades, notes, stocks_bought,
         categories_bought, realised_profit, achievements, achievements_more, CAST(NULL AS BIGINT) AS holdings_value,
         CAST(NULL AS BIGINT) AS invested_stocks, CAST(NULL AS BIGINT) AS invested_categories,
         CAST(NULL AS BIGINT) AS invested_since, CAST(NULL AS BIGINT) AS sealed_until,
         CAST(NULL AS BIGINT) AS newest_rules,
         CAST(NULL AS BIGINT) AS stock_id,
         CAST(NULL AS BIGINT) AS quantity, CAST(NULL AS BIGINT) AS cost_basis,
         CAST(NULL AS BIGINT) AS opened_on, CAST(NULL AS BIGINT) AS bought_on,
         CAST(NULL AS BIGINT) AS noted_on,
         CAST(NULL AS BIGINT) AS noted_version, CAST(NULL AS BIGINT) AS known_text
     FROM players WHERE player_id > $1 ORDER BY player_id LIMIT $2",
);

pub(super) static HOLDINGS_RANGE: LazyStatement = LazyStatement::new(
    "holdings.range",
    "SELECT player_id, stock_id, quantity, cost_basis, opened_on, bought_on, noted_on FROM holdings
     WHERE player_id > $1 AND player_id <= $2 ORDER BY player_id, stock_id",
);

row! {
    struct PlayerRow {
        player_id: i64,
        cash: i64,
        total_xp: i64,
        balance_version: i64,
        head_hash: Vec<u8>,
        head_month: i64,
        xp_day: i64,
        xp_day_trades: i64,
        session_day: Option<i64>,
        session_trades: Option<i64>,
        trades: i64,
        notes: i64,
        stocks_bought: i64,
        categories_bought: i64,
        realised_profit: i64,
        achievements: i64,
        achievements_more: Option<Vec<u8>>,
        ..joined: JoinedColumns
    }
}

row! {
    /// The joined columns of a player's row: sums of all holdings, the cut of the newest seal, the
    /// newest version of the rules, one holding, one noted trade, one note text.
    struct JoinedColumns {
        holdings_value: Option<i64>,
        invested_stocks: Option<i64>,
        invested_categories: Option<i64>,
        invested_since: Option<i64>,
        sealed_until: Option<i64>,
        newest_rules: Option<i64>,
        stock_id: Option<i64>,
        quantity: Option<i64>,
        cost_basis: Option<i64>,
        opened_on: Option<i64>,
        bought_on: Option<i64>,
        noted_on: Option<i64>,
        noted_version: Option<i64>,
        known_text: Option<i64>,
    }
}

row! {
    struct KeyRow {
        player_id: i64,
        key: String,
        fingerprint: Vec<u8>,
        month: Option<i64>,
        version: Option<i64>,
        rejection: Option<String>,
        request_id: String,
    }
}

row! {
    struct HoldingRecord {
        player_id: i64,
        stock_id: i64,
        quantity: i64,
        cost_basis: i64,
        opened_on: i64,
        bought_on: Option<i64>,
        noted_on: Option<i64>,
    }
}

impl PlayerRow {
    fn read(&self) -> Result<Player, StoreError> {
        Ok(Player {
            player_id: self.player_id,
            cash: Money(self.cash),
            total_xp: self.total_xp,
            balance_version: self.balance_version,
            head_hash: read_hash(&self.head_hash)?,
            head_month: Month(self.head_month),
            xp_day: self.xp_day,
            xp_day_trades: self.xp_day_trades,
            session_day: self.session_day.map(read_day).transpose()?.unwrap_or_default(),
            session_trades: self.session_trades.unwrap_or(0),
            trades: self.trades,
            notes: self.notes,
            stocks_bought: self.stocks_bought,
            categories_bought: self.categories_bought,
            realised_profit: Money(self.realised_profit),
            achievements: AchievementSet::from_parts(
                self.achievements,
                self.achievements_more.clone().unwrap_or_default(),
            ),
            holdings_value: Money(self.joined.holdings_value.unwrap_or(0)),
            invested: Invested {
                stocks: self.joined.invested_stocks.unwrap_or(0),
                categories: self.joined.invested_categories.unwrap_or(0),
                since: self.joined.invested_since.map(read_day).transpose()?,
            },
            sealed_until: UnixMicros(self.joined.sealed_until.unwrap_or(0)),
            market_day: Day::default(),
            sellable_session: None,
            holdings: BTreeMap::new(),
            noted: BTreeSet::new(),
            known_texts: BTreeSet::new(),
            new_texts: BTreeSet::new(),
        })
    }
}

impl JoinedColumns {
    fn holding(&self) -> Result<Option<(i64, Holding)>, StoreError> {
        let (Some(stock_id), Some(quantity), Some(cost_basis), Some(opened_on)) =
            (self.stock_id, self.quantity, self.cost_basis, self.opened_on)
        else {
            return Ok(None);
        };
        let days = (opened_on, self.bought_on, self.noted_on);
        Ok(Some((stock_id, read_holding(quantity, cost_basis, days)?)))
    }
}

fn read_holding(
    quantity: i64,
    cost_basis: i64,
    (opened_on, bought_on, noted_on): (i64, Option<i64>, Option<i64>),
) -> Result<Holding, StoreError> {
    Ok(Holding {
        quantity: Quantity(quantity),
        cost_basis: Money(cost_basis),
        opened_on: read_day(opened_on)?,
        // Versions before the column have not written it.
        bought_on: read_day(bought_on.unwrap_or(opened_on))?,
        noted_on: noted_on.map(read_day).transpose()?,
    })
}

/// Loads the players with the requested holdings, without keys.
pub(super) async fn load(
    mut conn: Conn<'_>,
    wanted: &[LoadKey],
    valuation: &Valuation,
) -> Result<BatchState, StoreError> {
    let rows = wanted_rows(wanted);
    let found = conn.run().fetch_all(&PLAYERS, player_params(&rows, valuation)).await?;
    read_state(found, valuation)
}

fn wanted_rows(wanted: &[LoadKey]) -> RowSet {
    RowSet::new(vec![
        RowSet::int(wanted, |w| w.player_id),
        RowSet::optional_int(wanted, |w| w.stock_id),
        RowSet::optional_int(wanted, |w| w.about_version),
        RowSet::optional_int(wanted, |w| w.text_key),
    ])
}

/// The parameters of [`PLAYERS`].
fn player_params<'p>(
    rows: &'p RowSet,
    valuation: &'p Valuation,
) -> (&'p RowSet, &'p str, i64, i64, i64) {
    let held_before = i64::from(valuation.held_before.0);
    let units = valuation.minor_unit.price_units();
    (rows, &valuation.prices_json, valuation.holding_value_min.0, held_before, units)
}

fn read_state(found: Vec<PlayerRow>, valuation: &Valuation) -> Result<BatchState, StoreError> {
    let mut state = BatchState::default();
    for row in found {
        state.newest_rules = state.newest_rules.max(row.joined.newest_rules.unwrap_or(0));
        let player = match state.players.entry(row.player_id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Valuation { market_day, sellable_session, .. } = *valuation;
                let player = Player { market_day, sellable_session, ..row.read()? };
                entry.insert(player)
            }
        };
        player.holdings.extend(row.joined.holding()?);
        player.noted.extend(row.joined.noted_version);
        player.known_texts.extend(row.joined.known_text);
    }
    Ok(state)
}

impl BatchState {
    /// Adds the used keys.
    pub(super) async fn with_keys(
        mut self,
        mut conn: Conn<'_>,
        keys: &[(i64, String)],
    ) -> Result<Self, StoreError> {
        if keys.is_empty() {
            return Ok(self);
        }
        let rows = RowSet::new(vec![
            RowSet::int(keys, |(player_id, _)| *player_id),
            RowSet::text(keys, |(_, key)| key.clone()),
        ]);
        let found: Vec<KeyRow> = conn.run().fetch_all(&KEYS, (&rows,)).await?;
        for row in found {
            let version =
                row.month.zip(row.version).map(|(month, version)| (Month(month), version));
            let rejection = row.rejection.and_then(|code| Rejection::from_code(&code));
            let KeyRow { fingerprint, request_id, .. } = row;
            let seen = StoredOutcome { fingerprint, version, rejection, request_id };
            self.seen.insert((row.player_id, row.key), seen);
        }
        Ok(self)
    }
}

impl Store {
    /// Loads the players of a batch with the requested holdings, valued at `valuation`, and the
    /// used keys. At most two statements.
    pub async fn load_batch(
        &self,
        wanted: &[LoadKey],
        keys: &[(i64, String)],
        valuation: &Valuation,
    ) -> Result<BatchState, StoreError> {
        // Reads from the writer: stale rows of a replica or an older snapshot only cause version
        // conflicts.
        let mut writer = self.acquire_writer().await?;
        let state = load(writer.conn(), wanted, valuation).await?;
        state.with_keys(writer.conn(), keys).await
    }

    /// Players in ascending order as a batch loads them: valued, without single holdings.
    pub(crate) async fn load_valued(
        &self,
        player_ids: &[i64],
        valuation: &Valuation,
    ) -> Result<Vec<Player>, StoreError> {
        let wanted = player_ids.iter().map(|&player_id| LoadKey {
            player_id,
            stock_id: None,
            about_version: None,
            text_key: None,
        });
        let rows = wanted_rows(&wanted.collect::<Vec<_>>());
        let found = self.scan().fetch_all(&PLAYERS, player_params(&rows, valuation)).await?;
        Ok(read_state(found, valuation)?.players.into_values().collect())
    }

    /// Players after `after_player_id` in ascending order, without holdings, at most `limit`.
    pub async fn chain_heads_page(
        &self,
        after_player_id: i64,
        limit: i64,
    ) -> Result<Vec<Player>, StoreError> {
        let rows: Vec<PlayerRow> =
            self.scan().fetch_all(&HEADS_PAGE, (after_player_id, limit)).await?;
        rows.iter().map(PlayerRow::read).collect()
    }

    /// Holdings of the players after `after_player` up to `up_to_player`, including those without
    /// shares.
    pub async fn holdings_range(
        &self,
        after_player: i64,
        up_to_player: i64,
    ) -> Result<Vec<(i64, i64, Holding)>, StoreError> {
        let rows: Vec<HoldingRecord> =
            self.scan().fetch_all(&HOLDINGS_RANGE, (after_player, up_to_player)).await?;
        let read = |row: HoldingRecord| {
            let days = (row.opened_on, row.bought_on, row.noted_on);
            let holding = read_holding(row.quantity, row.cost_basis, days)?;
            Ok((row.player_id, row.stock_id, holding))
        };
        rows.into_iter().map(read).collect()
    }
}
