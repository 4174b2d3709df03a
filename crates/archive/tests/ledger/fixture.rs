//! A game of three players and three stocks on a real database, played over months, with an archive
//! and changes by hand that no program makes.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use archive::{ArchiveStore, Archiver, AuditConfig, Manifest, S3Config};
use domain::{
    AccountTransfer, Achievement, AchievementKind, Action, Clock, Day, Fill, Money, Month, Note,
    Order, Player, Price, Quantity, Quote, QuoteSource, Rejection, Rules, RulesRef, Side,
    StockInfo, Symbol, TransferredHolding, UnixMicros, VersionedRules, settle,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::{
    ArchiveRow, BatchMark, DatabaseConfig, ImportedPlayer, LoadKey, MAIN, NO_PASSWORD, NewRules,
    NewToken, NewUser, PlayerUpdate, Store, TokenKind, Valuation,
};
use tempfile::TempDir;
use testkit::{ManualClock, SeededEntropy, migrated_database};

/// What every fact must hold on.
pub(crate) const ENGINES: [&str; 2] = ["sqlite", "postgres"];

/// A change by hand.
#[derive(Clone, Copy)]
pub(crate) enum Hand {
    /// Drops the triggers that protect the ledger.
    Unlock,
    /// Runs a statement about the first player, `$1`.
    Sql(&'static str),
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) player_ids: Vec<i64>,
    pub(crate) user_ids: Vec<i64>,
    stock_ids: Vec<i64>,
    url: String,
    pub(crate) clock: ManualClock,
    marks: SeededEntropy,
    /// The rules in the database: later entries name them.
    version: OnceLock<VersionedRules>,
    directory: TempDir,
}

fn rules() -> Rules {
    toml::from_str(include_str!("../../../../config/game.toml")).expect("good rules")
}

/// The name of an achievement that every player has reached who has made a trade that counts.
pub(crate) const AWARDED: &str = "Trader";

/// The rules with one more achievement.
fn rules_with_award() -> Rules {
    let mut rules = rules();
    let (name, code) = (AWARDED.to_owned(), "trader".to_owned());
    let (description, icon) = ("Trade.".to_owned(), "x".to_owned());
    let kind = AchievementKind::TradesCount(1);
    let mut list: Vec<Achievement> = rules.achievements.into();
    list.push(Achievement { id: 700, code, kind, name, description, icon, xp: 7 });
    rules.achievements = list.try_into().expect("unique");
    // No player is invested here.
    rules.xp.uninvested_max = 10_000;
    rules
}

fn stock(symbol: &str) -> StockInfo {
    let text = || symbol.to_owned();
    StockInfo {
        symbol: Symbol::parse(symbol).expect("a symbol"),
        name: text(),
        category: text(),
        description: text(),
        kid_friendly_description: text(),
        fun_fact: None,
    }
}

async fn open_store(url: &str) -> Store {
    let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
    Store::open(&config).await.expect("opens")
}

async fn migrate(url: &str) {
    let store = open_store(url).await;
    store.migrate().await.expect("migrates");
    store.close().await;
}

impl Fixture {
    pub(crate) async fn open(engine: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = match engine {
            "sqlite" => format!("sqlite:{}", directory.path().join("test.db").display()),
            _ => migrated_database(migrate).await,
        };
        let (store, clock) = (open_store(&url).await, ManualClock::new());
        let now = clock.now();
        store.migrate().await.expect("migrates");
        store.ensure_game("fixed", now).await.expect("a game");
        store.ensure_ledger_months(now).await.expect("months");
        store.save_achievements(&rules()).await.expect("achievements");
        let stocks = store.save_stocks(&["A", "B", "C"].map(stock)).await.expect("stocks");
        let (mut player_ids, mut user_ids) = (Vec::new(), Vec::new());
        for number in 0..3_u8 {
            let email = &*format!("{number}@example.org");
            let name = &*format!("Kim {number}");
            let user = NewUser { name, email, email_key: email, password_hash: "-" };
            let (hash, later) = ([number; 32], now.plus_seconds(1000));
            let token = NewToken {
                hash,
                name: "test",
                kind: TokenKind::Api,
                idle_expires_at: later,
                expires_at: later,
            };
            let registered = store.register(&user, &token, &rules(), now).await.expect("works");
            let registered = registered.expect("a new e-mail");
            player_ids.push(registered.player_id);
            user_ids.push(registered.user_id);
        }
        let stock_ids = stocks.iter().map(|stock| stock.stock_id).collect();
        let marks = SeededEntropy::new(1);
        let version = OnceLock::new();
        Self { store, player_ids, user_ids, stock_ids, url, clock, marks, version, directory }
    }

    /// Imports a player with cash, XP and a holding: two entries.
    pub(crate) async fn import_player(&self) {
        let (now, quantity) = (self.clock.now(), Quantity(3 * Quantity::SHARE));
        let (stock_id, average_price) = (self.stock_ids[0], Price(1_899_500));
        let player = ImportedPlayer {
            name: "Moyo".to_owned(),
            email: "moyo@example.org".to_owned(),
            email_key: "moyo@example.org".to_owned(),
            password_hash: NO_PASSWORD.to_owned(),
            registered_at: now,
            transfer: AccountTransfer {
                cash: Money(943_015),
                total_xp: 3_250,
                achievement_ids: Vec::new(),
                holdings: vec![TransferredHolding { stock_id, quantity, average_price }],
            },
            unlocked_at: Vec::new(),
        };
        let mut import = self.store.begin_player_import(now).await.expect("begins");
        import.add(&[player], Day(12_786), &rules()).await.expect("adds");
        import.commit(None).await.expect("commits");
    }

    /// Tries this many random actions, some in one commit, over a few days. Returns how many
    /// were accepted. The first player begins with purchases and a note.
    pub(crate) async fn trade(&self, actions: u64) -> u64 {
        let rng = SeededEntropy::new(7);
        let draw = |below: u64| i64::try_from(rng.next_u64() % below).expect("small");
        let pick = |from: &[i64], n: i64| from[usize::try_from(n).expect("an index")];
        let mut fills = 0;
        for number in 0..actions {
            self.clock.advance_seconds(draw(20_000));
            let is_opening = number < 4;
            let player_id = if is_opening { 0 } else { draw(3) };
            let player_id = pick(&self.player_ids, player_id);
            let stock_id = pick(&self.stock_ids, draw(3));
            let is_sale = !is_opening && draw(2) == 0;
            let side = if is_sale { Side::Sell } else { Side::Buy };
            let quantity = Quantity(1 + draw(3_000_000));
            let note = || Note::parse("Because.").expect("a note");
            let order = Order { stock_id, side, quantity };
            let action = match draw(8) {
                0 if !is_opening => Action::Annotate { about_version: 1, stock_id, note: note() },
                1 => Action::Trade(order, Some(note())),
                _ => Action::Trade(order, None),
            };
            fills += self.settle(player_id, stock_id, &action, 1 + draw(2_000_000)).await;
        }
        fills
    }

    /// Stores rules, as the first node of a later version does, and awards what they add.
    pub(crate) async fn store_rules(&self) {
        let (rules, now) = (rules_with_award(), self.clock.now());
        let new = NewRules {
            rules: &rules,
            author: "a test",
            reason: "a test",
            effective_from: now,
            has_awards: false,
        };
        let game = self.store.find_game(MAIN).await.expect("reads").expect("a game");
        let is_stored = self.store.append_rules(game.game_id, 0, new, now).await;
        assert!(is_stored.expect("answers"), "the first version");
        let version = VersionedRules { version: 1, effective_from: now, rules };
        self.version.set(version).expect("once");
        self.award().await;
    }

    /// Awards what is due by the stored rules, as a batch of the desk does.
    async fn award(&self) {
        for &player_id in &self.player_ids {
            self.commit(player_id, None, |player, rules, now| {
                let outcome = settle(player, &Action::Award, Err(Rejection::NoQuote), rules, now);
                outcome.into_iter().collect()
            })
            .await;
        }
    }

    async fn settle(&self, player_id: i64, stock_id: i64, action: &Action, price: i64) -> u64 {
        let (market_day, source) = (Day(12_786), QuoteSource::Fixed);
        let (price, tick) = (Price(price), Price(100));
        self.commit(player_id, Some(stock_id), |player, rules, now| {
            let quote = Quote { price, tick, as_of: now, market_day, source };
            // Twice in one commit, so that one entry follows another within it.
            (0..2).filter_map(|_| settle(player, action, Ok(quote), rules, now).ok()).collect()
        })
        .await
    }

    /// Commits the fills of a player; returns their number.
    async fn commit(
        &self,
        player_id: i64,
        stock_id: Option<i64>,
        settle: impl FnOnce(&mut Player, RulesRef<'_>, UnixMicros) -> Vec<Fill>,
    ) -> u64 {
        let now = self.clock.now();
        self.store.ensure_ledger_months(now).await.expect("months");
        let wanted = [LoadKey { player_id, stock_id, about_version: None, text_key: None }];
        let mut state =
            self.store.load_batch(&wanted, &[], &Valuation::at_prices("[]")).await.expect("loads");
        let mut player = state.players.remove(&player_id).expect("the player");
        let (version_before, head_before) = (player.balance_version, player.head_hash);
        let unversioned = rules();
        let rules = self.version.get().map_or(RulesRef::from(&unversioned), RulesRef::from);
        let fills = settle(&mut player, rules, now);
        let accepted = u64::try_from(fills.len()).expect("two at most");
        let (notes, records) = (Vec::new(), Vec::new());
        let change = PlayerUpdate { player, version_before, head_before, fills, notes, records };
        let mark = BatchMark::draw(&self.marks);
        let committed = self.store.commit_batch(&[change], mark, now).await.expect("commits");
        assert!(committed.conflicted.is_empty(), "no other client traded");
        accepted
    }
}

impl Fixture {
    /// An archiver for this fixture that writes into its directory; small files and row groups.
    pub(crate) fn archiver(&self, holder: &str) -> Archiver {
        let url = self.archive_path().display().to_string();
        self.archiver_at(
            ArchiveStore::open(&url, &S3Config::default()).expect("a directory"),
            holder,
        )
    }

    pub(crate) fn archiver_at(&self, archive_store: ArchiveStore, holder: &str) -> Archiver {
        let config = AuditConfig { part_rows: 40, row_group_rows: 15, ..AuditConfig::default() };
        let clock = Arc::new(self.clock.clone());
        Archiver::new(self.store.clone(), archive_store, &config, clock, holder.to_owned())
    }

    pub(crate) fn archive_path(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    /// Trades over three months, the first two of which are over, and due.
    pub(crate) async fn trade_over_months(&self) -> [Month; 3] {
        let mut months = Vec::new();
        for number in 0..3 {
            months.push(self.clock.now().month());
            self.trade(30).await;
            if number == 0 {
                // The first month has entries of both forms.
                self.store_rules().await;
            }
            self.trade(30).await;
            while months.last() == Some(&self.clock.now().month()) {
                self.clock.advance_seconds(86_400);
            }
        }
        let last = months[2];
        self.store.add_due_archives(last, self.clock.now()).await.expect("adds");
        [months[0], months[1], last]
    }

    /// Brings a month into the archive and out of the ledger.
    pub(crate) async fn let_go(&self, month: Month) -> Manifest {
        let archiver = self.archiver("a");
        let manifest = archiver.archive(month, |_| ()).await.expect("archives");
        archiver.drop_month(month, "a test").await.expect("drops");
        manifest
    }

    pub(crate) async fn state(&self, month: Month) -> ArchiveRow {
        self.store.find_archive(month).await.expect("answers").expect("a known month")
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn change_by_hand(&self, hand: Hand) {
        let statements: &[&str] = match hand {
            Hand::Sql(sql) => &[sql],
            Hand::Unlock if self.url.starts_with("sqlite:") => &[
                "DROP TRIGGER portfolio_audit_is_never_updated",
                "DROP TRIGGER portfolio_audit_is_never_deleted",
            ],
            Hand::Unlock => &["DROP TRIGGER portfolio_audit_is_never_changed ON portfolio_audit"],
        };
        for sql in statements {
            let sql = sql.replace("$1", &self.player_ids[0].to_string());
            let changed = self.try_by_hand(sql).await.expect("changes");
            assert!(matches!(hand, Hand::Unlock) || changed > 0, "{statements:?}");
        }
    }

    /// Executes a statement without the store; returns the number of rows or the database's error.
    pub(crate) async fn try_by_hand(&self, sql: String) -> Result<u64, String> {
        let sql = sqlx::AssertSqlSafe(sql);
        let done = if self.url.starts_with("sqlite:") {
            let mut db = SqliteConnection::connect(&self.url).await.expect("connects");
            sqlx::query(sql).execute(&mut db).await.map(|done| done.rows_affected())
        } else {
            let mut db = PgConnection::connect(&self.url).await.expect("connects");
            sqlx::query(sql).execute(&mut db).await.map(|done| done.rows_affected())
        };
        done.map_err(|error| error.to_string())
    }
}
