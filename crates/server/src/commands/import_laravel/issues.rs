//! What the report lists: everything that is refused, left out, changed, or differs.

use serde::Serialize;

use super::ImportOptions;

/// What an issue means for the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IssueEffect {
    /// Nothing is imported.
    Refused,
    /// The row, or the user, is not imported.
    LeftOut,
    /// It is imported with another value.
    Changed,
    /// It is imported as it is, and differs from something else.
    Differs,
}

macro_rules! issue_kinds {
    ($($variant:ident = $code:literal, $rule:ident, $title:literal;)*) => {
        /// The kinds, in the order of the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum IssueKind { $($variant),* }

        impl IssueKind {
            /// The stable name in the JSON.
            pub(super) fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            pub(super) fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            fn rule(self) -> IssueRule {
                match self { $(Self::$variant => IssueRule::$rule),* }
            }
        }
    };
}

/// How an effect follows from the options.
enum IssueRule {
    Refused,
    /// Refused, or left out with --skip-damaged.
    Damaged,
    /// Refused, or changed with --convert-unknown-to-cash.
    Unknown,
    LeftOut,
    Changed,
    Differs,
}

issue_kinds! {
    TakenEmail = "taken_email", Refused, "a user of the game has the address";
    UnknownStock = "unknown_stock", Unknown,
        "the game does not have the stock (--convert-unknown-to-cash sells it at its last price)";
    InvalidEmail = "invalid_email", Damaged,
        "the address is missing or invalid (--skip-damaged leaves the user out)";
    DuplicateEmail = "duplicate_email", Damaged,
        "another user has the address, in other case (--skip-damaged leaves the user out)";
    UnreadableBalance = "unreadable_balance", Damaged,
        "the balance is missing or has fractions of a cent (--skip-damaged leaves the user out)";
    UnreadableXp = "unreadable_xp", Damaged,
        "the level or the XP is out of range (--skip-damaged leaves the user out)";
    BeyondLimits = "beyond_limits", Damaged,
        "shares or money are beyond the limits of the game (--skip-damaged leaves the user out)";
    DeletedUser = "deleted_user", LeftOut, "the user is marked as deleted";
    DeletedHolding = "deleted_holding", LeftOut, "a holding is marked as deleted but has shares";
    InvalidQuantity = "invalid_quantity", LeftOut, "a number of shares is missing, below zero or has fractions";
    OrphanHolding = "orphan_holding", LeftOut, "a holding has no user or no stock";
    OrphanUnlock = "orphan_achievement", LeftOut, "an achievement has no user or no description";
    UnknownAchievement = "unknown_achievement", LeftOut,
        "the rules of the game have no achievement of the name";
    NegativeBalance = "negative_balance", Changed, "a balance below zero is imported as 0.00";
    MissingXp = "missing_xp", Changed, "a missing or negative level or XP counts as none";
    ReplacedName = "replaced_name", Changed, "a name breaks the rules for names and is replaced";
    NoPassword = "no_password", Changed,
        "the password cannot be verified: the user needs a one-time link";
    MissingPrice = "missing_price", Changed,
        "a holding has no average price: its cost is computed from the stock's last price";
    RoundedPrice = "rounded_price", Changed, "an average price is rounded to four digits";
    MissingDate = "missing_date", Changed, "a missing or future date is replaced by the present";
    SharedName = "shared_name", Differs, "an earlier user has the same name or one that looks like it";
    LevelDiffers = "level_differs", Differs, "the level follows from the XP and differs";
    PositionDiffers = "position_differs", Differs,
        "the shares differ from the transactions; the shares are imported";
    AuditDiffers = "audit_differs", Differs,
        "the shares differ from portfolio_audit; the shares are imported";
    CashDiffers = "cash_differs", Differs,
        "the balance differs from 10000.00 and the transactions; the balance is imported";
}

impl IssueKind {
    fn effect(self, options: ImportOptions) -> IssueEffect {
        match self.rule() {
            IssueRule::Damaged if options.skip_damaged => IssueEffect::LeftOut,
            IssueRule::Unknown if options.convert_unknown => IssueEffect::Changed,
            IssueRule::Refused | IssueRule::Damaged | IssueRule::Unknown => IssueEffect::Refused,
            IssueRule::LeftOut => IssueEffect::LeftOut,
            IssueRule::Changed => IssueEffect::Changed,
            IssueRule::Differs => IssueEffect::Differs,
        }
    }
}

/// One entry of the report. It contains no name and no address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ImportIssue {
    #[serde(serialize_with = "as_code")]
    pub(super) kind: IssueKind,
    pub(super) effect: IssueEffect,
    /// The id in the earlier application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) detail: Box<str>,
}

fn as_code<S: serde::Serializer>(kind: &IssueKind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.code())
}

pub(super) struct IssueList {
    options: ImportOptions,
    pub(super) issues: Vec<ImportIssue>,
    refusals: usize,
}

impl IssueList {
    pub(super) fn new(options: ImportOptions) -> Self {
        Self { options, issues: Vec::new(), refusals: 0 }
    }

    pub(super) fn add(&mut self, user_id: i64, kind: IssueKind, detail: String) {
        self.add_for(Some(&user_id), kind, detail);
    }

    pub(super) fn add_for(&mut self, user_id: Option<&i64>, kind: IssueKind, detail: String) {
        let effect = kind.effect(self.options);
        self.refusals += usize::from(effect == IssueEffect::Refused);
        let (user_id, detail) = (user_id.copied(), detail.into_boxed_str());
        self.issues.push(ImportIssue { kind, effect, user_id, detail });
    }

    /// How many issues refuse the import.
    pub(super) fn refusals(&self) -> usize {
        self.refusals
    }
}
