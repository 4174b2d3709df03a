//! Changes passwords, and stores one-time links and recovery codes as hashes; `web` creates and
//! parses them. A new password ends the user's other sessions, tokens and links in the same
//! transaction.

use domain::UnixMicros;

use crate::query::row;
use crate::rows::RowSet;
use crate::statement::LazyStatement;
use crate::tokens::REVOKE_OTHERS;
use crate::transaction::Tx;
use crate::user_lock::lock_user;
use crate::{Store, StoreError};

/// An id that no token has.
const NO_TOKEN: i64 = 0;

row! {
    /// A valid one-time link.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PasswordLink {
        pub user_id: i64,
        pub name: String,
    }
}

row! {
    /// A stored recovery code.
    #[derive(Clone, PartialEq, Eq)]
    pub struct RecoveryCode {
        pub user_id: i64,
        /// PHC string.
        pub hash: String,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodesLeft {
    /// The number of unused codes.
    pub count: i64,
    /// When they were created; `None` without codes.
    pub made_at: Option<UnixMicros>,
}

static CHANGE: LazyStatement = LazyStatement::new(
    "passwords.change",
    "UPDATE users SET password_hash = $2, updated_at = $3 WHERE user_id = $1",
);

static ADD_LINK: LazyStatement = LazyStatement::new(
    "password_links.insert",
    "INSERT INTO password_links (hash, user_id, created_at, expires_at)
     VALUES ($1, $2, $3, $4)",
);

static FIND_LINK: LazyStatement = LazyStatement::new(
    "password_links.find",
    "SELECT k.user_id, u.name FROM password_links k
     JOIN users u ON u.user_id = k.user_id
     WHERE k.hash = $1 AND k.expires_at > $2",
);

static USE_LINK: LazyStatement = LazyStatement::new(
    "password_links.use",
    "DELETE FROM password_links WHERE hash = $1 AND user_id = $2 AND expires_at > $3",
);

pub(crate) static DELETE_LINKS: LazyStatement =
    LazyStatement::new("password_links.delete", "DELETE FROM password_links WHERE user_id = $1");

static DELETE_EXPIRED: LazyStatement = LazyStatement::new(
    "password_links.delete_expired",
    "DELETE FROM password_links WHERE hash IN (
         SELECT hash FROM password_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
);

pub(crate) static DELETE_CODES: LazyStatement =
    LazyStatement::new("recovery_codes.delete", "DELETE FROM recovery_codes WHERE user_id = $1");

static ADD_CODES: LazyStatement = LazyStatement::with_rows(
    "recovery_codes.insert",
    "slot bigint, hash text",
    "WITH batch AS ({rows})
     INSERT INTO recovery_codes (user_id, slot, hash, created_at)
     SELECT {$1}, slot, hash, {$2} FROM batch",
);

static FIND_CODE: LazyStatement = LazyStatement::new(
    "recovery_codes.find",
    "SELECT c.user_id, c.hash FROM users u
     JOIN recovery_codes c ON c.user_id = u.user_id AND c.slot = $2
     WHERE u.email_key = $1",
);

static USE_CODE: LazyStatement = LazyStatement::new(
    "recovery_codes.use",
    "DELETE FROM recovery_codes WHERE user_id = $1 AND slot = $2 AND hash = $3",
);

static COUNT_CODES: LazyStatement = LazyStatement::new(
    "recovery_codes.count",
    "SELECT count(*), MAX(created_at) FROM recovery_codes WHERE user_id = $1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[
    &CHANGE,
    &ADD_LINK,
    &FIND_LINK,
    &USE_LINK,
    &DELETE_LINKS,
    &DELETE_EXPIRED,
    &DELETE_CODES,
    &ADD_CODES,
    &FIND_CODE,
    &USE_CODE,
    &COUNT_CODES,
];

impl Store {
    /// Replaces the password whose hash is `old`. Keeps one token and the recovery codes. Returns
    /// `false` if the password was changed concurrently.
    pub async fn change_password(
        &self,
        user_id: i64,
        (old, new): (&str, &str),
        kept_token_id: i64,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.as_deref() != Some(old) {
            return Ok(false);
        }
        write(&mut tx, user_id, new, kept_token_id, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Sets a password on behalf of an operator and deletes the recovery codes. Returns `false` if
    /// there is no such user.
    pub async fn set_password(
        &self,
        user_id: i64,
        hash: &str,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.is_none() {
            return Ok(false);
        }
        write(&mut tx, user_id, hash, NO_TOKEN, now).await?;
        delete(&mut tx, &DELETE_CODES, user_id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Stores the SHA-256 of a one-time link and replaces an earlier link of the user. Returns
    /// `false` if there is no such user.
    pub async fn create_password_link(
        &self,
        user_id: i64,
        hash: [u8; 32],
        expires_at: UnixMicros,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.is_none() {
            return Ok(false);
        }
        delete(&mut tx, &DELETE_LINKS, user_id).await?;
        tx.run().execute(&ADD_LINK, (hash.to_vec(), user_id, now.0, expires_at.0)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The valid link with this SHA-256. Does not use it up.
    pub async fn find_password_link(
        &self,
        hash: [u8; 32],
        now: UnixMicros,
    ) -> Result<Option<PasswordLink>, StoreError> {
        self.writer().fetch_optional(&FIND_LINK, (hash.to_vec(), now.0)).await
    }

    /// Uses up a link and sets the password. Deletes the recovery codes, because an intruder may
    /// have created them. Returns `false` if the link was used or has expired.
    ///
    /// # Errors
    /// The link stays valid.
    pub async fn use_password_link(
        &self,
        user_id: i64,
        link: [u8; 32],
        hash: &str,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.is_none() {
            return Ok(false);
        }
        let used = tx.run().execute(&USE_LINK, (link.to_vec(), user_id, now.0)).await?;
        if used == 0 {
            return Ok(false);
        }
        write(&mut tx, user_id, hash, NO_TOKEN, now).await?;
        delete(&mut tx, &DELETE_CODES, user_id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes at most `max` expired links and returns their number.
    pub async fn delete_expired_links(&self, now: UnixMicros, max: i64) -> Result<u64, StoreError> {
        self.writer().execute(&DELETE_EXPIRED, (now.0, max)).await
    }

    /// Replaces the recovery codes (slot and PHC string) of a user whose password hash is
    /// `password_hash`. Returns `false` if the password was changed.
    ///
    /// # Errors
    /// The earlier codes stay valid.
    pub async fn save_recovery_codes(
        &self,
        user_id: i64,
        password_hash: &str,
        codes: &[(i64, String)],
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, user_id).await?.as_deref() != Some(password_hash) {
            return Ok(false);
        }
        delete(&mut tx, &DELETE_CODES, user_id).await?;
        let rows = RowSet::new(vec![
            RowSet::int(codes, |code| code.0),
            RowSet::text(codes, |c| c.1.clone()),
        ]);
        tx.run().execute(&ADD_CODES, (&rows, user_id, now.0)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The unused code in a slot of the user with this address (in lower case).
    pub async fn find_recovery_code(
        &self,
        email_key: &str,
        slot: i64,
    ) -> Result<Option<RecoveryCode>, StoreError> {
        self.reader().fetch_optional(&FIND_CODE, (email_key, slot)).await
    }

    /// Uses up a code and sets the password; the other codes stay. Returns `false` if the code was
    /// used already.
    ///
    /// # Errors
    /// The code stays valid.
    pub async fn use_recovery_code(
        &self,
        code: &RecoveryCode,
        slot: i64,
        hash: &str,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if lock_user(&mut tx, code.user_id).await?.is_none() {
            return Ok(false);
        }
        let used = tx.run().execute(&USE_CODE, (code.user_id, slot, &code.hash)).await?;
        if used == 0 {
            return Ok(false);
        }
        write(&mut tx, code.user_id, hash, NO_TOKEN, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn count_recovery_codes(&self, user_id: i64) -> Result<CodesLeft, StoreError> {
        let (count, made_at): (i64, Option<i64>) =
            self.reader().fetch_one(&COUNT_CODES, (user_id,)).await?;
        Ok(CodesLeft { count, made_at: made_at.map(UnixMicros) })
    }
}

/// Writes a password and deletes all tokens but one and all links. The caller holds the lock of the
/// user's row.
async fn write(
    tx: &mut Tx,
    user_id: i64,
    hash: &str,
    kept_token_id: i64,
    now: UnixMicros,
) -> Result<(), StoreError> {
    tx.run().execute(&CHANGE, (user_id, hash, now.0)).await?;
    tx.run().execute(&REVOKE_OTHERS, (user_id, kept_token_id)).await?;
    delete(tx, &DELETE_LINKS, user_id).await
}

async fn delete(
    tx: &mut Tx,
    statement: &'static LazyStatement,
    user_id: i64,
) -> Result<(), StoreError> {
    tx.run().execute(statement, (user_id,)).await?;
    Ok(())
}
