//! The state of each price provider shared by all nodes: a document replaced by compare-and-set.
//! `market` defines its content.

use domain::UnixMicros;

use crate::statement::LazyStatement;
use crate::{Store, StoreError};

const PROVIDERS_MAX: i64 = 100;

static FIND: LazyStatement = LazyStatement::new(
    "provider_usage.find",
    "SELECT version, state FROM provider_usage WHERE provider = $1",
);

static LIST: LazyStatement = LazyStatement::new(
    "provider_usage.list",
    "SELECT provider, version, state FROM provider_usage ORDER BY provider LIMIT $1",
);

// A row begins at version 1; $2 is the expected version, or 0.
static SAVE: LazyStatement = LazyStatement::new(
    "provider_usage.save",
    "INSERT INTO provider_usage (provider, version, state, updated_at)
     VALUES ($1, $2 + 1, $3, $4)
     ON CONFLICT (provider) DO UPDATE SET
         version = excluded.version, state = excluded.state, updated_at = excluded.updated_at
     WHERE provider_usage.version = excluded.version - 1",
);

pub(crate) static STATEMENTS: &[&LazyStatement] = &[&FIND, &LIST, &SAVE];

impl Store {
    /// The document of a provider and its version.
    pub async fn find_provider_usage(
        &self,
        provider: &str,
    ) -> Result<Option<(i64, String)>, StoreError> {
        // Reads from the writer, because the caller replaces the document next.
        self.writer().fetch_optional(&FIND, (provider,)).await
    }

    /// All documents with their versions, by provider name, 100 at most.
    pub async fn provider_usages(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        self.reader().fetch_all(&LIST, (PROVIDERS_MAX,)).await
    }

    /// Replaces the document if it has this version, 0 for none. Returns whether it was replaced.
    pub async fn save_provider_usage(
        &self,
        provider: &str,
        version: i64,
        state: &str,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let done = self.writer().execute(&SAVE, (provider, version, state, now.0)).await?;
        Ok(done == 1)
    }
}
