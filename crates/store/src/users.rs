//! Registers users with their player in the game `main`, and reads and changes accounts. Names,
//! addresses and passwords arrive validated and hashed.

use domain::{Hash, Money, RulesRef, UnixMicros, open_player};

use crate::batch;
use crate::decode::word_column;
use crate::game::MAIN;
use crate::names::{self, NameSlot};
use crate::query::row;
use crate::seals;
use crate::statement::{LazyStatement, only};
use crate::tokens;
use crate::{NewToken, Store, StoreError};

/// The password hash of a user who has no password, and sets one by a one-time link.
pub const NO_PASSWORD: &str = "!";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Player,
    /// May administer the server.
    Operator,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Player => "player",
            Self::Operator => "operator",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Player, Self::Operator].into_iter().find(|role| role.as_str() == word)
    }
}

word_column!(Role, "role of a user");

#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// Validated.
    pub name: &'a str,
    /// As entered.
    pub email: &'a str,
    /// In lower case; unique.
    pub email_key: &'a str,
    /// PHC string.
    pub password_hash: &'a str,
}

/// The ids of a new user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    pub user_id: i64,
    /// The player in the game `main`.
    pub player_id: i64,
    pub token_id: i64,
}

/// What is taken by another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameConflict {
    Email,
    /// The name or a confusable one.
    Name,
}

row! {
    /// The stored password of a user.
    #[derive(Clone, PartialEq, Eq)]
    pub struct Credentials {
        pub user_id: i64,
        /// PHC string, [`NO_PASSWORD`], or bcrypt until an imported user logs in.
        pub password_hash: String,
    }
}

row! {
    /// A user with the player in the game `main`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Account {
        pub user_id: i64,
        pub player_id: i64,
        pub name: String,
        /// As entered.
        pub email: String,
        pub cash: Money,
        pub total_xp: i64,
        /// The version of the newest ledger entry.
        pub balance_version: i64,
        pub created_at: UnixMicros,
        /// When user or player last changed.
        pub updated_at: UnixMicros,
    }
}

static REGISTER: LazyStatement = LazyStatement::new(
    "users.register",
    "INSERT INTO users (name, email, email_key, password_hash, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $5)
     ON CONFLICT (email_key) DO NOTHING RETURNING user_id",
);

// The other columns are written by the statement that updates players.
static INSERT_PLAYER: LazyStatement = LazyStatement::new(
    "players.seat",
    "INSERT INTO players (user_id, game_id, cash, total_xp, balance_version, head_hash,
         head_month, xp_day, xp_day_trades, trades, notes, stocks_bought,
         categories_bought, realised_profit, achievements, updated_at)
     SELECT $1, game_id, 0, 0, 0, $2, 0, 0, 0, 0, 0, 0, 0, 0, 0, $3
     FROM games WHERE code = $4 RETURNING player_id",
);

static CREDENTIALS: LazyStatement = LazyStatement::new(
    "users.credentials",
    "SELECT user_id, password_hash FROM users WHERE email_key = $1",
);

static REHASH: LazyStatement = LazyStatement::new(
    "users.rehash",
    "UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2",
);

static NAME: LazyStatement = LazyStatement::new(
    "users.name",
    "SELECT p.name FROM users p WHERE p.user_id = $1 {for update}",
);

static CHANGE_NAME: LazyStatement = LazyStatement::new(
    "users.change_name",
    "UPDATE users SET name = $2, updated_at = $3 WHERE user_id = $1",
);

static SET_ROLE: LazyStatement = LazyStatement::new(
    "users.set_role",
    "UPDATE users SET role = $2, updated_at = $3 WHERE email_key = $1",
);

static ACCOUNT: LazyStatement = LazyStatement::new(
    "users.account",
    "SELECT u.user_id, p.player_id, u.name, u.email, p.cash, p.total_xp, p.balance_version,
         u.created_at, CASE WHEN p.updated_at > u.updated_at THEN p.updated_at
             ELSE u.updated_at END AS updated_at
     FROM users u
     JOIN games g ON g.code = $2
     JOIN players p ON p.user_id = u.user_id AND p.game_id = g.game_id
     WHERE u.user_id = $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] =
    &[&REGISTER, &INSERT_PLAYER, &CREDENTIALS, &REHASH, &NAME, &CHANGE_NAME, &SET_ROLE, &ACCOUNT];

impl Store {
    /// Registers a user with a player in the game `main`, the starting cash (the first entry of the
    /// chain) and a token, in one transaction. With a `NameConflict` nothing is changed.
    pub async fn register<'r>(
        &self,
        user: &NewUser<'_>,
        token: &NewToken<'_>,
        rules: impl Into<RulesRef<'r>> + Send,
        now: UnixMicros,
    ) -> Result<Result<Registered, NameConflict>, StoreError> {
        let rules = rules.into();
        let mut tx = self.begin().await?;
        let params = (user.name, user.email, user.email_key, user.password_hash, now.0);
        let users: Vec<i64> = tx.run().fetch_scalars(&REGISTER, params).await?;
        let Some(user_id) = users.into_iter().next() else {
            return Ok(Err(NameConflict::Email));
        };
        let of = NameSlot { user_id, is_pseudonym: false };
        if !names::take(tx.conn(), of, user.name).await? {
            return Ok(Err(NameConflict::Name));
        }
        let params = (user_id, vec![0u8; 32], now.0, MAIN);
        let player_id = only(tx.run().fetch_scalars(&INSERT_PLAYER, params).await?)?;
        let opened_at = seals::entry_time(tx.conn(), now).await?;
        let (player, fill) = open_player(player_id, rules, opened_at);
        let rows = batch::player_rows(&[(&player, 0, Hash([0; 32]))], opened_at);
        tx.run().execute(&batch::OPENED_PLAYERS, (&rows,)).await?;
        let rows = batch::entry_rows(&[(&fill.entry, fill.hash)]);
        tx.run().execute(&batch::ENTRIES, (&rows,)).await?;
        let token_id = tokens::insert(&mut tx, user_id, token, now).await?;
        tx.commit().await?;
        Ok(Ok(Registered { user_id, player_id, token_id }))
    }

    /// The stored password of the user with this address (in lower case).
    pub async fn find_credentials(
        &self,
        email_key: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        self.reader().fetch_optional(&CREDENTIALS, (email_key,)).await
    }

    /// Replaces a password hash by a stronger one of the same password, unless the password was
    /// changed concurrently.
    pub async fn save_password_hash(
        &self,
        user_id: i64,
        old: &str,
        new: &str,
    ) -> Result<(), StoreError> {
        self.writer().execute(&REHASH, (user_id, old, new)).await?;
        Ok(())
    }

    /// Changes a user's validated name and returns whether it was free; the present name is.
    pub async fn change_name(
        &self,
        user_id: i64,
        name: &str,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let current: Option<String> = tx.run().fetch_optional_scalar(&NAME, (user_id,)).await?;
        if current.as_deref() == Some(name) {
            return Ok(true);
        }
        let of = NameSlot { user_id, is_pseudonym: false };
        names::free(tx.conn(), of).await?;
        if !names::take(tx.conn(), of, name).await? {
            return Ok(false);
        }
        tx.run().execute(&CHANGE_NAME, (user_id, name, now.0)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Sets the role of the user with this address (in lower case); returns whether the user
    /// exists.
    pub async fn set_role(
        &self,
        email_key: &str,
        role: Role,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        Ok(self.writer().execute(&SET_ROLE, (email_key, role.as_str(), now.0)).await? > 0)
    }

    /// A user with the player in the game `main`.
    ///
    /// # Errors
    /// `Query` if there is no such user.
    pub async fn load_account(&self, user_id: i64) -> Result<Account, StoreError> {
        self.reader().fetch_one(&ACCOUNT, (user_id, MAIN)).await
    }
}
