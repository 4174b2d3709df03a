//! `openbell notify`: sends a notification to every configured channel and prints the results.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use domain::{Clock, Entropy};
use notify::{CommandAttempt, ConditionKey, Notification, NotificationKind, Notifier, Severity};

use crate::boot::config::{self, DatabaseArgs, Flags};
use crate::clock::{SystemClock, SystemEntropy};
use crate::error::CommandError;
use crate::jobs::host_name;
use crate::term;

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test to every channel in notify.channels. Up to three attempts are made for each, of
    /// notify.timeout_s (10 s) at most.
    Test(NotifyTestArgs),
    /// Report an incident, or the end of one, for scripts and timers. No database is needed. Up to
    /// three attempts are made for each channel, of notify.timeout_s (10 s) at most.
    Send(NotifySendArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NotifyTestArgs {
    /// The configuration file; the built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NotifySendArgs {
    /// What the incident is about, like backup_failed. Messages with the same condition belong to
    /// the same incident.
    #[arg(long, value_name = "KEY", value_parser = ConditionKey::parse)]
    condition: ConditionKey,
    /// One sentence for the operator.
    #[arg(long, value_name = "TEXT", required_unless_present = "resolve")]
    summary: Option<String>,
    /// How severe the incident is.
    #[arg(long, value_name = "WORD", default_value = "error")]
    #[arg(value_parser = PossibleValuesParser::new(Severity::ALL.map(Severity::as_str)))]
    severity: String,
    /// The incident is over.
    #[arg(long)]
    resolve: bool,
    /// The configuration file; the built-in defaults without it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl NotifyCommand {
    /// The exit code is 1 if a channel did not accept the notification.
    pub(super) async fn run(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Test(args) => {
                let notifier = open(args.config)?;
                let key = notifier.notification(
                    NotificationKind::Test,
                    test_key(),
                    Severity::Info,
                    "This is a test of the notification of operators.".to_owned(),
                );
                Ok(send(&notifier, &key).await)
            }
            Self::Send(args) => {
                let notifier = open(args.config.clone())?;
                Ok(send(&notifier, &args.notification(&notifier)).await)
            }
        }
    }
}

impl NotifySendArgs {
    fn notification(self, notifier: &Notifier) -> Notification {
        let kind = if self.resolve { NotificationKind::Resolved } else { NotificationKind::Opened };
        let severity = Severity::ALL.into_iter().find(|one| one.as_str() == self.severity);
        let over = || format!("The condition {} is over.", self.condition);
        let summary = self.summary.unwrap_or_else(over);
        let severity = severity.unwrap_or(Severity::Error);
        notifier.notification(kind, self.condition, severity, summary)
    }
}

fn open(file: Option<PathBuf>) -> Result<Notifier, CommandError> {
    let args = DatabaseArgs { config: file, ..DatabaseArgs::default() };
    let config = config::load(&Flags::from(args))?.config.notify;
    if config.channels.is_empty() {
        return Err(CommandError::NoChannel);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    Ok(Notifier::new(&config, &host_name(), &clock, &entropy)?)
}

/// An incident of its own, so that a test resolves no other one.
fn test_key() -> ConditionKey {
    ConditionKey::parse("test").expect("invariant: the key is well-formed")
}

/// Prints what the command waits for to stderr.
fn report_attempt(attempt: &CommandAttempt) {
    let CommandAttempt { channel, attempt, attempts_max, timeout, failure } = attempt;
    let seconds = timeout.as_secs();
    let failure = failure.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    term::print_error(&format!(
        "{channel}: attempt {attempt} of {attempts_max}, up to {seconds} s{failure}"
    ));
}

async fn send(notifier: &Notifier, notification: &Notification) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (channel, outcome) in notifier.send(notification, report_attempt).await {
        match outcome {
            Ok(()) => term::print(&format!("{channel}: delivered\n")),
            Err(error) => {
                code = ExitCode::FAILURE;
                term::print(&format!("{channel}: failed: {error}\n"));
            }
        }
    }
    code
}
