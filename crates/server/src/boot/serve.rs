//! `openbell serve`: the order of start, what runs meanwhile, and the order of the end.

use std::sync::Arc;
use std::time::Duration;

use cluster::{Bus, BusMessage};
use domain::{Clock, Entropy as _, Rules};
use leaderboard::{Leaderboard, Leaderboards};
use market::{MarketSource, PriceBoard, Providers};
use store::{BoardKind, Store};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trading::Desk;

use crate::boot::config::{Config, load_rules, rule_warnings};
use crate::boot::history::SavedDay;
use crate::boot::nodes::{FollowChanges, Nodes};
use crate::boot::signals::Signals;
use crate::boot::start::World;
use crate::boot::telemetry::Metrics;
use crate::boot::{banner, descriptors, live_market as live, start, telemetry};
use crate::clock::{SystemClock, SystemEntropy, check_entropy};
use crate::commands::audit;
use crate::commands::user::erase as erasures;
use crate::error::Failure;
use crate::jobs;
use crate::jobs::supervisor::keep;
use crate::jobs::{boards, clean_ledger, equity, execute_orders as orders, refresh_quotes};

/// Rows of a column that are filled at once.
const FILLED_AT_ONCE: i64 = 500;
/// How long answers may still go out once the disk has failed.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Serves until a signal asks to end, and ends in order.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    telemetry::install_logs(&config.log)?;
    descriptors::raise_limit(config.http.connections_max);
    let metrics = telemetry::install_metrics(SystemClock.now())?;
    let mut signals = Signals::take().map_err(|error| Failure::Process("no signals", error))?;
    check_entropy().map_err(|error| Failure::Process("no randomness", error.into()))?;
    let rules = Arc::new(load_rules(&config.game.rules)?);
    for warning in rule_warnings(&rules) {
        tracing::warn!("rules: {warning}");
    }
    let _lock = start::take_database(&config)?;
    // Bound before the long work, so that a port in use is told at once.
    let listener = bind(&config.http.listen).await?;
    let server = tokio::select! {
        server = Server::start(config, rules, metrics) => server?,
        signal = signals.next() => {
            tracing::info!(signal, "ended before it had started");
            return Ok(());
        }
    };
    server.serve(listener, signals).await
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::Listen(address.to_owned(), error))
}

/// A server that is ready to take connections.
struct Server {
    config: Config,
    world: World,
    boards: Arc<Leaderboards>,
    hub: Arc<web::Hub>,
    nodes: Nodes,
    /// Cancelled when a signal asks to end; ends the streams of events at once.
    closing: CancellationToken,
    desk: Desk,
    router: web::Router,
    clock: Arc<dyn Clock>,
    /// Who is asked for prices; only in a live market.
    providers: Option<Arc<Providers>>,
    metrics: Metrics,
}

impl Server {
    async fn start(config: Config, rules: Arc<Rules>, metrics: Metrics) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let world = start::prepare(&config, &rules).await?;
        let boards = Arc::<Leaderboards>::default();
        let (prices, ranks) = (Arc::clone(&world.prices), Arc::clone(boards.board(BoardKind::Xp)));
        let closing = CancellationToken::new();
        let hub = web::Hub::start(&config.http, &prices, closing.clone());
        let nodes = Nodes::open(&config, &node_name(), &clock).await?;
        let desk = open_desk(&config, &world, (&ranks, &hub, &nodes.bus), &rules, &clock);
        let providers = match world.source.feed() {
            Some(_) => Some(live::open_providers(&config, &world.store, &rules, &clock).await?),
            None => None,
        };
        let ttl = &config.market.live.cache_ttl;
        let lookups = providers
            .as_ref()
            .map(|one| Arc::new(market::CompanyLookup::new(Arc::clone(one), ttl)));
        let rendered = metrics.clone();
        let state = web::AppState::new(web::Parts {
            store: world.store.clone(),
            history: audit::open_history(&config, &world.store)?,
            desk: desk.clone(),
            prices,
            boards: Arc::clone(&boards),
            hub: Arc::clone(&hub),
            market: Arc::clone(&world.source),
            lookups,
            rules,
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            counters: nodes.counters.clone(),
            cache: nodes.cache.clone(),
            config: config.web(),
            render_metrics: Arc::new(move || rendered.render()),
        });
        let router = web::router(state);
        Ok(Self {
            config,
            world,
            boards,
            hub,
            nodes,
            closing,
            desk,
            router,
            clock,
            providers,
            metrics,
        })
    }

    /// Serves until a signal. Then: no new connection, an answer for every accepted order, the
    /// background jobs, the database.
    async fn serve(self, listener: TcpListener, mut signals: Signals) -> Result<(), Failure> {
        let address = listener.local_addr().map_err(Failure::Serve)?;
        let (now, lanes) = (self.clock.now(), self.desk.lanes());
        banner::announce(&self.config, address, &self.world.source, now, lanes);
        let (closing, stop) = (self.closing.clone(), CancellationToken::new());
        let told = closing.clone();
        tokio::spawn(async move {
            let signal = signals.next().await;
            tracing::info!(signal, "closing: every accepted order is answered first");
            told.cancel();
            signals.exit_at_next();
        });
        tokio::spawn(end_with_disk());
        let tasks = TaskTracker::new();
        let store = self.world.store.clone();
        let (desk, router, http) =
            (self.desk.clone(), self.router.clone(), self.config.http.clone());
        self.spawn_cleaning(&tasks, &stop)?;
        self.spawn_sealing(&tasks, &stop);
        self.spawn_board_jobs(&tasks, &stop);
        self.spawn_jobs(&tasks, &stop);
        let served = web::serve(listener, router, &http, closing).await;
        desk.close().await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        store.close().await;
        served.map_err(Failure::Serve)
    }

    /// Starts what seals the ledger, unless no seals are wanted.
    fn spawn_sealing(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        let every_s = i64::from(self.config.audit.seal_every_s);
        if every_s == 0 {
            return;
        }
        let file = audit::find_file(&self.config);
        if file.is_none() {
            tracing::warn!(
                "seals are kept in the database alone; audit.seals_file keeps them apart from it"
            );
        }
        let job = audit::seal::SealHeads {
            store: self.world.store.clone(),
            file,
            every_s,
            clock: Arc::clone(&self.clock),
            node: node_name(),
        };
        tasks.spawn(keep(job, stop.clone()));
    }

    /// Starts what archives the ledger, if there is an archive.
    fn spawn_cleaning(&self, tasks: &TaskTracker, stop: &CancellationToken) -> Result<(), Failure> {
        let (audit, store) = (&self.config.audit, &self.world.store);
        if audit.archive_url.is_empty() {
            return Ok(());
        }
        let (below, mut chance) = (u64::from(audit.clean_jitter_s) + 1, [0; 8]);
        SystemEntropy.fill(&mut chance);
        let job = clean_ledger::CleanLedger {
            store: store.clone(),
            archiver: audit::open_archiver(&self.config, store)?,
            retention_days: audit.retention_days,
            clean_at: audit.clean_at,
            jitter_s: i64::try_from(u64::from_be_bytes(chance) % below).unwrap_or_default(),
            clock: Arc::clone(&self.clock),
            next_at: None,
        };
        tasks.spawn(keep(job, stop.clone()));
        Ok(())
    }

    /// Starts what keeps the boards.
    fn spawn_board_jobs(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        let (store, boards) = (&self.world.store, &self.boards);
        let job = boards::FollowBoard {
            store: store.clone(),
            boards: Arc::clone(boards),
            stage: boards::Stage::New,
            hub: Arc::clone(&self.hub),
            clock: Arc::clone(&self.clock),
            nudge: Arc::clone(&self.nodes.nudges.ledger),
            whole_at: Instant::now(),
        };
        tasks.spawn(keep(job, stop.clone()));
        tasks.spawn(self.nodes.clone().listen(stop.clone()));
        let job = FollowChanges::new(store.clone(), &self.nodes, Arc::clone(boards));
        tasks.spawn(keep(job, stop.clone()));
        let prices = Arc::clone(&self.world.prices);
        let job = boards::ValuePlayers::new(store.clone(), Arc::clone(boards), prices);
        tasks.spawn(keep(job, stop.clone()));
        let (checked, pages) = (Arc::clone(boards), 0);
        let job =
            boards::CheckBoard { store: store.clone(), boards: checked, after: i64::MIN, pages };
        tasks.spawn(keep(job, stop.clone()));
        let job = boards::CloseBoards {
            store: store.clone(),
            boards: Arc::clone(boards),
            source: Arc::clone(&self.world.source),
            clock: Arc::clone(&self.clock),
            node: node_name(),
            writing: None,
            forgetting: None,
        };
        tasks.spawn(keep(job, stop.clone()));
    }

    /// Starts everything that runs beside the requests.
    fn spawn_jobs(self, tasks: &TaskTracker, stop: &CancellationToken) {
        let Self { config, world, clock, providers, metrics, nodes, desk, .. } = self;
        let World { store, source, prices, history } = world;
        spawn_equity_jobs(&store, &source, history.saved_day(), &clock, tasks, stop);
        if let Some(providers) = providers {
            let market = (&source, &prices, providers);
            spawn_live_jobs(&config, &store, market, &nodes, &clock, tasks, stop);
        }
        let ticker_stop = stop.clone();
        let shown = Arc::clone(&prices);
        tasks.spawn(market::ticker::run(source, shown, Arc::clone(&clock), async move {
            ticker_stop.cancelled().await;
        }));
        let (cache, clock_of_it) = (nodes.cache, Arc::clone(&clock));
        let job = jobs::SaveHistory { history, cache, clock: clock_of_it };
        tasks.spawn(keep(job, stop.clone()));
        let (listed, clock_of_it) = (Arc::clone(&prices), Arc::clone(&clock));
        let job = orders::ExecuteOrders::new(store.clone(), desk, listed, clock_of_it, node_name());
        tasks.spawn(keep(job, stop.clone()));
        let job = jobs::RollUpHistory {
            store: store.clone(),
            prices: Arc::clone(&prices),
            days: config.retention.history_days,
            position: 0,
            rolled_up: None,
        };
        tasks.spawn(keep(job, stop.clone()));
        if let Some(file) = erasures::find_file(&config) {
            let job = erasures::KeepErasures::new(store.clone(), file);
            tasks.spawn(keep(job, stop.clone()));
        }
        let (rows_max, clock_of_it) = (FILLED_AT_ONCE, Arc::clone(&clock));
        let job = jobs::FillColumns { store: store.clone(), rows_max, clock: clock_of_it };
        tasks.spawn(keep(job, stop.clone()));
        let job = jobs::MakeMonths { store: store.clone(), clock: Arc::clone(&clock) };
        tasks.spawn(keep(job, stop.clone()));
        if let Some(file) = config.sqlite_file() {
            let job = jobs::Checkpoint::new(store.clone(), &file, config.database.disk_reserve);
            tasks.spawn(keep(job, stop.clone()));
        } else {
            let watch = store::DatabaseMonitor::new(store.clone());
            tasks.spawn(keep(jobs::WatchDatabase { watch }, stop.clone()));
            if let Some(watch) = store::ReplicaMonitor::new(&store) {
                tasks.spawn(keep(jobs::WatchReplica { watch }, stop.clone()));
            }
        }
        let job = jobs::DeleteExpired {
            store,
            idempotency_hours: config.retention.idempotency_hours,
            // An order stays as long as the key of its request, whose answer it is.
            order_days: config
                .retention
                .order_days
                .max(config.retention.idempotency_hours.div_euclid(24) + 1),
            rows_max: config.retention.delete_rows_max,
            clock,
        };
        tasks.spawn(keep(job, stop.clone()));
        tasks.spawn(keep(jobs::FoldMetrics { metrics }, stop.clone()));
    }
}

/// Starts what keeps the prices of a live market.
fn spawn_live_jobs(
    config: &Config,
    store: &Store,
    (source, prices, providers): (&Arc<MarketSource>, &Arc<PriceBoard>, Arc<Providers>),
    nodes: &Nodes,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let live = &config.market.live;
    refresh_quotes::warn_of_quota(&providers, prices.listings().len(), live);
    let (followed, shown) = (Arc::clone(source), Arc::clone(prices));
    let (nudge, clock_of_it) = (Arc::clone(&nodes.nudges.prices), Arc::clone(clock));
    let job = live::FollowQuotes::new(store.clone(), followed, shown, clock_of_it, nudge);
    let (Some(job), Some(feed)) = (job, source.feed()) else { return };
    tasks.spawn(keep(job, stop.clone()));
    let job = refresh_quotes::RefreshQuotes {
        store: store.clone(),
        providers,
        calendar: feed.calendar().clone(),
        interval_s: i64::from(live.refresh_interval_s),
        clock: Arc::clone(clock),
        node: node_name(),
        bus: nodes.bus.clone(),
    };
    tasks.spawn(keep(job, stop.clone()));
}

/// A name that no other node has, nor this one after a restart.
pub(crate) fn node_name() -> String {
    let mut name = [0; 16];
    SystemEntropy.fill(&mut name);
    format!("{:032x}", u128::from_be_bytes(name))
}

/// Starts what writes the players' curves.
fn spawn_equity_jobs(
    store: &Store,
    source: &Arc<MarketSource>,
    saved_day: SavedDay,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let (source, clock) = (|| Arc::clone(source), || Arc::clone(clock));
    let job = equity::SnapshotEquity::new(store.clone(), source(), saved_day, clock());
    tasks.spawn(keep(job, stop.clone()));
    let job = equity::RollUpEquity::new(store.clone(), source(), clock());
    tasks.spawn(keep(job, stop.clone()));
}

/// Ends the process when the disk has failed: what runs gets its refusals first. The database is
/// not closed, because that would write again.
async fn end_with_disk() {
    store::disk_failed().await;
    tokio::time::sleep(LAST_ANSWERS).await;
    tracing::error!("ending: the disk failed to keep what was written");
    std::process::exit(1);
}

/// Opens the trade path on the world's prices; a commit moves the board, and is told
/// to whoever listens, before it is answered.
fn open_desk(
    config: &Config,
    world: &World,
    (ranks, hub, bus): (&Arc<Leaderboard>, &Arc<web::Hub>, &Bus),
    rules: &Arc<Rules>,
    clock: &Arc<dyn Clock>,
) -> Desk {
    let (quotes, prices) = (Arc::clone(&world.prices), Arc::clone(&world.prices));
    let (ranks, hub, bus) = (Arc::clone(ranks), Arc::clone(hub), bus.clone());
    let holding_value_min = rules.holding_value_min();
    let parts = trading::DeskDeps {
        store: world.store.clone(),
        rules: Arc::clone(rules),
        clock: Arc::clone(clock),
        entropy: Arc::new(SystemEntropy),
        quotes: Arc::new(move |stock_id| quotes.quote_for_order(stock_id)),
        published: world.prices.watch(),
        valuation: Arc::new(move || prices.valuation(holding_value_min)),
        on_commit: Arc::new(move |fills| {
            for fill in fills {
                ranks.apply(fill.entry.player_id, fill.entry.total_xp_after);
            }
            hub.tell(fills);
            bus.publish(BusMessage::Ledger);
        }),
    };
    Desk::start(&config.trading, parts)
}
