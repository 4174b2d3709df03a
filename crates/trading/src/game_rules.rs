//! The rules of a game as this node has read them: every version, and which one is in force. The
//! desk never settles by an older version than the database has in force (docs/adr/0027).

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::{Clock, Rules, UnixMicros, VersionedRules};
use store::{Game, NewRules, StockRow, Store, StoreError};

/// The author of the first version.
const FIRST_AUTHOR: &str = "openbell";
/// A new version comes into force at least so many seconds after it was applied, so that every node
/// has read it before.
pub const RULES_LEAD_S: i64 = 2;

/// The versions of a game's rules.
pub struct GameRules {
    store: Store,
    game_id: i64,
    clock: Arc<dyn Clock>,
    /// In ascending order, never empty. They also explain the entries that name them.
    versions: ArcSwap<Vec<Arc<VersionedRules>>>,
}

/// Why a version was not applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("{} cannot change in a game that has begun", .0.join(" and "))]
    Fixed(Vec<&'static str>),
    #[error("the rules are those of version {0} already")]
    Unchanged(i64),
    /// A stock or category that the market does not have.
    #[error("{0}")]
    Market(String),
    #[error("the newest version of the rules is {newest}, not {expected}")]
    Moved { expected: i64, newest: i64 },
    #[error("version {version} comes into force at {at}; a later version cannot do so earlier")]
    TooEarly { version: i64, at: UnixMicros },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change of the rules.
#[derive(Clone, Copy, Debug)]
pub struct RulesChange<'a> {
    pub rules: &'a Rules,
    /// The newest version that the author has seen.
    pub expected: i64,
    pub author: &'a str,
    pub reason: &'a str,
    /// `None`: as soon as every node has read the version.
    pub effective_from: Option<UnixMicros>,
}

impl GameRules {
    /// The rules of a game. `first` becomes version 1 if the game has none; if several nodes start
    /// at once, one of them decides for all.
    pub async fn open(
        store: &Store,
        game: &Game,
        first: &Rules,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        if let Some(known) = Self::load(store, game, Arc::clone(&clock)).await? {
            return Ok(known);
        }
        let now = clock.now();
        let reason = "the configuration at the first start";
        let new = NewRules {
            rules: first,
            author: FIRST_AUTHOR,
            reason,
            effective_from: now,
            has_awards: false,
        };
        store.append_rules(game.game_id, 0, new, now).await?;
        let opened = Self::load(store, game, clock).await?;
        opened.ok_or_else(|| StoreError::Corrupt("the game has no rules".to_owned()))
    }

    /// The rules of a game; `None` if it has none yet.
    pub async fn load(
        store: &Store,
        game: &Game,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let stored = read_after(store, game.game_id, 0).await?;
        if stored.is_empty() {
            return Ok(None);
        }
        let (store, versions) = (store.clone(), ArcSwap::from_pointee(stored));
        Ok(Some(Arc::new(Self { store, game_id: game.game_id, clock, versions })))
    }

    /// The version in force at an instant.
    pub fn at(&self, now: UnixMicros) -> Arc<VersionedRules> {
        let versions = self.versions.load();
        let in_force = versions.iter().rev().find(|version| version.effective_from <= now);
        // Before the first one, by the clock of a node that is late.
        Arc::clone(in_force.unwrap_or(&versions[0]))
    }

    /// The version in force now.
    pub fn current(&self) -> Arc<VersionedRules> {
        self.at(self.clock.now())
    }

    /// The newest version that this node has read, in force or not yet.
    pub fn newest(&self) -> Arc<VersionedRules> {
        let versions = self.versions.load();
        Arc::clone(versions.last().unwrap_or(&versions[0]))
    }

    /// The version of this number.
    pub fn find(&self, version: i64) -> Option<Arc<VersionedRules>> {
        let versions = self.versions.load();
        let found = versions.binary_search_by_key(&version, |known| known.version).ok()?;
        Some(Arc::clone(&versions[found]))
    }

    /// The version that a ledger entry names; the first one for an entry that names none.
    pub fn of_entry(&self, rules_version: Option<i64>) -> Arc<VersionedRules> {
        let found = rules_version.and_then(|version| self.find(version));
        found.unwrap_or_else(|| Arc::clone(&self.versions.load()[0]))
    }

    pub fn game_id(&self) -> i64 {
        self.game_id
    }

    /// Reads the versions that are newer than the known ones; returns whether there were any.
    ///
    /// # Errors
    /// `Corrupt` for a version that this program cannot read: a newer program applied it.
    pub async fn refresh(&self) -> Result<bool, StoreError> {
        let new = read_after(&self.store, self.game_id, self.newest().version).await?;
        if new.is_empty() {
            return Ok(false);
        }
        self.versions.rcu(|known| {
            let newest = known.last().map_or(0, |version| version.version);
            let added = new.iter().filter(|version| version.version > newest).cloned();
            known.iter().cloned().chain(added).collect::<Vec<_>>()
        });
        Ok(true)
    }

    /// Reads the versions again if the newest one in the database is not the newest known one. `0`:
    /// no player of the batch exists.
    pub(crate) async fn refresh_to(&self, newest: i64) -> Result<(), StoreError> {
        let known = self.newest().version;
        if newest > known {
            self.refresh().await?;
        } else if newest > 0 && newest < known {
            // A standby that lacked the newest version was promoted.
            self.reload().await?;
        }
        Ok(())
    }

    /// Reads all versions again, as after a change of the stocks, whose ids they permit.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let versions = read_after(&self.store, self.game_id, 0).await?;
        if !versions.is_empty() {
            self.versions.store(Arc::new(versions));
        }
        Ok(())
    }

    /// Applies a new version and returns it.
    pub async fn apply(&self, change: RulesChange<'_>) -> Result<Arc<VersionedRules>, RulesError> {
        self.refresh().await?;
        let (newest, now) = (self.newest(), self.clock.now());
        let expected = change.expected;
        if newest.version != expected {
            return Err(RulesError::Moved { expected, newest: newest.version });
        }
        // Of every version: an id of an achievement stays its own although it was removed.
        let known = self.versions.load_full();
        let fixed: BTreeSet<_> =
            known.iter().flat_map(|known| known.fixed_differences(change.rules)).collect();
        if !fixed.is_empty() {
            return Err(RulesError::Fixed(fixed.into_iter().collect()));
        }
        if newest.digest() == change.rules.digest() {
            return Err(RulesError::Unchanged(newest.version));
        }
        let stocks = self.store.all_stocks().await?;
        permit_stocks(&mut change.rules.clone(), &stocks).map_err(RulesError::Market)?;
        let soonest = now.plus_seconds(RULES_LEAD_S);
        // Without an instant, a version that is not in force yet is replaced at its own.
        let wanted = change.effective_from.unwrap_or(newest.effective_from);
        let effective_from = wanted.max(soonest);
        if effective_from < newest.effective_from {
            let (version, at) = (newest.version, newest.effective_from);
            return Err(RulesError::TooEarly { version, at });
        }
        let RulesChange { rules, author, reason, .. } = change;
        let has_awards = newest.rules.unlocks_unlike(rules);
        let new = NewRules { rules, author, reason, effective_from, has_awards };
        let is_applied = self.store.append_rules(self.game_id, expected, new, now).await?;
        self.refresh().await?;
        if !is_applied {
            return Err(RulesError::Moved { expected, newest: self.newest().version });
        }
        let applied = self.find(expected + 1);
        applied.ok_or_else(|| {
            RulesError::Store(StoreError::Corrupt("the applied rules are missing".to_owned()))
        })
    }
}

async fn read_after(
    store: &Store,
    game_id: i64,
    version: i64,
) -> Result<Vec<Arc<VersionedRules>>, StoreError> {
    let stored = store.rules_after(game_id, version).await?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let stocks = store.all_stocks().await?;
    let read = |row: store::StoredRules| {
        let parsed = VersionedRules::parse(row.version, row.effective_from, &row.text);
        let mut parsed = parsed.map_err(StoreError::Corrupt)?;
        // No stock is permitted by rules of another market; the start refuses them.
        let _ = permit_stocks(&mut parsed.rules, &stocks);
        Ok(Arc::new(parsed))
    };
    stored.into_iter().map(read).collect()
}

/// Finds the stocks that rules permit.
///
/// # Errors
/// A stock or category that is not listed.
pub fn permit_stocks(rules: &mut Rules, stocks: &[StockRow]) -> Result<(), String> {
    let listed = stocks.iter().map(|stock| (stock.stock_id, &stock.symbol, &*stock.category));
    rules.permit_stocks_of(listed)
}
