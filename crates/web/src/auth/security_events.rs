//! The security events of the log, with the target `security`: who signed in, failed to or was
//! throttled, changes of passwords, tokens and roles, exports, erasures, actions of operators and
//! changes of the configuration.
//! docs/logs.md documents them. They contain no name, address or secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use store::{Role, TokenKind};

/// Bytes of an account's hash.
const ACCOUNT_BYTES: usize = 8;

macro_rules! kinds {
    ($($variant:ident = $word:literal, $level:ident, $text:literal;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SecurityEventKind { $($variant),* }

        impl SecurityEventKind {
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            /// The field `event`; stable.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl SecurityEvent {
            /// Logs and counts the event.
            pub fn log(self) {
                metrics::counter!("openbell_security_events_total", "event" => self.kind.as_str())
                    .increment(1);
                match self.kind { $(SecurityEventKind::$variant => emit!(self, $level, $text)),* }
            }
        }
    };
}

/// Logs an event at its level; a field without a value is left out.
macro_rules! emit {
    ($event:ident, $level:ident, $text:literal) => {
        tracing::$level!(
            target: "security",
            event = $event.kind.as_str(),
            via = $event.via,
            user_id = $event.user_id,
            operator_id = $event.operator_id,
            token_id = $event.token_id,
            account = $event.account,
            network = $event.network.map(tracing::field::display),
            action = $event.action,
            method = $event.method,
            role = $event.role,
            subject = $event.subject,
            quota = $event.quota,
            suppressed = $event.suppressed,
            $text
        )
    };
}

kinds! {
    Registered = "registered", info, "security: a user registered";
    SignedIn = "signed_in", info, "security: a user signed in";
    SignInFailed = "sign_in_failed", warn, "security: a sign-in failed";
    SignedOut = "signed_out", info, "security: a user signed out";
    PasswordCheckFailed = "password_check_failed", warn,
        "security: a signed-in user sent a wrong password";
    Throttled = "throttled", warn, "security: a rate limit was exceeded";
    PasswordChanged = "password_changed", info, "security: a user changed the password";
    PasswordReset = "password_reset", info, "security: a user set a new password without the old one";
    PasswordResetFailed = "password_reset_failed", warn,
        "security: an invalid recovery code or one-time link was tried";
    RecoveryCodesCreated = "recovery_codes_created", info, "security: recovery codes were created";
    TokenCreated = "token_created", info, "security: a token was created";
    TokenRevoked = "token_revoked", info, "security: a token or session was revoked";
    SessionsRevoked = "sessions_revoked", info,
        "security: all other tokens and sessions of a user were revoked";
    Exported = "exported", info, "security: the data of a user was exported";
    Erased = "erased", info, "security: a user was erased";
    OperatorAction = "operator_action", info, "security: an operator changed an account or the game";
    ConfigurationReloaded = "configuration_reloaded", info,
        "security: the configuration was reloaded";
}

/// A security event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    kind: SecurityEventKind,
    via: Option<&'static str>,
    user_id: Option<i64>,
    operator_id: Option<i64>,
    token_id: Option<i64>,
    account: Option<String>,
    network: Option<IpNet>,
    action: Option<&'static str>,
    method: Option<&'static str>,
    role: Option<&'static str>,
    /// What was changed, unless it is an account: a month, a market, keys of the configuration.
    subject: Option<String>,
    quota: Option<&'static str>,
    suppressed: Option<u64>,
}

impl SecurityEvent {
    fn new(kind: SecurityEventKind) -> Self {
        Self {
            kind,
            via: None,
            user_id: None,
            operator_id: None,
            token_id: None,
            account: None,
            network: None,
            action: None,
            method: None,
            role: None,
            subject: None,
            quota: None,
            suppressed: None,
        }
    }

    /// An event of a user's account.
    pub(crate) fn of_user(kind: SecurityEventKind, user_id: i64) -> Self {
        Self { user_id: Some(user_id), ..Self::new(kind) }
    }

    /// An event of a client that is not signed in, with the prefix of its address.
    pub(crate) fn of_client(kind: SecurityEventKind, network: IpNet) -> Self {
        Self::new(kind).with_network(network)
    }

    /// An operator's action on a page.
    pub(crate) fn of_operator(operator_id: i64, user_id: i64, action: &'static str) -> Self {
        let event = Self::of_user(SecurityEventKind::OperatorAction, user_id);
        Self { operator_id: Some(operator_id), action: Some(action), via: Some("page"), ..event }
    }

    /// An operator's action on the game, whichever way it came.
    pub(crate) fn of_operator_on_game(operator_id: i64, action: &'static str) -> Self {
        let event = Self::new(SecurityEventKind::OperatorAction);
        Self { operator_id: Some(operator_id), action: Some(action), ..event }
    }

    /// An operator's action by a command on this machine.
    #[must_use]
    pub fn of_command(user_id: Option<i64>, action: &'static str) -> Self {
        let event = Self::new(SecurityEventKind::OperatorAction);
        Self { user_id, action: Some(action), via: Some("command"), ..event }
    }

    /// A reload of the configuration by a signal, which changed these keys.
    pub fn of_reload(keys: &[String]) -> Self {
        let event = Self::new(SecurityEventKind::ConfigurationReloaded);
        let subject = (!keys.is_empty()).then(|| keys.join(", "));
        Self { subject, via: Some("signal"), ..event }
    }

    /// The same with what was changed.
    #[must_use]
    pub fn with_subject(self, subject: impl std::fmt::Display) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    /// The same with the prefix of the client's address.
    pub(crate) fn with_network(self, network: IpNet) -> Self {
        Self { network: Some(network), ..self }
    }

    /// The same through the pages or the API, by the kind of the session's token.
    pub(crate) fn via(self, kind: TokenKind) -> Self {
        let via = match kind {
            TokenKind::Web => "page",
            TokenKind::Api => "api",
        };
        Self { via: Some(via), ..self }
    }

    pub(crate) fn with_token(self, token_id: i64) -> Self {
        Self { token_id: Some(token_id), ..self }
    }

    pub(crate) fn with_account(self, account: Option<String>) -> Self {
        Self { account, ..self }
    }

    /// The same with what replaced the old password.
    pub(crate) fn with_method(self, method: &'static str) -> Self {
        Self { method: Some(method), ..self }
    }

    /// The same with the role that the user has now.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self { role: Some(role.as_str()), ..self }
    }
}

/// The hash by which logs and counters name an account: they contain no e-mail address.
pub(crate) fn account_of(email_key: &str) -> String {
    hex::encode(&Sha256::digest(email_key.as_bytes())[..ACCOUNT_BYTES])
}

/// Logs at most one event a second of each quota, because a client can exceed a limit thousands of
/// times a second. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThrottleLog(Arc<Mutex<HashMap<&'static str, ThrottleCount>>>);

#[derive(Debug)]
struct ThrottleCount {
    logged_s: i64,
    /// Events since then that were not logged.
    suppressed: u64,
}

impl ThrottleLog {
    /// Logs a request over a quota, of a client or a user.
    pub(crate) fn log(&self, event: SecurityEvent, quota: &'static str, now_s: i64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(quota);
        let count = count.or_insert(ThrottleCount { logged_s: i64::MIN, suppressed: 0 });
        if count.logged_s == now_s {
            count.suppressed += 1;
            return;
        }
        count.logged_s = now_s;
        let suppressed = Some(std::mem::take(&mut count.suppressed)).filter(|count| *count > 0);
        drop(counts);
        SecurityEvent { quota: Some(quota), suppressed, ..event }.log();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_documentation_lists_every_event() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/logs.md");
        let text = std::fs::read_to_string(path).unwrap();
        let words = SecurityEventKind::ALL.map(SecurityEventKind::as_str);
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
        for word in words {
            assert!(text.contains(&format!("| `{word}` |")), "docs/logs.md lacks {word}");
        }
    }

    #[test]
    fn an_account_has_the_hash_of_its_address() {
        // printf %s ada@example.org | sha256sum
        assert_eq!(account_of("ada@example.org"), "cfe00dde46ef9426");
    }
}
