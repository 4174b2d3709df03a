//! Checks whether the mail server of `[notify.smtp]` accepts the configured connection. No message
//! is sent.

use notify::{MailTls, NotifyConfig};

use super::finding::DoctorFinding;

const AREA: &str = "mail";

/// `None` unless notifications are sent by e-mail.
pub(super) async fn check(config: &NotifyConfig) -> Option<DoctorFinding> {
    let checked = notify::check_mail_server(config).await?;
    let smtp = &config.smtp;
    let server = format!("{}:{}", smtp.host, smtp.port);
    Some(match checked {
        Ok(()) => {
            let encryption = match smtp.tls {
                MailTls::Starttls => "after STARTTLS",
                MailTls::Tls => "over TLS",
                MailTls::None => "without encryption",
            };
            let user =
                if smtp.username.is_empty() { "" } else { ", and the user with the password" };
            let what = format!("{server} accepts the connection {encryption}{user}");
            DoctorFinding::ok(AREA, what)
        }
        Err(error) => {
            let remedy = "correct notify.smtp; `openbell notify test` then sends a message";
            DoctorFinding::error(AREA, format!("{server}: {error}"), remedy)
        }
    })
}
