//! Writes the players of the earlier application in one transaction: readers see all of them or
//! none. `laravel` reads them, the server decides what each of them becomes.

use std::collections::HashMap;

use domain::text::name_keys;
use domain::{
    AccountTransfer, Day, Fill, Hash, Holding, Money, Player, RulesRef, UnixMicros,
    open_transferred,
};

use crate::game::MAIN;
use crate::prepare::INSERT_PLAYERS;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::transaction::Tx;
use crate::{Store, StoreError, batch, schema_floor, seals};

/// The migration that a program must contain to use a database with imported players: it knows
/// bcrypt hashes, and transfers in the ledger.
const FLOOR: i64 = 20;

/// The transaction waits for the earlier database between its statements.
const BEGIN_IMPORT: &str = "BEGIN; SET LOCAL statement_timeout = '10min'; \
     SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// A user of the earlier application, validated, with what its player has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedPlayer {
    pub name: String,
    /// As entered.
    pub email: String,
    /// In lower case; unique.
    pub email_key: String,
    /// bcrypt, or [`crate::NO_PASSWORD`].
    pub password_hash: String,
    pub registered_at: UnixMicros,
    pub transfer: AccountTransfer,
    /// When the achievements of the transfer were unlocked, in their order.
    pub unlocked_at: Vec<UnixMicros>,
}

row! {
    /// What the imported players have, as the database has it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ImportedTotals {
        pub players: i64,
        pub cash: Money,
        pub xp: i64,
    }
}

row! {
    /// The shares of one stock that the imported players have.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ImportedShares {
        pub stock_id: i64,
        /// In millionths of a share.
        pub quantity: i64,
        pub cost_basis: Money,
    }
}

/// The open transaction of an import. Dropping it rolls back.
pub struct PlayerImport {
    tx: Tx,
    now: UnixMicros,
    opened_at: UnixMicros,
}

// Every start of a node takes the lock of migrations, and waits until the import has ended.
static TAKEN_EMAILS: LazyStatement = LazyStatement::with_rows(
    "player_import.taken_emails",
    "email_key text",
    "WITH wanted AS ({rows})
     SELECT u.email_key FROM wanted JOIN users u ON u.email_key = wanted.email_key",
);

static USERS: LazyStatement = LazyStatement::with_rows(
    "player_import.insert_users",
    "name text, email text, email_key text, password_hash text, created_at bigint",
    "WITH batch AS ({rows})
     INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at)
     SELECT name, email, email_key, password_hash, created_at, {$1} FROM batch
     RETURNING user_id, email_key",
);

// The first user of a name owns its keys, as with names from before keys existed.
static NAME_KEYS: LazyStatement = LazyStatement::with_rows(
    "player_import.take_names",
    "name_key text, user_id bigint",
    "WITH wanted AS ({rows})
     INSERT INTO name_keys (name_key, user_id, is_pseudonym)
     SELECT name_key, user_id, 0 FROM wanted WHERE true ORDER BY name_key, user_id
     ON CONFLICT (name_key) DO NOTHING RETURNING user_id",
);

// What was unlocked before is not shown as new.
static SEEN: LazyStatement = LazyStatement::with_rows(
    "player_import.mark_seen",
    "player_id bigint, version bigint",
    "WITH batch AS ({rows})
     INSERT INTO rewards_seen (player_id, version) SELECT player_id, version FROM batch",
);

static BCRYPT_COST: LazyStatement = LazyStatement::new(
    "player_import.bcrypt_cost",
    "SELECT i.bcrypt_cost FROM imported_passwords i WHERE i.id = 1",
);

static SAVE_BCRYPT_COST: LazyStatement = LazyStatement::new(
    "player_import.save_bcrypt_cost",
    "INSERT INTO imported_passwords (id, bcrypt_cost) VALUES (1, $1)
     ON CONFLICT (id) DO UPDATE SET bcrypt_cost = excluded.bcrypt_cost
         WHERE excluded.bcrypt_cost > imported_passwords.bcrypt_cost",
);

static TOTALS: LazyStatement = LazyStatement::new(
    "player_import.totals",
    "SELECT count(*) AS players, CAST(COALESCE(SUM(p.cash), 0) AS BIGINT) AS cash,
         CAST(COALESCE(SUM(p.total_xp), 0) AS BIGINT) AS xp
     FROM portfolio_audit l JOIN players p ON p.player_id = l.player_id
     WHERE l.created_at = $1 AND l.version = 1 AND l.quote_source = 'import'",
);

static SHARES: LazyStatement = LazyStatement::new(
    "player_import.shares",
    "SELECT h.stock_id, CAST(SUM(h.quantity) AS BIGINT) AS quantity,
         CAST(SUM(h.cost_basis) AS BIGINT) AS cost_basis
     FROM portfolio_audit l JOIN holdings h ON h.player_id = l.player_id
     WHERE l.created_at = $1 AND l.version = 1 AND l.quote_source = 'import'
     GROUP BY h.stock_id ORDER BY h.stock_id",
);

static COUNT_UNLOCKS: LazyStatement = LazyStatement::new(
    "player_import.count_unlocks",
    "SELECT count(*) FROM portfolio_audit l
     JOIN player_achievements a ON a.player_id = l.player_id AND a.version = 1
     WHERE l.created_at = $1 AND l.version = 1 AND l.quote_source = 'import'",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &TAKEN_EMAILS,
    &USERS,
    &NAME_KEYS,
    &SEEN,
    &BCRYPT_COST,
    &SAVE_BCRYPT_COST,
    &TOTALS,
    &SHARES,
    &COUNT_UNLOCKS,
];

impl Store {
    /// Begins an import. No other process may use the database; a node that starts on PostgreSQL
    /// waits until the import has ended.
    ///
    /// # Errors
    /// `Unsuitable` while a node or a command has a session on PostgreSQL, or migrates.
    pub async fn begin_player_import(&self, now: UnixMicros) -> Result<PlayerImport, StoreError> {
        let mut tx = self.begin_alone(BEGIN_IMPORT).await?;
        let opened_at = seals::entry_time(tx.conn(), now).await?;
        Ok(PlayerImport { tx, now, opened_at })
    }

    /// The highest cost of the bcrypt hashes of imported users; `None` if there are none.
    pub async fn imported_bcrypt_cost(&self) -> Result<Option<u32>, StoreError> {
        let cost: Option<i64> = self.reader().fetch_optional_scalar(&BCRYPT_COST, ()).await?;
        Ok(cost.and_then(|cost| u32::try_from(cost).ok()))
    }
}

impl PlayerImport {
    /// Which of these addresses (in lower case) users of the game have.
    pub async fn taken_emails(&mut self, keys: &[String]) -> Result<Vec<String>, StoreError> {
        let rows = RowSet::new(vec![RowSet::text(keys, Clone::clone)]);
        self.tx.run().fetch_scalars(&TAKEN_EMAILS, (&rows,)).await
    }

    /// Adds players with free addresses, about a thousand a call. Returns the addresses (in lower
    /// case) of those who share their name with an earlier user.
    pub async fn add<'r>(
        &mut self,
        players: &[ImportedPlayer],
        market_day: Day,
        rules: impl Into<RulesRef<'r>> + Send,
    ) -> Result<Vec<String>, StoreError> {
        let rules = rules.into();
        let user_ids = self.insert_users(players).await?;
        let sharing = self.take_names(players, &user_ids).await?;
        let player_ids = self.insert_players(&user_ids).await?;
        let open = |player: &ImportedPlayer| {
            let player_id = user_ids.get(&player.email_key).and_then(|id| player_ids.get(id));
            let player_id = *player_id.expect("invariant: every inserted user is returned");
            open_transferred(player_id, &player.transfer, market_day, rules, self.opened_at)
        };
        let opened: Vec<(Player, Vec<Fill>)> = players.iter().map(open).collect();
        self.insert_opened(&opened).await?;
        self.insert_unlocks(players, &opened).await?;
        Ok(sharing)
    }

    async fn insert_users(
        &mut self,
        players: &[ImportedPlayer],
    ) -> Result<HashMap<String, i64>, StoreError> {
        let rows = RowSet::new(vec![
            RowSet::text(players, |p| p.name.clone()),
            RowSet::text(players, |p| p.email.clone()),
            RowSet::text(players, |p| p.email_key.clone()),
            RowSet::text(players, |p| p.password_hash.clone()),
            RowSet::int(players, |p| p.registered_at.0),
        ]);
        let users: Vec<(i64, String)> =
            self.tx.run().fetch_all(&USERS, (&rows, self.now.0)).await?;
        Ok(users.into_iter().map(|(user_id, key)| (key, user_id)).collect())
    }

    async fn take_names(
        &mut self,
        players: &[ImportedPlayer],
        user_ids: &HashMap<String, i64>,
    ) -> Result<Vec<String>, StoreError> {
        let mut missing: HashMap<i64, usize> = HashMap::new();
        let mut keys: Vec<(String, i64)> = Vec::new();
        for player in players {
            let Some(&user_id) = user_ids.get(&player.email_key) else { continue };
            let of_name = name_keys(&player.name);
            missing.insert(user_id, of_name.len());
            keys.extend(of_name.into_iter().map(|key| (key, user_id)));
        }
        let rows = RowSet::new(vec![
            RowSet::text(&keys, |(key, _)| key.clone()),
            RowSet::int(&keys, |(_, user_id)| *user_id),
        ]);
        let taken: Vec<i64> = self.tx.run().fetch_scalars(&NAME_KEYS, (&rows,)).await?;
        for user_id in taken {
            missing.entry(user_id).and_modify(|count| *count = count.saturating_sub(1));
        }
        let is_sharing = |player: &&ImportedPlayer| {
            let user_id = user_ids.get(&player.email_key);
            user_id.and_then(|user_id| missing.get(user_id)).is_some_and(|count| *count > 0)
        };
        Ok(players.iter().filter(is_sharing).map(|player| player.email_key.clone()).collect())
    }

    /// Returns the player ids by user id.
    async fn insert_players(
        &mut self,
        user_ids: &HashMap<String, i64>,
    ) -> Result<HashMap<i64, i64>, StoreError> {
        let mut user_ids: Vec<i64> = user_ids.values().copied().collect();
        user_ids.sort_unstable();
        let rows = RowSet::new(vec![RowSet::int(&user_ids, |user_id| *user_id)]);
        let params = (&rows, vec![0u8; 32], self.opened_at.0, MAIN);
        let players: Vec<(i64, i64)> = self.tx.run().fetch_all(&INSERT_PLAYERS, params).await?;
        Ok(players.into_iter().collect())
    }

    async fn insert_opened(&mut self, opened: &[(Player, Vec<Fill>)]) -> Result<(), StoreError> {
        let before: Vec<_> = opened.iter().map(|(player, _)| (player, 0, Hash([0; 32]))).collect();
        let rows = batch::player_rows(&before, self.opened_at);
        self.tx.run().execute(&batch::OPENED_PLAYERS, (&rows,)).await?;
        let fills: Vec<_> = opened
            .iter()
            .flat_map(|(_, fills)| fills.iter().map(|fill| (&fill.entry, fill.hash)))
            .collect();
        self.tx.run().execute(&batch::ENTRIES, (&batch::entry_rows(&fills),)).await?;
        let holdings: Vec<(i64, i64, &Holding)> = opened
            .iter()
            .flat_map(|(player, _)| {
                player.holdings.iter().map(|(id, holding)| (player.player_id, *id, holding))
            })
            .collect();
        let rows = RowSet::new(vec![
            RowSet::int(&holdings, |(player_id, ..)| *player_id),
            RowSet::int(&holdings, |(_, stock_id, _)| *stock_id),
            RowSet::int(&holdings, |(.., holding)| holding.quantity.0),
            RowSet::int(&holdings, |(.., holding)| holding.cost_basis.0),
            RowSet::int(&holdings, |(.., holding)| i64::from(holding.opened_on.0)),
            RowSet::int(&holdings, |(.., holding)| i64::from(holding.bought_on.0)),
            RowSet::optional_int(&holdings, |_| None),
        ]);
        self.tx.run().execute(&batch::HOLDINGS, (&rows,)).await?;
        Ok(())
    }

    async fn insert_unlocks(
        &mut self,
        players: &[ImportedPlayer],
        opened: &[(Player, Vec<Fill>)],
    ) -> Result<(), StoreError> {
        let unlocks: Vec<(i64, i64, i64)> = opened
            .iter()
            .zip(players)
            .flat_map(|((player, _), imported)| {
                let unlocks = imported.transfer.achievement_ids.iter().zip(&imported.unlocked_at);
                unlocks.map(|(id, unlocked_at)| (player.player_id, *id, unlocked_at.0))
            })
            .collect();
        let rows = RowSet::new(vec![
            RowSet::int(&unlocks, |(player_id, ..)| *player_id),
            RowSet::int(&unlocks, |(_, achievement_id, _)| *achievement_id),
            RowSet::int(&unlocks, |_| 1),
            RowSet::int(&unlocks, |_| 0),
            RowSet::int(&unlocks, |(.., unlocked_at)| *unlocked_at),
        ]);
        self.tx.run().execute(&batch::UNLOCKS, (&rows,)).await?;
        let rows = RowSet::new(vec![
            RowSet::int(opened, |(player, _)| player.player_id),
            RowSet::int(opened, |(player, _)| player.balance_version),
        ]);
        self.tx.run().execute(&SEEN, (&rows,)).await?;
        Ok(())
    }

    /// What was imported so far, as the database has it.
    pub async fn totals(&mut self) -> Result<ImportedTotals, StoreError> {
        self.tx.run().fetch_one(&TOTALS, (self.opened_at.0,)).await
    }

    /// The imported shares by stock.
    pub async fn shares(&mut self) -> Result<Vec<ImportedShares>, StoreError> {
        self.tx.run().fetch_all(&SHARES, (self.opened_at.0,)).await
    }

    /// The number of imported unlocks of achievements.
    pub async fn count_unlocks(&mut self) -> Result<i64, StoreError> {
        self.tx.run().fetch_scalar(&COUNT_UNLOCKS, (self.opened_at.0,)).await
    }

    /// Commits. Older programs cannot use the database afterwards.
    ///
    /// # Errors
    /// `CommitLost` if PostgreSQL sent no response: the import may be committed.
    pub async fn commit(mut self, bcrypt_cost_max: Option<u32>) -> Result<(), StoreError> {
        if let Some(cost) = bcrypt_cost_max {
            self.tx.run().execute(&SAVE_BCRYPT_COST, (i64::from(cost),)).await?;
        }
        schema_floor::raise(self.tx.run(), FLOOR).await?;
        self.tx.commit_once().await
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }
}
