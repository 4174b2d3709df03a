//! The versions of a game's rules. A version is inserted once, with its achievements, and never
//! changed; the number of the newest version is the condition of the next one (compare-and-set).

use domain::{Hash, Rules, UnixMicros};

use crate::query::row;
use crate::statement::LazyStatement;
use crate::{Store, StoreError, achievements, award_backfills, schema_floor};

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StoredRules {
        pub version: i64,
        /// The canonical JSON.
        pub text: String,
        /// Of the text.
        pub sha256: Hash,
        /// Who applied it: `user 7`, or the name that was given to the command.
        pub author: String,
        pub reason: String,
        pub effective_from: UnixMicros,
        pub created_at: UnixMicros,
    }
}

/// A version to append.
#[derive(Clone, Copy, Debug)]
pub struct NewRules<'a> {
    pub rules: &'a Rules,
    pub author: &'a str,
    pub reason: &'a str,
    pub effective_from: UnixMicros,
    /// Whether players who meet a condition already are awarded its achievement.
    pub has_awards: bool,
}

/// The migration of the first program that reads entries of the kind `award`.
const AWARDS_FLOOR: i64 = 26;

static APPEND: LazyStatement = LazyStatement::new(
    "game_rules.append",
    "INSERT INTO game_rules (game_id, version, text, sha256, author, reason, effective_from,
         created_at)
     SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), $3, $4, $5, $6, CAST($7 AS BIGINT),
         CAST($8 AS BIGINT)
     WHERE (SELECT COALESCE(MAX(r.version), 0) FROM game_rules r
            WHERE r.game_id = CAST($1 AS BIGINT)) = CAST($2 AS BIGINT) - 1
       AND NOT EXISTS (SELECT 1 FROM game_rules r WHERE r.game_id = CAST($1 AS BIGINT)
            AND r.effective_from > CAST($7 AS BIGINT))
     ON CONFLICT (game_id, version) DO NOTHING",
);

static AFTER: LazyStatement = LazyStatement::new(
    "game_rules.after",
    "SELECT version, text, sha256, author, reason, effective_from, created_at FROM game_rules
     WHERE game_id = $1 AND version > $2 ORDER BY version",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&APPEND, &AFTER];

impl Store {
    /// Appends the version after `newest` (0: the first one), saves its achievements and begins its
    /// awards, in one transaction. With awards, older programs are refused from then on. Returns
    /// whether it did: false if `newest` is not the newest version, or if one comes into force
    /// later than the new one would. Then nothing changes.
    pub async fn append_rules(
        &self,
        game_id: i64,
        newest: i64,
        new: NewRules<'_>,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let text = new.rules.canonical_json();
        let sha256 = new.rules.digest().0.to_vec();
        let mut tx = self.begin().await?;
        let params = (
            game_id,
            newest + 1,
            text,
            sha256,
            new.author,
            new.reason,
            new.effective_from.0,
            now.0,
        );
        if tx.run().execute(&APPEND, params).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        achievements::save(tx.run(), new.rules).await?;
        if new.has_awards {
            let params = (game_id, newest + 1, i64::MIN, now.0);
            tx.run().execute(&award_backfills::BEGIN, params).await?;
            schema_floor::raise(tx.run(), AWARDS_FLOOR).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The versions of a game's rules after this number, in ascending order.
    pub async fn rules_after(
        &self,
        game_id: i64,
        version: i64,
    ) -> Result<Vec<StoredRules>, StoreError> {
        self.reader().fetch_all(&AFTER, (game_id, version)).await
    }
}
