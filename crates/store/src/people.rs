//! The operator's view of users: a searchable list, newest first, and the details of an account.
//! `users`, `passwords` and `tokens` write them.

use domain::text::search_fold;
use domain::{Money, UnixMicros};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Role, Store, StoreError};

/// The number of users that one search scans.
const SEARCHED_MAX: i64 = 10_000;

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct UserSummary {
        pub user_id: i64,
        pub name: String,
        /// As entered.
        pub email: String,
        pub role: Role,
        pub created_at: UnixMicros,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPage {
    /// Newest first; may be empty although more follow.
    pub rows: Vec<UserSummary>,
    /// The cursor: continue below this id; `None` at the end.
    pub next: Option<i64>,
}

row! {
    /// A user with the account's details.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct UserDetails {
        /// In the game `main`.
        pub player_id: i64,
        pub cash: Money,
        pub total_xp: i64,
        pub trades: i64,
        /// Browser sessions.
        pub sessions: i64,
        /// API tokens.
        pub tokens: i64,
        /// When a session or token was last used.
        pub last_used_at: Option<UnixMicros>,
        /// Unused recovery codes.
        pub codes: i64,
        ..pub person: UserSummary
    }
}

static PAGE: LazyStatement = LazyStatement::new(
    "people.page",
    "SELECT user_id, name, email, role, created_at FROM users WHERE user_id < $1
     ORDER BY user_id DESC LIMIT $2",
);

static FIND_ID: LazyStatement =
    LazyStatement::new("people.find_id", "SELECT user_id FROM users WHERE email_key = $1");

static FIND: LazyStatement = LazyStatement::new(
    "people.find",
    "SELECT u.user_id, u.name, u.email, u.role, u.created_at, pl.player_id, pl.cash,
         pl.total_xp, pl.trades,
         (SELECT count(*) FROM tokens t WHERE t.user_id = u.user_id AND t.kind = 'web'
             AND t.expires_at > $2 AND t.idle_expires_at > $2) AS sessions,
         (SELECT count(*) FROM tokens t WHERE t.user_id = u.user_id AND t.kind = 'api'
             AND t.expires_at > $2 AND t.idle_expires_at > $2) AS tokens,
         (SELECT MAX(t.last_used_at) FROM tokens t WHERE t.user_id = u.user_id) AS last_used_at,
         (SELECT count(*) FROM recovery_codes c WHERE c.user_id = u.user_id) AS codes
     FROM users u
     JOIN games g ON g.code = 'main'
     JOIN players pl ON pl.user_id = u.user_id AND pl.game_id = g.game_id
     WHERE u.user_id = $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&PAGE, &FIND_ID, &FIND];

impl Store {
    /// Users below an id, newest first, at most `limit`, whose name or address contains `search`,
    /// ignoring case. The engines fold case differently, so the text is compared here, for at most
    /// [`SEARCHED_MAX`] users.
    pub async fn users_page(
        &self,
        search: &str,
        below: Option<i64>,
        limit: usize,
    ) -> Result<UserPage, StoreError> {
        let search = search_fold(search);
        let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let read = if search.is_empty() { one_more } else { SEARCHED_MAX.max(one_more) };
        let rows: Vec<UserSummary> =
            self.reader().fetch_all(&PAGE, (below.unwrap_or(i64::MAX), read)).await?;
        let is_cut = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= read;
        let last_read = rows.last().map(|row| row.user_id);
        let is_found = |row: &UserSummary| {
            search.is_empty()
                || search_fold(&row.name).contains(&search)
                || search_fold(&row.email).contains(&search)
        };
        let mut found: Vec<UserSummary> = rows.into_iter().filter(is_found).collect();
        let next = if found.len() > limit {
            found.truncate(limit);
            found.last().map(|person| person.user_id)
        } else {
            last_read.filter(|_| is_cut)
        };
        Ok(UserPage { rows: found, next })
    }

    /// The id of the user with this address (in lower case).
    pub async fn find_user_id(&self, email_key: &str) -> Result<Option<i64>, StoreError> {
        self.reader().fetch_optional_scalar(&FIND_ID, (email_key,)).await
    }

    pub async fn find_user_details(
        &self,
        user_id: i64,
        now: UnixMicros,
    ) -> Result<Option<UserDetails>, StoreError> {
        self.reader().fetch_optional(&FIND, (user_id, now.0)).await
    }
}
