//! E-mail, over one's own mail server.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::{Secret, limited};
use lettre::address::AddressError;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use lettre::{Message, transport::smtp};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::Deserialize;

use crate::delivery_error::DeliveryError;
use crate::http;
use crate::mail_connection::{MailEncryption, MailError, MailServer};
use crate::notification::{Notification, NotificationKind};

/// The section `[notify.smtp]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The name of the mail server, which its certificate must have.
    pub host: String,
    #[serde(deserialize_with = "limited::<_, _, 1, 65_535>")]
    pub port: u16,
    pub tls: MailTls,
    /// Certificates of the trusted authorities; empty for the public ones.
    pub ca_file: PathBuf,
    /// Empty: without authentication.
    pub username: String,
    pub password: Secret,
    pub from: String,
    pub to: Vec<String>,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS begins after STARTTLS, which the server must offer (port 587).
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// Only for a server on this machine.
    None,
}

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            tls: MailTls::Starttls,
            ca_file: PathBuf::new(),
            username: String::new(),
            password: Secret::default(),
            from: String::new(),
            to: Vec::new(),
        }
    }
}

pub(crate) struct SmtpChannel {
    server: MailServer,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// The name of the game and of this node.
    game: String,
    node: String,
}

impl SmtpChannel {
    /// # Errors
    /// The setting that is wrong, and what was expected.
    pub(crate) fn new(
        config: &SmtpConfig,
        (game, node): (&str, &str),
    ) -> Result<Self, (&'static str, &'static str)> {
        if config.host.is_empty() {
            return Err(("host", "expected the name of a mail server, like smtp.example.org"));
        }
        let address = "expected an address, like openbell@example.org or \"Name <a@example.org>\"";
        let from = parse_address(&config.from).map_err(|_| ("from", address))?;
        let to = config.to.iter().map(|text| parse_address(text));
        let to = to.collect::<Result<Vec<_>, _>>().map_err(|_| ("to", address))?;
        if to.is_empty() {
            return Err(("to", "expected a list with at least one address"));
        }
        let credentials = match (config.username.as_str(), config.password.reveal()) {
            ("", "") => None,
            ("", _) => return Err(("username", "expected the user of the password")),
            (_, "") => return Err(("password", "expected the password of the user")),
            (user, password) => Some(Credentials::new(user.to_owned(), password.to_owned())),
        };
        let (host, encryption) = (config.host.clone(), encryption(config)?);
        let server = MailServer { host, port: config.port, encryption, credentials };
        let (game, node) = (game.to_owned(), node.to_owned());
        Ok(Self { server, from, to, game, node })
    }

    pub(crate) async fn send(&self, notification: &Notification) -> Result<(), DeliveryError> {
        let message = self.message(notification).map_err(|error| DeliveryError::Rejected {
            reason: format!("the message cannot be written: {error}"),
        })?;
        self.server.send(&message).await.map_err(|error| failed(&error))
    }

    /// Connects, authenticates and disconnects.
    pub(crate) async fn check(&self, timeout: Duration) -> Result<(), DeliveryError> {
        let retry = |reason: &str| DeliveryError::Retry { reason: reason.to_owned(), after: None };
        match tokio::time::timeout(timeout, self.server.check()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(retry("the mail server accepts no command")),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(retry("no response in time")),
        }
    }

    fn message(&self, notification: &Notification) -> Result<Message, lettre::error::Error> {
        let state = match notification.kind {
            NotificationKind::Opened | NotificationKind::Repeated => "OPEN",
            NotificationKind::Reminder => "STILL OPEN",
            NotificationKind::Resolved | NotificationKind::Cleared => "RESOLVED",
            NotificationKind::Test => "TEST",
        };
        let Notification { condition, severity, summary, .. } = notification;
        let body = format!(
            "{summary}\n\nState:     {state}\nCondition: {condition}\nSeverity:  {}\nSince:     {}\n\
             Reported:  {}\nGame:      {}\nNode:      {}\n",
            severity.as_str(),
            notification.since,
            notification.at,
            self.game,
            self.node,
        );
        let id = format!("<{}@{}>", notification.id, self.from.email.domain());
        let to = |message: MessageBuilder, to: &Mailbox| message.to(to.clone());
        let builder = Message::builder().from(self.from.clone()).message_id(Some(id));
        let builder = self.to.iter().fold(builder, to);
        // No automatic reply, of a person who is away for example, to a message of a program.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder
            .subject(format!("[{}] {state}: {condition}", self.game))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
    }
}

fn parse_address(text: &str) -> Result<Mailbox, AddressError> {
    text.parse()
}

fn encryption(config: &SmtpConfig) -> Result<MailEncryption, (&'static str, &'static str)> {
    if config.tls == MailTls::None {
        let is_local = ["localhost", "127.0.0.1", "::1"].contains(&config.host.as_str());
        let expected = "expected \"starttls\" or \"tls\": \"none\" is for a server on this machine";
        return if is_local { Ok(MailEncryption::None) } else { Err(("tls", expected)) };
    }
    let unreadable = ("ca_file", "expected a readable file of certificates in PEM");
    let wrong_host = ("host", "expected a name or an IP address");
    let has_ca_file = !config.ca_file.as_os_str().is_empty();
    let pem = if has_ca_file { std::fs::read(&config.ca_file) } else { Ok(Vec::new()) };
    let pem = pem.map_err(|_| unreadable)?;
    if config.tls == MailTls::Tls {
        let name = ServerName::try_from(config.host.clone()).map_err(|_| wrong_host)?;
        let mut roots = http::public_roots();
        if has_ca_file {
            roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots.add(certificate.map_err(|_| unreadable)?).map_err(|_| unreadable)?;
            }
        }
        let config = http::tls(roots).map_err(|_| unreadable)?;
        return Ok(MailEncryption::Tls(name, Arc::new(config)));
    }
    let mut builder = TlsParameters::builder(config.host.clone());
    if has_ca_file {
        let authority = Certificate::from_pem(&pem).map_err(|_| unreadable)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build().map(MailEncryption::Starttls).map_err(|_| wrong_host)
}

/// Whether rustls rejected the certificate, somewhere in the chain of causes.
fn is_untrusted(error: &MailError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(next) = cause {
        let inner = next.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        let rejected = inner.and_then(|error| error.downcast_ref::<rustls::Error>());
        if matches!(rejected, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = next.source();
    }
    false
}

/// The response of a mail server may repeat an address, so its text is left out.
fn failed(error: &MailError) -> DeliveryError {
    let dialog: Option<&smtp::Error> = match error {
        MailError::Dialog(error) => Some(error),
        MailError::Connect(_) => None,
    };
    let code = dialog.and_then(smtp::Error::status);
    if dialog.is_some_and(smtp::Error::is_permanent) {
        let code = code.map(|code| code.to_string()).unwrap_or_default();
        return DeliveryError::Rejected { reason: format!("the mail server returned {code}") };
    }
    let reason = match code {
        Some(code) => format!("the mail server returned {code}"),
        None if is_untrusted(error) => {
            "the certificate of the mail server is not trusted: check host and ca_file".to_owned()
        }
        None if dialog.is_some_and(smtp::Error::is_client) => {
            "the mail server lacks what the settings require".to_owned()
        }
        None => "cannot connect, or the response is no SMTP".to_owned(),
    };
    DeliveryError::Retry { reason, after: None }
}
