//! The report: counts, sums and issues, as text for the terminal and as JSON for a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::{Money, Quantity};
use serde::Serialize;

use super::MINOR_UNIT;
use super::issues::{ImportIssue, IssueEffect};
use super::planner::ImportPlanner;
use super::tally;

/// Issues of one kind, and differences, that are printed.
const PRINTED_MAX: usize = 10;

/// What was read and what was imported.
#[derive(Clone, Debug, Default, Serialize)]
struct ReportedPair {
    read: String,
    imported: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum ImportOutcome {
    Imported,
    DryRun,
    Refused,
}

/// The report of an import. Amounts are decimal texts.
#[derive(Debug, Serialize)]
pub(super) struct LaravelReport {
    /// The address of the earlier database, without its password.
    pub(super) source: String,
    pub(super) dry_run: bool,
    outcome: ImportOutcome,
    users: ReportedPair,
    cash: ReportedPair,
    /// The part of the imported cash for shares that the game does not have.
    cash_converted: String,
    xp: ReportedPair,
    achievements: ReportedPair,
    /// By symbol.
    shares: BTreeMap<String, ReportedPair>,
    /// Sums that are not equal; each of them is a defect, and nothing is imported.
    differences: Vec<String>,
    /// Tables of trades that are missing or empty.
    pub(super) not_compared: Vec<&'static str>,
    /// How many issues there are of each kind.
    counts: BTreeMap<&'static str, usize>,
    issues: Vec<ImportIssue>,
}

impl LaravelReport {
    pub(super) fn new(source: String, dry_run: bool) -> Self {
        Self {
            source,
            dry_run,
            outcome: ImportOutcome::Refused,
            users: ReportedPair::default(),
            cash: ReportedPair::default(),
            cash_converted: Money::ZERO.to_text(MINOR_UNIT),
            xp: ReportedPair::default(),
            achievements: ReportedPair::default(),
            shares: BTreeMap::new(),
            differences: Vec::new(),
            not_compared: Vec::new(),
            counts: BTreeMap::new(),
            issues: Vec::new(),
        }
    }

    pub(super) fn is_imported(&self) -> bool {
        matches!(self.outcome, ImportOutcome::Imported)
    }

    /// The number of imported users.
    pub(super) fn imported_users(&self) -> &str {
        &self.users.imported
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self.outcome, ImportOutcome::Refused)
    }

    /// Takes over the sums and issues, and decides the outcome.
    pub(super) fn complete(&mut self, planner: ImportPlanner<'_>, differences: Vec<String>) {
        let (read, imported) = (&planner.read, &planner.imported);
        let pair = |read: i64, imported: i64| ReportedPair {
            read: read.to_string(),
            imported: imported.to_string(),
        };
        self.users = pair(read.users, imported.users);
        self.xp = pair(read.xp, imported.xp);
        self.achievements = pair(read.unlocks, imported.unlocks);
        let (cash, imported_cash) = (Money(read.cash), Money(imported.cash));
        let text = |cash: Money| cash.to_text(MINOR_UNIT);
        self.cash = ReportedPair { read: text(cash), imported: text(imported_cash) };
        self.cash_converted = planner.converted.to_text(MINOR_UNIT);
        self.shares = tally::shares_by_symbol(planner.catalogue, read, imported)
            .into_iter()
            .map(shares_pair)
            .collect();
        self.outcome = if planner.issues.refusals() > 0 || !differences.is_empty() {
            ImportOutcome::Refused
        } else if self.dry_run {
            ImportOutcome::DryRun
        } else {
            ImportOutcome::Imported
        };
        self.differences = differences;
        self.issues = planner.issues.issues;
        self.issues.sort_by_key(|issue| (issue.effect, issue.kind, issue.user_id));
        for issue in &self.issues {
            *self.counts.entry(issue.kind.code()).or_default() += 1;
        }
    }

    /// For the terminal, with the first issues of each kind.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("the earlier database: {}\n", self.source);
        let sums = [
            ("users", &self.users),
            ("cash", &self.cash),
            ("XP", &self.xp),
            ("achievements", &self.achievements),
        ];
        // Writing to a String cannot fail.
        for (what, ReportedPair { read, imported }) in sums {
            let _ = writeln!(text, "  {what:<13} {read} read, {imported} to import");
        }
        let (shares, stocks) = (self.shares.len(), if self.shares.len() == 1 { "" } else { "s" });
        let _ = writeln!(text, "  {:<13} of {shares} stock{stocks}", "shares");
        let _ = writeln!(text, "  {:<13} {}", "for shares", self.cash_converted);
        for table in &self.not_compared {
            let _ = writeln!(text, "not compared: {table} is missing or empty");
        }
        for difference in self.differences.iter().take(PRINTED_MAX) {
            let _ = writeln!(text, "the sums differ: {difference}");
        }
        self.write_issues(&mut text);
        text.push_str(&match self.outcome {
            ImportOutcome::Imported => {
                format!("imported {} players; the server can be started\n", self.users.imported)
            }
            ImportOutcome::DryRun => {
                "dry run: nothing was changed, and the import would succeed\n".to_owned()
            }
            ImportOutcome::Refused => "nothing was imported\n".to_owned(),
        });
        text
    }

    fn write_issues(&self, text: &mut String) {
        let mut at = 0;
        while let Some(first) = self.issues.get(at) {
            let same =
                |issue: &&ImportIssue| (issue.effect, issue.kind) == (first.effect, first.kind);
            let count = self.issues[at..].iter().take_while(same).count();
            let (effect, title) = (effect_word(first), first.kind.title());
            let _ = writeln!(text, "{effect}, {count} ×: {title}");
            for issue in self.issues[at..].iter().take(count.min(PRINTED_MAX)) {
                text.push_str(&issue_line(issue));
            }
            if count > PRINTED_MAX {
                let more = count - PRINTED_MAX;
                let _ = writeln!(text, "  … and {more} more (--report FILE lists all)");
            }
            at += count;
        }
    }
}

fn effect_word(issue: &ImportIssue) -> &'static str {
    match issue.effect {
        IssueEffect::Refused => "refused",
        IssueEffect::LeftOut => "left out",
        IssueEffect::Changed => "changed",
        IssueEffect::Differs => "differs",
    }
}

fn issue_line(issue: &ImportIssue) -> String {
    let user = issue.user_id.map(|id| format!("user {id}")).unwrap_or_default();
    let detail = if user.is_empty() || issue.detail.is_empty() { "" } else { ": " };
    format!("  {user}{detail}{}\n", issue.detail)
}

fn shares_pair((symbol, (read, imported)): (String, (i64, Quantity))) -> (String, ReportedPair) {
    (symbol, ReportedPair { read: read.to_string(), imported: imported.to_string() })
}
