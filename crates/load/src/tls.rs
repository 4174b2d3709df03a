//! TLS for servers that are reached over HTTPS.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::error::LoadError;

/// Trusts the authorities of a PEM file, or the public ones.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, LoadError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let wrong = || LoadError::Authorities(file.to_owned());
            for certificate in CertificateDer::pem_file_iter(file).map_err(|_| wrong())? {
                let certificate = certificate.map_err(|_| wrong())?;
                roots.add(certificate).map_err(|_| wrong())?;
            }
            if roots.is_empty() {
                return Err(wrong());
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("invariant: the provider has the cipher suites of these versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
