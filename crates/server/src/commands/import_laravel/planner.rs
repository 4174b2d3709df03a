//! Decides what each user of the earlier application becomes.

use std::collections::HashMap;

use domain::{AccountTransfer, Money, Price, Quantity, Rules, TransferredHolding, UnixMicros};
use store::{
    ImportedPlayer, LARAVEL_CENTS_END, LARAVEL_LEVEL_MAX, LARAVEL_XP_MAX, LARAVEL_XP_STEP,
    LaravelDatabase, LaravelHolding, LaravelUnlock, LaravelUser, NO_PASSWORD, StoreError,
};
use web::{NamesConfig, bcrypt_cost, tidy_email, tidy_name};

use super::amounts::{parse_scaled, parse_whole};
use super::catalogue::{EarlierCatalogue, PRICE_SCALE};
use super::issues::{IssueKind, IssueList};
use super::tally::ImportTally;
use super::{ImportOptions, MINOR_UNIT};

/// The players of a page of users.
pub(super) struct PlannedPage {
    pub(super) users: i64,
    pub(super) players: Vec<ImportedPlayer>,
    /// The earlier ids by address in lower case.
    pub(super) source_ids: HashMap<String, i64>,
}

pub(super) struct ImportPlanner<'a> {
    pub(super) catalogue: &'a EarlierCatalogue,
    rules: &'a Rules,
    names: &'a NamesConfig,
    options: ImportOptions,
    now: UnixMicros,
    pub(super) issues: IssueList,
    /// The earlier ids of all addresses so far.
    emails: HashMap<String, i64>,
    pub(super) read: ImportTally,
    pub(super) imported: ImportTally,
    /// Cash for holdings in stocks that the game does not have.
    pub(super) converted: Money,
    pub(super) bcrypt_cost_max: Option<u32>,
}

impl<'a> ImportPlanner<'a> {
    pub(super) fn new(
        catalogue: &'a EarlierCatalogue,
        rules: &'a Rules,
        names: &'a NamesConfig,
        options: ImportOptions,
        now: UnixMicros,
        issues: IssueList,
    ) -> Self {
        Self {
            catalogue,
            rules,
            names,
            options,
            now,
            issues,
            emails: HashMap::new(),
            read: ImportTally::default(),
            imported: ImportTally::default(),
            converted: Money::ZERO,
            bcrypt_cost_max: None,
        }
    }

    /// Reads and plans the next users after an id; with the last of their ids. `None` at the end.
    pub(super) async fn plan_page(
        &mut self,
        source: &mut LaravelDatabase,
        after: i64,
        limit: i64,
    ) -> Result<Option<(PlannedPage, i64)>, StoreError> {
        let users = source.users_page(after, limit).await?;
        let Some(last) = users.last().map(|user| user.id) else { return Ok(None) };
        let mut holdings = by_user(source.holdings_range(after, last).await?, |row| row.user_id);
        let mut unlocks = by_user(source.unlocks_range(after, last).await?, |row| row.user_id);
        let count = i64::try_from(users.len()).unwrap_or(i64::MAX);
        let (mut players, mut source_ids) = (Vec::new(), HashMap::new());
        for user in users {
            let holdings = holdings.remove(&user.id).unwrap_or_default();
            let unlocks = unlocks.remove(&user.id).unwrap_or_default();
            if let Some(player) = self.plan_user(&user, &holdings, &unlocks) {
                source_ids.insert(player.email_key.clone(), user.id);
                players.push(player);
            }
        }
        Ok(Some((PlannedPage { users: count, players, source_ids }, last)))
    }

    /// The player that a user becomes; `None` if the user is not imported.
    fn plan_user(
        &mut self,
        user: &LaravelUser,
        holdings: &[LaravelHolding],
        unlocks: &[LaravelUnlock],
    ) -> Option<ImportedPlayer> {
        self.add_read(user, holdings, unlocks);
        if user.is_deleted != 0 {
            self.issues.add(user.id, IssueKind::DeletedUser, String::new());
            return None;
        }
        // All three are reported.
        let (email, cash, total_xp) =
            (self.plan_email(user), self.plan_cash(user), self.plan_xp(user));
        let ((email, email_key), cash, total_xp) = (email?, cash?, total_xp?);
        let (holdings, converted) = self.plan_holdings(user, holdings);
        let unlocks = self.plan_unlocks(user, unlocks);
        let mut transfer = AccountTransfer {
            cash: Money(cash.0.saturating_add(converted.0)),
            total_xp,
            achievement_ids: unlocks.iter().map(|(id, _)| *id).collect(),
            holdings,
        };
        transfer.holdings.shrink_to_fit();
        if !transfer.is_possible(MINOR_UNIT) {
            self.issues.add(user.id, IssueKind::BeyondLimits, String::new());
            return None;
        }
        self.emails.insert(email_key.clone(), user.id);
        self.imported.add_imported(&transfer);
        self.converted.0 = self.converted.0.saturating_add(converted.0);
        Some(ImportedPlayer {
            name: self.plan_name(user),
            email,
            email_key,
            password_hash: self.plan_password(user),
            registered_at: self.plan_date(user.id, user.created_at, "users.created_at"),
            transfer,
            unlocked_at: unlocks.into_iter().map(|(_, at)| at).collect(),
        })
    }

    fn plan_email(&mut self, user: &LaravelUser) -> Option<(String, String)> {
        let Ok((email, key)) = tidy_email(user.email.as_deref().unwrap_or_default()) else {
            self.issues.add(user.id, IssueKind::InvalidEmail, String::new());
            return None;
        };
        if let Some(first) = self.emails.get(&key) {
            let detail = format!("the same as of user {first}");
            self.issues.add(user.id, IssueKind::DuplicateEmail, detail);
            return None;
        }
        Some((email, key))
    }

    /// Adds up what is read, as the database does: what cannot be read is left out.
    fn add_read(
        &mut self,
        user: &LaravelUser,
        holdings: &[LaravelHolding],
        unlocks: &[LaravelUnlock],
    ) {
        self.read.users += 1;
        self.read.unlocks += i64::try_from(unlocks.len()).unwrap_or(i64::MAX);
        let cents = read_cents(user).unwrap_or_default();
        self.read.cash = self.read.cash.saturating_add(cents.max(0));
        let total_xp = read_level(user).map_or(0, total_xp);
        self.read.xp = self.read.xp.saturating_add(total_xp);
        for row in holdings.iter().filter(|row| row.is_deleted == 0) {
            if let Some(shares) = read_shares(row) {
                self.read.add_shares(row.stock_id, shares, 0);
            }
        }
    }

    fn plan_cash(&mut self, user: &LaravelUser) -> Option<Money> {
        let Some(cents) = read_cents(user) else {
            let detail = user.balance.clone().unwrap_or_else(|| "missing".to_owned());
            self.issues.add(user.id, IssueKind::UnreadableBalance, detail);
            return None;
        };
        if cents < 0 {
            self.issues.add(user.id, IssueKind::NegativeBalance, Money(cents).to_text(MINOR_UNIT));
        }
        Some(Money(cents.max(0)))
    }

    /// All XP ever earned: the levels before the present one, and the XP within it.
    fn plan_xp(&mut self, user: &LaravelUser) -> Option<i64> {
        let Some((level, xp)) = read_level(user) else {
            self.issues.add(user.id, IssueKind::UnreadableXp, shown_xp(user));
            return None;
        };
        let is_missing = user.level.is_none() || user.experience_points.is_none();
        if is_missing || level < 1 || xp < 0 {
            self.issues.add(user.id, IssueKind::MissingXp, shown_xp(user));
        }
        let (level, xp, total) = (level.max(1), xp.max(0), total_xp((level, xp)));
        let found = self.rules.levels.progress(total).level;
        if found != level {
            let detail = format!("level {level} with {xp} XP, imported as level {found}");
            self.issues.add(user.id, IssueKind::LevelDiffers, detail);
        }
        Some(total)
    }

    /// The holdings, and the value of those that are converted.
    fn plan_holdings(
        &mut self,
        user: &LaravelUser,
        rows: &[LaravelHolding],
    ) -> (Vec<TransferredHolding>, Money) {
        let (mut holdings, mut converted) = (Vec::new(), Money::ZERO);
        let catalogue = self.catalogue;
        for row in rows {
            let symbol = || catalogue.symbol(row.stock_id);
            let Some(shares) = read_shares(row) else {
                let shown = row.quantity.as_deref().unwrap_or("missing");
                let detail = format!("{}: {shown}", symbol());
                self.issues.add(user.id, IssueKind::InvalidQuantity, detail);
                continue;
            };
            if row.is_deleted != 0 {
                if shares > 0 {
                    let detail = format!("{}: {shares} shares", symbol());
                    self.issues.add(user.id, IssueKind::DeletedHolding, detail);
                }
                continue;
            }
            // A stock that was sold.
            if shares == 0 {
                continue;
            }
            let price = self.plan_price(user.id, row);
            let quantity = Quantity::whole(shares).unwrap_or(Quantity(i64::MAX));
            match catalogue.stocks.get(&row.stock_id).and_then(|stock| stock.stock_id) {
                Some(stock_id) => {
                    holdings.push(TransferredHolding { stock_id, quantity, average_price: price });
                }
                None => {
                    let value = self.convert(user.id, row, quantity, price);
                    converted.0 = converted.0.saturating_add(value.0);
                }
            }
        }
        (holdings, converted)
    }

    /// The average price; the last price of the stock where there is none.
    fn plan_price(&mut self, user_id: i64, row: &LaravelHolding) -> Price {
        let symbol = self.catalogue.symbol(row.stock_id);
        let text = row.average_price.as_deref();
        let number = text.and_then(|text| parse_scaled(text, PRICE_SCALE));
        match number.filter(|number| number.units > 0) {
            Some(number) => {
                if !number.is_exact {
                    let detail = format!("{symbol}: {}", text.unwrap_or_default());
                    self.issues.add(user_id, IssueKind::RoundedPrice, detail);
                }
                Price(number.units)
            }
            None => {
                let last = self.last_price(row.stock_id).unwrap_or_default();
                let shown = text.unwrap_or("missing");
                let detail = format!("{symbol}: {shown}, imported as {last}");
                self.issues.add(user_id, IssueKind::MissingPrice, detail);
                last
            }
        }
    }

    fn last_price(&self, stock_id: i64) -> Option<Price> {
        self.catalogue.stocks.get(&stock_id).and_then(|stock| stock.last_price)
    }

    /// The value of shares that the game does not have, at the last price, or at the average price
    /// without one.
    fn convert(
        &mut self,
        user_id: i64,
        row: &LaravelHolding,
        quantity: Quantity,
        average: Price,
    ) -> Money {
        let price = self.last_price(row.stock_id).unwrap_or(average);
        let value = price.value_rounded_down(quantity, MINOR_UNIT).unwrap_or(Money(i64::MAX));
        let symbol = self.catalogue.symbol(row.stock_id);
        let shown = value.to_text(MINOR_UNIT);
        let detail = format!("{symbol}: {quantity} shares at {price}, {shown}");
        self.issues.add(user_id, IssueKind::UnknownStock, detail);
        if self.options.convert_unknown { value } else { Money::ZERO }
    }

    /// The achievements of the game, each once, with their dates.
    fn plan_unlocks(
        &mut self,
        user: &LaravelUser,
        rows: &[LaravelUnlock],
    ) -> Vec<(i64, UnixMicros)> {
        let mut unlocks: Vec<(i64, UnixMicros)> = Vec::new();
        let catalogue = self.catalogue;
        for row in rows {
            // Reported as an orphan.
            let Some(earlier) = catalogue.achievements.get(&row.achievement_id) else { continue };
            let Some(id) = earlier.achievement_id else {
                let detail = format!("{:?}", earlier.name);
                self.issues.add(user.id, IssueKind::UnknownAchievement, detail);
                continue;
            };
            if !unlocks.iter().any(|(known, _)| *known == id) {
                let at = self.plan_date(user.id, row.unlocked_at, "achievement_user.unlocked_at");
                unlocks.push((id, at));
            }
        }
        unlocks
    }

    fn plan_name(&mut self, user: &LaravelUser) -> String {
        match tidy_name(user.name.as_deref().unwrap_or_default(), self.names) {
            Ok(name) => name,
            Err(reason) => {
                let name = format!("Investor {}", user.id);
                let detail = format!("{reason} It is now {name:?}.");
                self.issues.add(user.id, IssueKind::ReplacedName, detail);
                name
            }
        }
    }

    fn plan_password(&mut self, user: &LaravelUser) -> String {
        let hash = user.password.as_deref().unwrap_or_default();
        let Some(cost) = bcrypt_cost(hash) else {
            self.issues.add(user.id, IssueKind::NoPassword, String::new());
            return NO_PASSWORD.to_owned();
        };
        self.bcrypt_cost_max = self.bcrypt_cost_max.max(Some(cost));
        hash.to_owned()
    }

    fn plan_date(&mut self, user_id: i64, seconds: Option<i64>, column: &str) -> UnixMicros {
        let date = seconds.filter(|seconds| *seconds > 0).map(|s| UnixMicros(0).plus_seconds(s));
        date.filter(|date| *date <= self.now).unwrap_or_else(|| {
            self.issues.add(user_id, IssueKind::MissingDate, column.to_owned());
            self.now
        })
    }
}

/// The balance, if it has whole cents.
fn read_cents(user: &LaravelUser) -> Option<i64> {
    let number = parse_scaled(user.balance.as_deref()?, 2)?;
    (number.is_exact && number.units < LARAVEL_CENTS_END).then_some(number.units)
}

/// The level and the XP within it; 1 and 0 where they are missing.
fn read_level(user: &LaravelUser) -> Option<(i64, i64)> {
    let read = |text: &Option<String>, default: i64| match text {
        Some(text) => parse_whole(text),
        None => Some(default),
    };
    let (level, xp) = (read(&user.level, 1)?, read(&user.experience_points, 0)?);
    (level <= LARAVEL_LEVEL_MAX && xp <= LARAVEL_XP_MAX).then_some((level, xp))
}

/// All XP ever earned.
fn total_xp((level, xp): (i64, i64)) -> i64 {
    let level = level.max(1);
    LARAVEL_XP_STEP / 2 * level * (level - 1) + xp.max(0)
}

/// A number of shares, if it is whole and not below 0.
fn read_shares(row: &LaravelHolding) -> Option<i64> {
    row.quantity.as_deref().and_then(parse_whole).filter(|shares| *shares >= 0)
}

fn shown_xp(user: &LaravelUser) -> String {
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "missing".to_owned());
    format!("level {}, XP {}", shown(&user.level), shown(&user.experience_points))
}

fn by_user<T>(rows: Vec<T>, user_id: impl Fn(&T) -> i64) -> HashMap<i64, Vec<T>> {
    let mut map: HashMap<i64, Vec<T>> = HashMap::new();
    for row in rows {
        map.entry(user_id(&row)).or_default().push(row);
    }
    map
}
