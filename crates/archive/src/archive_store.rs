//! Stores the archive's files in a directory or in a store with the S3 API, as names and bytes.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::Month;
use futures_util::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart};
use sha2::{Digest as _, Sha256};

use crate::config::{Address, S3Config};
use crate::error::ArchiveError;
use crate::manifest::{ArchivePart, hex};

/// Bytes of one chunk of a multipart upload.
const CHUNK: usize = 8 * 1024 * 1024;
/// The most chunks in flight.
const CHUNKS: usize = 2;
/// The timeouts of a connection and of a whole request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(300);
/// The retries of a request, and their total time.
const RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// The code of S3 for a bucket that does not exist.
const NO_BUCKET: &str = "NoSuchBucket";

/// The archive's files.
#[derive(Clone, Debug)]
pub struct ArchiveStore {
    store: Arc<dyn ObjectStore>,
    shown: String,
}

impl ArchiveStore {
    /// Opens the archive at a URL: a directory, which is created, or `s3://bucket/prefix`.
    pub fn open(url: &str, s3: &S3Config) -> Result<Self, ArchiveError> {
        let bad = |what: String| ArchiveError::Address(what);
        let store: Arc<dyn ObjectStore> = match Address::parse(url).map_err(bad)? {
            Address::Bucket { bucket, prefix } => {
                let store = open_s3(bucket, s3)?;
                let prefix = Path::parse(prefix).map_err(|error| bad(error.to_string()))?;
                Arc::new(PrefixStore::new(store, prefix))
            }
            Address::Directory(path) => {
                std::fs::create_dir_all(path).map_err(|error| bad(format!("{path}: {error}")))?;
                let store = LocalFileSystem::new_with_prefix(path);
                let store = store.map_err(|error| bad(error.to_string()))?;
                // A month is dropped only because its files are durable.
                Arc::new(store.with_fsync(true))
            }
        };
        Ok(Self { store, shown: url.to_owned() })
    }

    /// An archive in an open store; `shown` is its URL in messages.
    pub fn with_store(store: Arc<dyn ObjectStore>, shown: &str) -> Self {
        Self { store, shown: shown.to_owned() }
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Checks with one request that the archive can be reached and its files can be listed.
    ///
    /// # Errors
    /// `NoBucket`, or `Storage` with the reason.
    pub async fn check(&self) -> Result<(), ArchiveError> {
        match self.store.list(None).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(source)) => Err(failed("list", &self.shown, source)),
        }
    }

    /// Begins a file.
    pub(crate) async fn begin(&self, name: &str) -> Result<Upload, ArchiveError> {
        let upload = self.store.put_multipart(&Path::from(name)).await;
        let upload = upload.map_err(|source| failed("write", name, source))?;
        Ok(Upload {
            writer: WriteMultipart::new_with_chunk_size(upload, CHUNK),
            hasher: Sha256::new(),
            bytes: 0,
            name: name.to_owned(),
        })
    }

    /// Writes a small file in one request.
    pub(crate) async fn put(&self, name: &str, text: String) -> Result<(), ArchiveError> {
        let put = self.store.put(&Path::from(name), text.into()).await;
        put.map(|_| ()).map_err(|source| failed("write", name, source))
    }

    /// Downloads a file to an unnamed temporary file, and checks its size and SHA-256.
    pub(crate) async fn fetch(&self, part: &ArchivePart) -> Result<File, ArchiveError> {
        let name = part.name.as_str();
        let local = |error| ArchiveError::Local(name.to_owned(), error);
        let found = self.store.get(&Path::from(name)).await;
        let found = found.map_err(|source| failed("read", name, source))?;
        let mut stream = found.into_stream();
        let mut file = tempfile::tempfile().map_err(local)?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|source| failed("read", name, source))?;
            bytes += chunk.len() as u64;
            if bytes > part.bytes {
                break;
            }
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(local)?;
        }
        if bytes != part.bytes {
            let what = format!("it has {bytes} bytes or more, expected {}", part.bytes);
            return Err(ArchiveError::damaged(name, &what));
        }
        let found = hex(hasher.finalize().into());
        if found != part.sha256 {
            let what = format!("its SHA-256 is {found}, expected {}", part.sha256);
            return Err(ArchiveError::damaged(name, &what));
        }
        file.rewind().map_err(local)?;
        Ok(file)
    }

    /// Deletes the files of a month that earlier attempts have left.
    pub(crate) async fn clear_all_but(&self, month: Month, kept: &str) -> Result<(), ArchiveError> {
        let prefix = Path::from(month.0.to_string());
        let kept = format!("{kept}/");
        let mut names = self.store.list(Some(&prefix));
        while let Some(found) = names.next().await {
            let found = found.map_err(|source| failed("list", prefix.as_ref(), source))?;
            let name = found.location;
            if name.as_ref().starts_with(&kept) {
                continue;
            }
            match self.store.delete(&name).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(failed("delete", name.as_ref(), source)),
            }
        }
        Ok(())
    }
}

fn failed(what: &'static str, name: &str, source: object_store::Error) -> ArchiveError {
    match source {
        // The response body distinguishes it from a file that is missing in an existing bucket.
        object_store::Error::NotFound { source, .. } if source.to_string().contains(NO_BUCKET) => {
            ArchiveError::NoBucket
        }
        object_store::Error::NotFound { .. } => ArchiveError::Missing(name.to_owned()),
        source => ArchiveError::Storage { what, name: name.to_owned(), source },
    }
}

/// A multipart upload. The file does not exist before it is finished.
pub(crate) struct Upload {
    writer: WriteMultipart,
    hasher: Sha256,
    bytes: u64,
    name: String,
}

impl Upload {
    pub(crate) async fn add(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        self.hasher.update(&bytes);
        self.bytes += bytes.len() as u64;
        let room = self.writer.wait_for_capacity(CHUNKS).await;
        room.map_err(|source| failed("write", &self.name, source))?;
        self.writer.put(Bytes::from(bytes));
        Ok(())
    }

    /// Completes the upload.
    pub(crate) async fn finish(
        self,
        entries: u64,
        keys: [(i64, i64); 2],
    ) -> Result<ArchivePart, ArchiveError> {
        let finished = self.writer.finish().await;
        finished.map_err(|source| failed("write", &self.name, source))?;
        let sha256 = hex(self.hasher.finalize().into());
        Ok(ArchivePart { name: self.name, entries, keys, bytes: self.bytes, sha256 })
    }

    /// Aborts the upload.
    pub(crate) async fn abort(self) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!(name = self.name, %error, "cannot abort an upload to the archive; chunks of the file may be left");
        }
    }
}

fn open_s3(bucket: &str, s3: &S3Config) -> Result<object_store::aws::AmazonS3, ArchiveError> {
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&s3.region)
        .with_access_key_id(&s3.access_key_id)
        .with_secret_access_key(s3.secret_key.reveal())
        .with_retry(retry)
        .with_http_connector(Connector { read_timeout: Duration::from_secs(s3.timeout_s.into()) });
    if !s3.endpoint.is_empty() {
        builder = builder.with_endpoint(&s3.endpoint);
        // An explicit http:// is a store on this machine or in this network.
        builder = builder.with_allow_http(s3.endpoint.starts_with("http://"));
    }
    builder.build().map_err(|error| ArchiveError::Address(error.to_string()))
}

/// Connects with the TLS configuration of the rest of the program.
#[derive(Debug)]
struct Connector {
    read_timeout: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            object_store::Error::Generic { store: "S3", source }
        };
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(self.read_timeout)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .user_agent(concat!("openbell/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(error.into()))?;
        Ok(HttpClient::new(client))
    }
}
