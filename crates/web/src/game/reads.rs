//! What many read and a trade does not change. Through the cache: stocks, lists of them, their last
//! closes, and what boards call players. Each value lies under the tags of what it was made from;
//! triggers in the database note changes of those (`store::changes`), and every node hears of them.
//! From the replica, where there is one: longer histories. What is cached is always loaded from the
//! primary, so that nothing older is kept under the tag of something new.

use std::collections::HashMap;
use std::sync::Arc;

use cluster::{CacheError, Family, RowGroup};
use domain::{Day, PageRequest, Price, Symbol};
use store::{PlayerLabel, StockRow, Store, StoreError};

use crate::problem::Problem;
use crate::state::AppState;

/// All that is told of stocks.
const STOCKS: &[&str] = &["stocks"];
/// The tag of the closes of sessions; whoever saves some makes it old.
pub const CLOSES_TAG: &str = "closes";

/// Closes by stock, the oldest first.
pub(crate) type Closes = HashMap<i64, Vec<(Day, Price)>>;

/// What a player is called.
fn player_tag(player_id: i64) -> String {
    format!("player:{player_id}")
}

impl AppState {
    /// The stock with this symbol.
    pub(crate) async fn stock(&self, symbol: &Symbol) -> Result<Option<StockRow>, Problem> {
        let (store, asked) = (self.store.clone(), symbol.clone());
        let load = move || async move { store.find_stock(&asked).await };
        let found = self.cache.get_or_load(Family::Profile, symbol.as_str(), STOCKS, load).await;
        Ok(Option::clone(&*found?))
    }

    /// A page of stocks, and how many there are; see `Store::stocks_page`.
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

    /// The kinds of business there are.
    pub(crate) async fn categories(&self) -> Result<Arc<Vec<String>>, Problem> {
        let store = self.store.clone();
        let load = move || async move { store.stock_categories().await };
        Ok(self.cache.get_or_load(Family::Listing, "categories", STOCKS, load).await?)
    }

    /// The closes of stocks from a day to another one whose closes are known.
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

    /// All closes of a stock in these days.
    pub(crate) async fn stock_history(
        &self,
        stock_id: i64,
        from: Day,
        to: Day,
    ) -> Result<Vec<(Day, Price)>, Problem> {
        let read = |store: Store| async move { store.stock_history(stock_id, from, to).await };
        Ok(self.store.with_replica(read).await?)
    }

    /// What may be shown of players on a board; see `Store::shown_players`.
    pub(crate) async fn shown(
        &self,
        player_ids: &[i64],
        snapshot_id: i64,
    ) -> Result<HashMap<i64, Arc<PlayerLabel>>, Problem> {
        let store = self.store.clone();
        let load = move |ids: Vec<i64>| async move { store.player_labels(&ids, snapshot_id).await };
        let group = RowGroup { family: Family::Leaderboard, number: snapshot_id, tag: player_tag };
        Ok(self.cache.get_or_load_each(group, player_ids, load).await?)
    }

    /// What others see of this player has changed, and is committed. Other nodes hear of it by
    /// themselves; this one needs not wait.
    pub(crate) fn player_changed(&self, player_id: i64) {
        self.cache.invalidate(&player_tag(player_id));
    }

    /// This player's user was erased, and that is committed. Other nodes learn of it from the
    /// database.
    pub(crate) fn player_erased(&self, player_id: i64) {
        self.boards.erase(player_id);
        self.player_changed(player_id);
    }
}

impl From<CacheError<StoreError>> for Problem {
    fn from(error: CacheError<StoreError>) -> Self {
        match error {
            CacheError::Load(error) => Self::from(&*error),
            CacheError::Lost => {
                tracing::error!("what was to be cached was lost while it was loaded");
                Self::internal()
            }
        }
    }
}
