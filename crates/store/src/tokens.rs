//! Bearer tokens and sessions, stored as SHA-256, with an idle and an absolute expiry. `web`
//! creates and parses the texts.

use std::collections::HashMap;

use domain::{Hash, PageRequest, UnixMicros};

use crate::decode::word_column;
use crate::query::row;
use crate::rows::RowSet;
use crate::statement::{LazyStatement, only};
use crate::transaction::Tx;
use crate::user_lock::lock_user;
use crate::{Store, StoreError};

/// The most surplus tokens that one sign-in deletes.
const SURPLUS_MAX: i64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A program that uses the API.
    Api,
    /// A browser session.
    Web,
}

impl TokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Web => "web",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Api, Self::Web].into_iter().find(|kind| kind.as_str() == word)
    }
}

word_column!(TokenKind, "kind of token");

#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    /// SHA-256 of the text.
    pub hash: [u8; 32],
    /// The label chosen by the owner.
    pub name: &'a str,
    pub kind: TokenKind,
    /// Idle expiry.
    pub idle_expires_at: UnixMicros,
    /// Absolute expiry.
    pub expires_at: UnixMicros,
}

row! {
    /// The owner of a valid token.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct UserSession {
        pub token_id: i64,
        pub user_id: i64,
        /// The player in the game `main`.
        pub player_id: i64,
        pub last_used_at: UnixMicros,
        pub kind: TokenKind,
    }
}

row! {
    /// A token in the owner's list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TokenRow {
        pub token_id: i64,
        pub name: String,
        pub kind: TokenKind,
        pub created_at: UnixMicros,
        pub last_used_at: UnixMicros,
        /// Absolute expiry.
        pub expires_at: UnixMicros,
    }
}

static CREATE: LazyStatement = LazyStatement::new(
    "tokens.create",
    "INSERT INTO tokens
         (user_id, hash, name, created_at, last_used_at, idle_expires_at, expires_at, kind)
     VALUES ($1, $2, $3, $4, $4, $5, $6, $7) RETURNING token_id",
);

static COUNT: LazyStatement = LazyStatement::new(
    "tokens.count",
    "SELECT count(*) FROM tokens
     WHERE user_id = $1 AND expires_at > $2 AND idle_expires_at > $2",
);

static DELETE_SURPLUS: LazyStatement = LazyStatement::new(
    "tokens.delete_surplus",
    "DELETE FROM tokens WHERE token_id IN (
         SELECT token_id FROM tokens
         WHERE user_id = $1 AND expires_at > $2 AND idle_expires_at > $2
         ORDER BY token_id DESC LIMIT $3 OFFSET $4)",
);

static FIND_SESSIONS: LazyStatement = LazyStatement::with_rows(
    "tokens.find_sessions",
    "hash bytea",
    "WITH wanted AS MATERIALIZED ({rows})
     SELECT a.hash, t.token_id, t.user_id, p.player_id, t.last_used_at, t.kind
     FROM wanted a
     JOIN tokens t ON t.hash = a.hash
     JOIN games g ON g.code = 'main'
     JOIN players p ON p.user_id = t.user_id AND p.game_id = g.game_id
     WHERE t.expires_at > {$1} AND t.idle_expires_at > {$1}",
);

static TOUCH: LazyStatement = LazyStatement::new(
    "tokens.touch",
    "UPDATE tokens SET last_used_at = $2, idle_expires_at = $3 WHERE token_id = $1",
);

static PAGE: LazyStatement = LazyStatement::new(
    "tokens.page",
    "SELECT token_id, name, kind, created_at, last_used_at, expires_at,
         count(*) OVER () AS total
     FROM tokens WHERE user_id = $1 AND expires_at > $2 AND idle_expires_at > $2
         AND (CAST($5 AS TEXT) IS NULL OR kind = $5)
     ORDER BY token_id DESC LIMIT $3 OFFSET $4",
);

static REVOKE: LazyStatement =
    LazyStatement::new("tokens.revoke", "DELETE FROM tokens WHERE user_id = $1 AND token_id = $2");

pub(crate) static REVOKE_OTHERS: LazyStatement = LazyStatement::new(
    "tokens.revoke_others",
    "DELETE FROM tokens WHERE user_id = $1 AND token_id <> $2",
);

static DELETE_EXPIRED: LazyStatement = LazyStatement::new(
    "tokens.delete_expired",
    "DELETE FROM tokens WHERE token_id IN (
         SELECT token_id FROM tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &CREATE,
    &COUNT,
    &DELETE_SURPLUS,
    &FIND_SESSIONS,
    &TOUCH,
    &PAGE,
    &REVOKE,
    &REVOKE_OTHERS,
    &DELETE_EXPIRED,
];

/// Inserts a token; the caller holds the lock of the user's row.
pub(crate) async fn insert(
    tx: &mut Tx,
    user_id: i64,
    token: &NewToken<'_>,
    now: UnixMicros,
) -> Result<i64, StoreError> {
    let params = (
        user_id,
        &token.hash[..],
        token.name,
        now.0,
        token.idle_expires_at.0,
        token.expires_at.0,
        token.kind.as_str(),
    );
    only(tx.run().fetch_scalars(&CREATE, params).await?)
}

row! {
    struct CountedToken {
        total: i64,
        ..token: TokenRow
    }
}

row! {
    struct HashedSession {
        hash: Hash,
        ..session: UserSession
    }
}

impl Store {
    /// Stores a token and returns its id; `None` if the user has `max` valid tokens or does not
    /// exist. Locks the user's row, so that concurrent calls respect the limit.
    pub async fn create_token(
        &self,
        user_id: i64,
        token: &NewToken<'_>,
        max: u32,
        now: UnixMicros,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.is_none() {
            return Ok(None);
        }
        let count: i64 = tx.run().fetch_scalar(&COUNT, (user_id, now.0)).await?;
        if count >= i64::from(max) {
            return Ok(None);
        }
        let token_id = insert(&mut tx, user_id, token, now).await?;
        tx.commit().await?;
        Ok(Some(token_id))
    }

    /// Stores a session token and deletes the user's oldest tokens beyond `max`. `None` if the user
    /// is gone or the password changed since it was verified: a password change ends all sessions,
    /// so none may begin with the old one.
    pub async fn open_session(
        &self,
        user_id: i64,
        password_hash: &str,
        token: &NewToken<'_>,
        max: u32,
        now: UnixMicros,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.as_deref() != Some(password_hash) {
            return Ok(None);
        }
        let token_id = insert(&mut tx, user_id, token, now).await?;
        tx.run()
            .execute(&DELETE_SURPLUS, (user_id, now.0, SURPLUS_MAX, i64::from(max.max(1))))
            .await?;
        tx.commit().await?;
        Ok(Some(token_id))
    }

    /// The sessions of the valid tokens among these hashes.
    pub async fn find_sessions(
        &self,
        hashes: &[[u8; 32]],
        now: UnixMicros,
    ) -> Result<HashMap<[u8; 32], UserSession>, StoreError> {
        let rows = RowSet::new(vec![RowSet::bytes(hashes, |hash| hash.to_vec())]);
        let found: Vec<HashedSession> =
            self.reader().fetch_all(&FIND_SESSIONS, (&rows, now.0)).await?;
        Ok(found.into_iter().map(|row| (row.hash.0, row.session)).collect())
    }

    /// Records the use of a token and extends its idle expiry.
    pub async fn touch_token(
        &self,
        token_id: i64,
        idle_expires_at: UnixMicros,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        self.writer().execute(&TOUCH, (token_id, now.0, idle_expires_at.0)).await?;
        Ok(())
    }

    /// A page of a user's valid tokens of one kind or all, newest first, and their number (0 beyond
    /// the last page).
    pub async fn tokens_page(
        &self,
        user_id: i64,
        kind: Option<TokenKind>,
        now: UnixMicros,
        page: PageRequest,
    ) -> Result<(Vec<TokenRow>, i64), StoreError> {
        let rows: Vec<CountedToken> = self
            .reader()
            .fetch_all(
                &PAGE,
                (user_id, now.0, page.per_page(), page.offset(), kind.map(TokenKind::as_str)),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.total);
        Ok((rows.into_iter().map(|row| row.token).collect(), total))
    }

    /// Deletes a token of this user; returns whether it existed.
    pub async fn revoke_token(&self, user_id: i64, token_id: i64) -> Result<bool, StoreError> {
        Ok(self.writer().execute(&REVOKE, (user_id, token_id)).await? > 0)
    }

    /// Deletes all tokens of this user except one; returns their number.
    pub async fn revoke_other_tokens(
        &self,
        user_id: i64,
        kept_token_id: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&REVOKE_OTHERS, (user_id, kept_token_id)).await
    }

    /// Deletes all sessions and tokens of this user; returns their number.
    pub async fn revoke_all_tokens(&self, user_id: i64) -> Result<u64, StoreError> {
        // No token has the id 0.
        self.revoke_other_tokens(user_id, 0).await
    }

    /// Deletes at most `max` expired tokens and returns their number.
    pub async fn delete_expired_tokens(
        &self,
        now: UnixMicros,
        max: i64,
    ) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_EXPIRED, (now.0, max)).await
    }
}
