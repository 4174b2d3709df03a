//! Password hashing: argon2id with OWASP's parameters, as PHC strings. A few hashes run at once, a
//! bounded number waits, and further ones are rejected. Hashes of imported users are verified too
//! (`bcrypt_hashes`).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Entropy;
use domain::text::{TextError, TextKind, tidy};
use store::NO_PASSWORD;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;

use super::bcrypt_hashes::{self, bcrypt_cost};
use crate::config::AuthConfig;
use crate::http::input::unfit;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The most memory and passes of a stored hash that is verified.
const STORED_MEMORY_KIB_MAX: u32 = 262_144;
const STORED_PASSES_MAX: u32 = 10;
const SALT_LENGTH: usize = 16;

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HashError {
    #[error("hashing a password: the queue is full")]
    Busy,
    #[error("hashing a password failed")]
    Failed,
}

/// Why a new password is rejected, with the bound; the texts are those of the API.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum PasswordError {
    #[error("The password field must be at least {0} characters.")]
    TooShort(usize),
    #[error("The password field must not be greater than {0} characters.")]
    TooLong(usize),
    #[error("{}", unfit("password", *.0, TextKind::Secret))]
    Unfit(TextError),
}

pub(crate) fn check(password: &str, config: &AuthConfig) -> Result<(), PasswordError> {
    let (min, max) = (config.password_length_min, config.password_length_max);
    match length(password) {
        length if length < min => Err(PasswordError::TooShort(min)),
        length if length > max => Err(PasswordError::TooLong(max)),
        // Only for new passwords: older ones may have such characters.
        _ => tidy(password, TextKind::Secret).map(|_| ()).map_err(PasswordError::Unfit),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordMatch {
    Mismatch,
    Match,
    /// A match, but the hash has weaker parameters than the current ones and should be replaced.
    WeakHash,
}

/// Verified if there is no account, so that the time is the same: a hash with the current
/// parameters and no known password.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$b3BlbmJlbGwtbm8tdXNlcg\
    $bm9ib2R5IGtub3dzIGEgcGFzc3dvcmQgd2l0aCB0aGk";

/// Hashes and verifies passwords. Clones share the limits.
#[derive(Clone, Debug)]
pub struct Hasher {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    bcrypt_cost_max: Option<u32>,
}

impl Hasher {
    /// `bcrypt_cost_max` is the highest cost of imported hashes, which cannot change while a server
    /// runs.
    pub fn new(config: &AuthConfig, bcrypt_cost_max: Option<u32>) -> Self {
        let running = config.hash_concurrency_max.clamp(1, 1_024);
        let admitted = running + config.hash_queue_max.min(1_000_000);
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(admitted)),
            bcrypt_cost_max,
        }
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`HashError::Busy`] if the queue is full.
    pub async fn hash(&self, password: &str, entropy: &dyn Entropy) -> Result<String, HashError> {
        let password = normalized(password);
        let mut salt = [0; SALT_LENGTH];
        entropy.fill(&mut salt);
        self.run(move || hash_now(password.as_bytes(), &salt)).await?
    }

    /// Verifies against a stored hash. Without one, the result is [`PasswordMatch::Mismatch`] after
    /// the same time.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
    ) -> Result<PasswordMatch, HashError> {
        let (entered, password) = (password.to_owned(), normalized(password));
        let stored = stored.filter(|stored| *stored != NO_PASSWORD).map(str::to_owned);
        let bcrypt_cost_max = self.bcrypt_cost_max;
        self.run(move || {
            let stored = stored.as_deref();
            let cost = stored.and_then(bcrypt_cost);
            let matched = match stored {
                // As it was entered: the earlier application did not normalize it.
                Some(stored) if cost.is_some() => verify_bcrypt(entered.as_bytes(), stored),
                Some(stored) => verify_now(password.as_bytes(), stored),
                None => PasswordMatch::Mismatch,
            };
            if matched == PasswordMatch::Mismatch {
                if cost.is_some() || stored.is_none() {
                    verify_now(password.as_bytes(), DUMMY);
                }
                if let Some(max) = bcrypt_cost_max {
                    bcrypt_hashes::spend(entered.as_bytes(), cost, max);
                }
            }
            matched
        })
        .await
    }

    /// Runs on a blocking thread. The task owns the permits: a cancelled request does not free them
    /// while its hash still runs.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted);
        let admitted = admitted.try_acquire_owned().map_err(|_| HashError::Busy)?;
        let running = Arc::clone(&self.running);
        let queued = QueuedHash::new();
        let running = running.acquire_owned().await.map_err(|_| HashError::Failed)?;
        drop(queued);
        let permits: [OwnedSemaphorePermit; 2] = [admitted, running];
        let span = tracing::Span::current();
        let task = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            span.in_scope(work)
        });
        task.await.map_err(|_| HashError::Failed)
    }
}

/// A password that waits to be hashed, counted until it is dropped.
struct QueuedHash;

impl QueuedHash {
    fn new() -> Self {
        metrics::gauge!("openbell_password_hash_queue_length").increment(1.0);
        Self
    }
}

impl Drop for QueuedHash {
    fn drop(&mut self) {
        metrics::gauge!("openbell_password_hash_queue_length").decrement(1.0);
    }
}

/// The length in characters of the normalized password.
pub(crate) fn length(password: &str) -> usize {
    password.nfc().count()
}

/// NFC: the same password from two keyboards is the same text.
fn normalized(password: &str) -> String {
    password.nfc().collect()
}

fn hash_now(password: &[u8], salt: &[u8]) -> Result<String, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashError::Failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password, salt).map_err(|_| HashError::Failed)?;
    Ok(hash.to_string())
}

/// Imported hashes are replaced by argon2id.
fn verify_bcrypt(password: &[u8], stored: &str) -> PasswordMatch {
    let is_match = bcrypt_hashes::matches(password, stored);
    if is_match { PasswordMatch::WeakHash } else { PasswordMatch::Mismatch }
}

fn verify_now(password: &[u8], stored: &str) -> PasswordMatch {
    let parsed = PasswordHash::new(stored).ok();
    let Some((parsed, params)) = parsed.and_then(|p| Params::try_from(&p).ok().map(|q| (p, q)))
    else {
        tracing::error!("a stored password hash is malformed");
        return PasswordMatch::Mismatch;
    };
    if params.m_cost() > STORED_MEMORY_KIB_MAX || params.t_cost() > STORED_PASSES_MAX {
        tracing::error!("a stored password hash exceeds the limits on memory or passes");
        return PasswordMatch::Mismatch;
    }
    if Argon2::default().verify_password(password, &parsed).is_err() {
        return PasswordMatch::Mismatch;
    }
    let argon2id = parsed.algorithm.as_str() == "argon2id";
    if argon2id && params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES {
        PasswordMatch::Match
    } else {
        PasswordMatch::WeakHash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use testkit::SeededEntropy;

    fn hasher(concurrency: usize, queue: usize) -> Hasher {
        let config = AuthConfig {
            hash_concurrency_max: concurrency,
            hash_queue_max: queue,
            ..AuthConfig::default()
        };
        Hasher::new(&config, Some(5))
    }

    #[test]
    fn the_dummy_hash_has_the_current_parameters() {
        let dummy = PasswordHash::new(DUMMY).unwrap();
        let params = Params::try_from(&dummy).unwrap();
        let costs = (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(costs, (MEMORY_KIB, PASSES, LANES));
        assert_eq!((dummy.salt.unwrap().len(), dummy.hash.unwrap().len()), (SALT_LENGTH, 32));
    }

    #[tokio::test]
    async fn a_hash_matches_its_password_only() {
        let (hasher, chance) = (hasher(2, 8), SeededEntropy::new(1));
        let stored = hasher.hash("password123", &chance).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hasher.hash("password123", &chance).await.unwrap(), "the salts differ");
        let verify = async |password| hasher.verify(password, Some(&stored)).await.unwrap();
        assert_eq!(verify("password123").await, PasswordMatch::Match);
        assert_eq!(verify("password124").await, PasswordMatch::Mismatch);
        assert_eq!(hasher.verify("password123", None).await.unwrap(), PasswordMatch::Mismatch);
        let long = "x".repeat(73);
        let stored = hasher.hash(&long, &chance).await.unwrap();
        let cut = hasher.verify(&long[..72], Some(&stored)).await.unwrap();
        assert_eq!(cut, PasswordMatch::Mismatch, "nothing is cut off");
    }

    #[tokio::test]
    async fn composed_and_decomposed_letters_are_the_same_password() {
        let (hasher, chance) = (hasher(2, 8), SeededEntropy::new(1));
        let stored = hasher.hash("caf\u{e9} au lait", &chance).await.unwrap();
        let matched = hasher.verify("cafe\u{301} au lait", Some(&stored)).await.unwrap();
        assert_eq!(matched, PasswordMatch::Match);
    }

    #[tokio::test]
    async fn weak_hashes_are_reported_and_costly_ones_rejected() {
        let params = Params::new(1_024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = weak.hash_password_with_salt(b"old", b"0123456789abcdef").unwrap().to_string();
        let hasher = hasher(2, 8);
        let verify = async |hash: &str| hasher.verify("old", Some(hash)).await.unwrap();
        assert_eq!(verify(&stored).await, PasswordMatch::WeakHash);
        let absurd = stored.replace("m=1024", "m=4194304");
        assert_eq!(verify(&absurd).await, PasswordMatch::Mismatch);
        assert_eq!(verify("plain").await, PasswordMatch::Mismatch);
    }

    #[tokio::test]
    async fn imported_hashes_are_verified_and_reported_as_weak() {
        let hasher = hasher(2, 8);
        let parts = bcrypt::hash_with_salt("cafe\u{301} secret", 4, [7; 16]).unwrap();
        let stored = parts.format_for_version(bcrypt::Version::TwoY);
        let verify = async |password: &str, stored: Option<&str>| {
            hasher.verify(password, stored).await.unwrap()
        };
        let matched = verify("cafe\u{301} secret", Some(&stored)).await;
        assert_eq!(matched, PasswordMatch::WeakHash, "as it was entered");
        assert_eq!(verify("other secret", Some(&stored)).await, PasswordMatch::Mismatch);
        assert_eq!(verify("other secret", None).await, PasswordMatch::Mismatch);
        for password in ["", NO_PASSWORD] {
            assert_eq!(verify(password, Some(NO_PASSWORD)).await, PasswordMatch::Mismatch);
        }
    }

    #[tokio::test]
    async fn a_password_is_counted_while_it_waits() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let rendered = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let is_counted =
            |count| rendered.render().contains(&format!("_hash_queue_length {count}\n"));
        let (hasher, chance) = (hasher(1, 1), SeededEntropy::new(1));
        let running = Arc::clone(&hasher.running).acquire_owned().await.unwrap();
        let mut hash = std::pin::pin!(hasher.hash("password123", &chance));
        assert!(hash.as_mut().now_or_never().is_none() && is_counted(1));
        drop(running);
        hash.await.unwrap();
        assert!(is_counted(0));
    }

    #[tokio::test]
    async fn hashes_beyond_the_queue_are_rejected() {
        let (hasher, chance) = (hasher(1, 1), SeededEntropy::new(1));
        let hashes = (0..6).map(|_| hasher.hash("password123", &chance));
        let answers = futures_util::future::join_all(hashes).await;
        let refused = answers.iter().filter(|a| **a == Err(HashError::Busy)).count();
        assert_eq!((refused, answers.iter().filter(|a| a.is_ok()).count()), (4, 2));
    }
}
