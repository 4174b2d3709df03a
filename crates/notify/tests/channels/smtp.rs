//! E-mail, to a real mail server.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Secret;
use notify::{DeliveryError, MailTls, NotificationKind, NotifyConfig};
use testkit::{SmtpServer, SmtpServerKind};

use crate::{base, circuit, notifier};

fn settings(server: &SmtpServer, tls: MailTls) -> NotifyConfig {
    let mut config = NotifyConfig { channels: vec!["smtp".to_owned()], timeout_s: 10, ..base() };
    config.smtp.host = "127.0.0.1".to_owned();
    (config.smtp.port, config.smtp.tls) = (server.port(), tls);
    config.smtp.from = "Openbell <openbell@example.org>".to_owned();
    config.smtp.to = vec!["ada@example.org".to_owned(), "eve@example.org".to_owned()];
    if tls != MailTls::None {
        let (user, password) = server.credentials();
        (config.smtp.username, config.smtp.password) = (user.to_owned(), Secret::new(password));
        config.smtp.ca_file = server.ca_file();
    }
    config
}

/// Sends a notification of an open circuit.
async fn send(config: &NotifyConfig) -> Result<(), DeliveryError> {
    let notifier = notifier(config);
    let mut outcomes = crate::send(&notifier, &circuit(&notifier, NotificationKind::Opened)).await;
    outcomes.pop().expect("one channel").1
}

#[tokio::test]
async fn a_message_arrives_over_each_kind_of_connection() {
    for (kind, tls) in [
        (SmtpServerKind::Plain, MailTls::None),
        (SmtpServerKind::Starttls, MailTls::Starttls),
        (SmtpServerKind::Tls, MailTls::Tls),
    ] {
        let server = SmtpServer::start(kind);
        assert_eq!(send(&settings(&server, tls)).await, Ok(()), "{kind:?}");
        let [mail] = &server.mails()[..] else { panic!("one message, {kind:?}") };
        assert_eq!(mail.from, "openbell@example.org");
        assert_eq!(mail.to, "ada@example.org eve@example.org");
        assert_eq!(mail.subject, "[school] OPEN: circuit_open:finnhub");
        assert_eq!(mail.auto_submitted, "auto-generated");
        assert!(mail.message_id.starts_with("<msg_"), "{}", mail.message_id);
        assert!(mail.message_id.ends_with("@example.org>"), "{}", mail.message_id);
        let text = "The circuit is open.\n\n\
                    State:     OPEN\n\
                    Condition: circuit_open:finnhub\n\
                    Severity:  warning\n\
                    Since:     2027-01-15T07:59:00.000000Z\n\
                    Reported:  2027-01-15T08:00:00.000000Z\n\
                    Game:      school\n\
                    Node:      node-1";
        assert_eq!(mail.text.replace("\r\n", "\n").trim_end(), text);
    }
}

#[tokio::test]
async fn the_subject_has_the_state() {
    let server = SmtpServer::start(SmtpServerKind::Plain);
    let notifier = notifier(&settings(&server, MailTls::None));
    for kind in [NotificationKind::Reminder, NotificationKind::Resolved, NotificationKind::Test] {
        crate::send(&notifier, &circuit(&notifier, kind)).await;
    }
    let states: Vec<String> = server.mails().into_iter().map(|mail| mail.subject).collect();
    let expected = ["STILL OPEN", "RESOLVED", "TEST"];
    assert_eq!(states, expected.map(|state| format!("[school] {state}: circuit_open:finnhub")));
}

#[tokio::test]
async fn what_the_server_refuses_is_rejected_without_the_addresses_or_the_password() {
    let server = SmtpServer::start(SmtpServerKind::Starttls);
    let mut config = settings(&server, MailTls::Starttls);
    config.smtp.password = Secret::new("wrong-password");
    let error = send(&config).await.expect_err("rejected");
    let reason = "the mail server returned 535".to_owned();
    assert_eq!(error, DeliveryError::Rejected { reason });

    let mut config = settings(&server, MailTls::Starttls);
    config.smtp.to = vec!["unknown@example.org".to_owned()];
    let error = send(&config).await.expect_err("rejected");
    let reason = "the mail server returned 550".to_owned();
    assert_eq!(error, DeliveryError::Rejected { reason });

    config.smtp.to = vec!["busy@example.org".to_owned()];
    let error = send(&config).await.expect_err("not delivered");
    let reason = "the mail server returned 451".to_owned();
    assert_eq!(error, DeliveryError::Retry { reason, after: None });
    assert_eq!(server.mails(), []);
}

#[tokio::test]
async fn nothing_is_sent_without_the_encryption_that_is_configured() {
    for (kind, tls) in
        [(SmtpServerKind::Starttls, MailTls::Starttls), (SmtpServerKind::Tls, MailTls::Tls)]
    {
        let server = SmtpServer::start(kind);
        let mut untrusted = settings(&server, tls);
        untrusted.smtp.ca_file = PathBuf::new();
        let error = send(&untrusted).await.expect_err("not delivered").to_string();
        assert!(error.contains("the certificate of the mail server is not trusted"), "{error}");
        assert_eq!(server.mails(), []);
    }

    let server = SmtpServer::start(SmtpServerKind::Starttls);
    let plain = SmtpServer::start(SmtpServerKind::Plain);
    let mut config = settings(&server, MailTls::Starttls);
    config.smtp.port = plain.port();
    assert!(send(&config).await.is_err(), "the server does not offer STARTTLS");
    assert_eq!((server.mails(), plain.mails()), (vec![], vec![]));
}

/// A server that sends one line without an end to each connection. Returns its address, and the
/// number of bytes that clients took.
fn endless_line() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            while let Ok(count) = std::io::Write::write(&mut stream, &[b'2'; 65_536]) {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    });
    (address, sent)
}

#[tokio::test]
async fn a_line_without_an_end_takes_no_memory() {
    let (address, sent) = endless_line();
    let mut config = NotifyConfig { channels: vec!["smtp".to_owned()], timeout_s: 10, ..base() };
    (config.smtp.host, config.smtp.port) = ("127.0.0.1".to_owned(), address.port());
    (config.smtp.from, config.smtp.to) =
        ("a@example.org".to_owned(), vec!["b@example.org".to_owned()]);
    config.smtp.tls = MailTls::None;
    let reason = "cannot connect, or the response is no SMTP".to_owned();
    let failed = Err(DeliveryError::Retry { reason, after: None });
    assert_eq!(notify::check_mail_server(&config).await, Some(failed.clone()));
    assert_eq!(send(&config).await, failed);
    // Four connections, and the buffers of their sockets.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes were read");
}
