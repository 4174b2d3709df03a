//! What all nodes know of each provider of prices: a document that is replaced by compare-and-set.
//! What it says is for `market` to read.

use domain::UnixMicros;

use crate::statement::{Lazy, Statement};
use crate::{Store, StoreError};

/// The most providers that are listed; there are a handful.
const PROVIDERS_MAX: i64 = 100;

static FIND: Lazy = Lazy::new(|| {
    Statement::new(
        "provider_usage.find",
        "SELECT version, state FROM provider_usage WHERE provider = $1",
    )
});

static LIST: Lazy = Lazy::new(|| {
    Statement::new(
        "provider_usage.list",
        "SELECT provider, version, state FROM provider_usage ORDER BY provider LIMIT $1",
    )
});

// Version 1 is a row's first one, and $2 the version that is there now, or 0.
static SAVE: Lazy = Lazy::new(|| {
    Statement::new(
        "provider_usage.save",
        "INSERT INTO provider_usage (provider, version, state, updated_at)
         VALUES ($1, $2 + 1, $3, $4)
         ON CONFLICT (provider) DO UPDATE SET
             version = excluded.version, state = excluded.state, updated_at = excluded.updated_at
         WHERE provider_usage.version = excluded.version - 1",
    )
});

pub(crate) static STATEMENTS: &[&Lazy] = &[&FIND, &LIST, &SAVE];

impl Store {
    /// The document of a provider and its version; `None` while there is none.
    pub async fn find_provider_usage(
        &self,
        provider: &str,
    ) -> Result<Option<(i64, String)>, StoreError> {
        // From the writer: what is read here is about to be replaced.
        self.writer().fetch_optional(&FIND, (provider,)).await
    }

    /// The documents of all providers with their versions, ordered by name; 100 at most.
    pub async fn provider_usages(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        self.reader().fetch_all(&LIST, (PROVIDERS_MAX,)).await
    }

    /// Replaces the document that has this version, 0 where there is none. Whether it still had it;
    /// otherwise nothing is changed.
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
