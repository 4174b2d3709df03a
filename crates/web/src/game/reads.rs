//! Cached reads of data that trades do not change: stocks, last closes, names of players. Database
//! triggers invalidate their tags on every node (`store::changes`). Cached values are loaded from
//! the primary; only uncached histories come from the read replica.

use std::collections::HashMap;
use std::sync::Arc;

use cluster::{CacheError, Family, RowGroup};
use domain::{Day, PageRequest, Price, Symbol};
use store::{PlayerLabel, StockRow, Store, StoreError};

use crate::problem::Problem;
use crate::state::AppState;

const STOCKS: &[&str] = &["stocks"];
/// The tag of the closes of sessions; invalidated when closes are saved.
pub const CLOSES_TAG: &str = "closes";

/// Closes by stock id, oldest first.
pub(crate) type Closes = HashMap<i64, Vec<(Day, Price)>>;

/// The tag of a player's label.
fn player_tag(player_id: i64) -> String {
    format!("player:{player_id}")
}

impl AppState {
    pub(crate) async fn stock(&self, symbol: &Symbol) -> Result<Option<StockRow>, Problem> {
        let (store, wanted) = (self.store.clone(), symbol.clone());
        let load = move || async move { store.find_stock(&wanted).await };
        let found = self.cache.get_or_load(Family::Profile, symbol.as_str(), STOCKS, load).await;
        Ok(Option::clone(&*found?))
    }

    /// A page of stocks, and the total number; see `Store::stocks_page`.
    pub(crate) async fn stocks(
        &self,
        category: Option<&str>,
        search: Option<&str>,
        page: PageRequest,
    ) -> Result<Arc<(Vec<StockRow>, i64)>, Problem> {
        let store = self.store.clone();
        let (category, search) = (category.map(str::to_owned), search.map(str::to_owned));
        let key = format!("{:?}", (page.offset(), page.per_page(), &category, &search));
        let load = move || async move {
            store.stocks_page(category.as_deref(), search.as_deref(), page).await
        };
        Ok(self.cache.get_or_load(Family::Listing, &key, STOCKS, load).await?)
    }

    pub(crate) async fn categories(&self) -> Result<Arc<Vec<String>>, Problem> {
        let store = self.store.clone();
        let load = move || async move { store.stock_categories().await };
        Ok(self.cache.get_or_load(Family::Listing, "categories", STOCKS, load).await?)
    }

    /// The closes of stocks in a range of days whose closes are final.
    pub(crate) async fn closes(
        &self,
        stock_ids: Vec<i64>,
        from: Day,
        to: Day,
    ) -> Result<Arc<Closes>, Problem> {
        let store = self.store.clone();
        let key = format!("{from} {to} {stock_ids:?}");
        let load = move || async move { store.recent_closes(&stock_ids, from, to).await };
        Ok(self.cache.get_or_load(Family::Quote, &key, &[CLOSES_TAG], load).await?)
    }

    pub(crate) async fn stock_history(
        &self,
        stock_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<(Day, Price)>, Problem> {
        let read = |store: Store| async move { store.stock_history(stock_id, from, to).await };
        Ok(self.store.with_replica(read).await?)
    }

    /// The labels of players on a leaderboard; see `Store::player_labels`.
    pub(crate) async fn player_labels(
        &self,
        player_ids: &[i64],
        snapshot_id: i64,
    ) -> Result<HashMap<i64, Arc<PlayerLabel>>, Problem> {
        let store = self.store.clone();
        let load = move |ids: Vec<i64>| async move { store.player_labels(&ids, snapshot_id).await };
        let group = RowGroup { family: Family::Leaderboard, number: snapshot_id, tag: player_tag };
        Ok(self.cache.get_or_load_each(group, player_ids, load).await?)
    }

    /// Invalidates the player's label on this node after a committed change and publishes its tag.
    /// Other nodes also find it in `tag_changes`.
    pub(crate) fn player_changed(&self, player_id: i64) {
        self.cache.invalidate(&player_tag(player_id));
    }

    /// Removes the player from this node's leaderboards and cache after the user was erased. Other
    /// nodes read the erasure from the database.
    pub(crate) fn player_erased(&self, player_id: i64) {
        self.boards.exclude(player_id);
        self.player_changed(player_id);
    }
}

impl From<CacheError<StoreError>> for Problem {
    fn from(error: CacheError<StoreError>) -> Self {
        match error {
            CacheError::Load(error) => Self::from(&*error),
            CacheError::Lost => {
                tracing::error!("the task that loaded a cached value panicked");
                Self::internal()
            }
        }
    }
}
