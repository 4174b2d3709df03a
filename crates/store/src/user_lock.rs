//! The row lock of a user.

use crate::StoreError;
use crate::statement::LazyStatement;
use crate::transaction::Tx;

static LOCK: LazyStatement = LazyStatement::new(
    "users.lock",
    "SELECT p.password_hash FROM users p WHERE p.user_id = $1 {for update}",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&LOCK];

/// Locks a user's row until the end of the transaction and returns the password's PHC string. Every
/// transaction that counts, adds or deletes rows of a user holds this lock.
pub(crate) async fn lock_user(tx: &mut Tx, user_id: i64) -> Result<Option<String>, StoreError> {
    tx.run().fetch_optional_scalar(&LOCK, (user_id,)).await
}
