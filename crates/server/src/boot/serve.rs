//! `openbell serve`: the order of the start, the running server, and the order of the shutdown.

use std::sync::Arc;
use std::time::Duration;

use cluster::BusMessage;
use domain::{Clock, Entropy, Rules};
use leaderboard::Leaderboards;
use market::CompanyLookup;
use notify::{Notifier, NotifierError};
use tokio::net::TcpListener;
use trading::{Desk, DeskDeps};

use super::config::{self, Config, Flags, load_rules_of_game, rule_warnings};
use super::history::HistoryWriter;
use super::nodes::{ClusterHandles, node_name};
use super::recorder::Recorder;
use super::reload::Reloader;
use super::shutdown::ShutdownAtSignal;
use super::signals::Signals;
use super::start::Services;
use super::systemd::ServiceManager;
use super::telemetry::TelemetryError;
use super::{
    archives, banner, database, descriptors, game_rules, live_market, recorder, start, telemetry,
    traces,
};
use crate::clock::{SystemClock, SystemEntropy, check_entropy};
use crate::error::CommandError;
use crate::jobs;
use crate::jobs::context::JobContext;
use crate::jobs::health::JobHealth;
use crate::jobs::supervisor::Supervisor;

/// How long responses may still be sent after the disk has failed.
const LAST_RESPONSES: Duration = Duration::from_millis(500);

/// Serves until a signal, and shuts down in order.
pub(crate) async fn run(flags: Flags) -> Result<(), CommandError> {
    let config::Settings { config, tree, .. } = config::load(&flags)?;
    // Names of nodes are random.
    check_entropy().map_err(|error| CommandError::Process("no randomness", error.into()))?;
    let node = node_name();
    let traces = traces::set_up(&config.traces, &node).map_err(TelemetryError::from)?;
    let (trace_layer, spans) = traces.unzip();
    let level = telemetry::install_logs(&config.log, trace_layer)?;
    store::log_slow_statements(config.database.slow_statement_ms);
    descriptors::raise_limit(config.http.connections_max);
    let recorder = recorder::install(&config, SystemClock.now())?;
    let mut signals =
        Signals::take().map_err(|error| CommandError::Process("no signals", error))?;
    let configured = load_rules_of_game(&config.game.rules)?;
    for warning in rule_warnings(&configured) {
        tracing::warn!("rules: {warning}");
    }
    let _lock = database::lock_database(&config)?;
    // Before the long work, so that a port in use is reported at once.
    let listener = bind(&config.http.listen).await?;
    let server = tokio::select! {
        server = Server::start(config, configured, recorder, node) => server?,
        signal = signals.next_stop() => {
            tracing::info!(signal, "ended before it had started");
            return Ok(());
        }
    };
    let Server { context, app, .. } = &server;
    let reloader = Reloader {
        flags,
        running: tree,
        level,
        app: app.clone(),
        providers: context.providers.clone(),
        notifier: context.notifier.clone(),
        store: context.store.clone(),
        clock: Arc::clone(&context.clock),
    };
    let served = server.serve(listener, signals, reloader).await;
    if let Some(spans) = spans {
        spans.finish().await;
    }
    served
}

async fn bind(address: &str) -> Result<TcpListener, CommandError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| CommandError::Listen(address.to_owned(), error))
}

/// A server that is ready to accept connections.
struct Server {
    context: Arc<JobContext>,
    history: HistoryWriter,
    app: web::AppState,
    shutdown: web::Shutdown,
}

impl Server {
    async fn start(
        mut config: Config,
        configured: Rules,
        recorder: Option<Recorder>,
        node: String,
    ) -> Result<Self, CommandError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (store, game) = start::open_game(&config).await?;
        let in_force = game_rules::rules_in_force(&config, &store).await?;
        config.market = start::market_of_game(&store, &game, &config, &in_force).await?;
        let metrics = recorder.map(|recorder| recorder.export(&config));
        let services = start::prepare(store, &game, &configured, &config).await?;
        let boards = Arc::<Leaderboards>::default();
        let shutdown = web::Shutdown::default();
        let hub = web::Hub::start(&config.http, &services.prices, shutdown.closing());
        let cluster = ClusterHandles::open(&config, &node, &clock).await?;
        let on_commit = on_commit(&boards, &hub, &cluster);
        let desk = open_desk(&config, &services, &clock, on_commit);
        let Services { store, game_id, source, prices, history, rules } = services;
        let failed = database::database_error(&config.database);
        // Before the first request for the readiness; the job `watch_clock` repeats it.
        store.clock_skew(&*clock).await.map_err(&failed)?;
        // Before a leaderboard is built; the job `follow_changes` adds later ones.
        jobs::exclude_unranked(&store, &boards).await.map_err(&failed)?;
        // An import requires that no server runs.
        let bcrypt_cost_max = store.imported_bcrypt_cost().await.map_err(failed)?;
        let providers = match source.feed() {
            Some(_) => {
                let settings = &config.market.live.providers;
                let currency = rules.current().currency;
                let open = live_market::open_providers(&config, settings, &store, currency, &clock);
                Some(Arc::new(open.await?))
            }
            None => None,
        };
        let notifier = open_notifier(&config, &clock)?;
        let context = Arc::new(JobContext {
            config,
            store,
            game_id,
            source,
            prices,
            saved_day: history.saved_day(),
            rules,
            boards,
            hub,
            cluster,
            desk,
            providers,
            notifier,
            metrics,
            health: JobHealth::default(),
            clock,
            node,
        });
        let app = app_state(&context, shutdown.clone(), bcrypt_cost_max)?;
        Ok(Self { context, history, app, shutdown })
    }

    /// Serves until a signal and for `lame_duck_s` after it. Then it accepts no new connection,
    /// responds to every accepted order, stops the jobs and closes the database.
    async fn serve(
        self,
        listener: TcpListener,
        signals: Signals,
        reloader: Reloader,
    ) -> Result<(), CommandError> {
        let Self { context, history, app, shutdown } = self;
        let address = listener.local_addr().map_err(CommandError::Serve)?;
        let (now, lanes) = (context.clock.now(), context.desk.lanes());
        banner::announce(&context.config, address, &context.source, now, lanes);
        let service_manager = ServiceManager::find();
        let shutdown_at_signal = ShutdownAtSignal {
            shutdown: shutdown.clone(),
            lame_duck: Duration::from_secs(context.config.http.lame_duck_s),
            service_manager: service_manager.clone(),
        };
        tokio::spawn(shutdown_at_signal.run(signals, reloader));
        tokio::spawn(exit_after_disk_failure());
        let supervisor = Supervisor::default();
        jobs::start(&context, history, &supervisor)?;
        service_manager.notify_ready();
        let served = web::serve(listener, web::router(app), &context.config.http, shutdown).await;
        context.desk.close().await;
        supervisor.stop().await;
        context.store.close().await;
        served.map_err(CommandError::Serve)
    }
}

/// `None` without a channel.
fn open_notifier(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Notifier>>, NotifierError> {
    if config.notify.channels.is_empty() {
        return Ok(None);
    }
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let notifier = Notifier::new(&config.notify, &jobs::host_name(), clock, &entropy)?;
    Ok(Some(Arc::new(notifier)))
}

fn app_state(
    context: &JobContext,
    shutdown: web::Shutdown,
    bcrypt_cost_max: Option<u32>,
) -> Result<web::AppState, CommandError> {
    let config = &context.config;
    let lookups = context.providers.as_ref().map(|providers| {
        let ttl = &config.market.live.cache_ttl;
        Arc::new(CompanyLookup::new(Arc::clone(providers), ttl))
    });
    let metrics = context.metrics.clone();
    Ok(web::AppState::new(web::AppDeps {
        store: context.store.clone(),
        history: archives::open_history(config, &context.store)?,
        desk: context.desk.clone(),
        prices: Arc::clone(&context.prices),
        boards: Arc::clone(&context.boards),
        hub: Arc::clone(&context.hub),
        market: Arc::clone(&context.source),
        lookups,
        rules: Arc::clone(&context.rules),
        clock: Arc::clone(&context.clock),
        entropy: Arc::new(SystemEntropy),
        counters: context.cluster.counters.clone(),
        cache: context.cluster.cache.clone(),
        config: config.web(),
        shutdown,
        render_metrics: metrics.map(|metrics| -> Arc<dyn Fn() -> String + Send + Sync> {
            Arc::new(move || metrics.render())
        }),
        start_trace: traces::start,
        bcrypt_cost_max,
    }))
}

/// What happens after each commit and before its responses: the leaderboard, the event streams and
/// the other nodes receive the fills.
fn on_commit(
    boards: &Arc<Leaderboards>,
    hub: &Arc<web::Hub>,
    cluster: &ClusterHandles,
) -> trading::OnCommit {
    let (boards, hub, bus) = (Arc::clone(boards), Arc::clone(hub), cluster.bus.clone());
    Arc::new(move |fills| {
        for fill in fills {
            boards.raise(fill.entry.player_id, fill.entry.total_xp_after);
        }
        hub.publish_fills(fills);
        bus.publish(BusMessage::Ledger);
    })
}

/// Opens the trade path at the prices of the price board.
fn open_desk(
    config: &Config,
    services: &Services,
    clock: &Arc<dyn Clock>,
    on_commit: trading::OnCommit,
) -> Desk {
    let (quotes, prices) = (Arc::clone(&services.prices), Arc::clone(&services.prices));
    let (rules, valued_by) = (Arc::clone(&services.rules), Arc::clone(&services.rules));
    let now = Arc::clone(clock);
    let deps = DeskDeps {
        store: services.store.clone(),
        rules: Arc::clone(&rules),
        clock: Arc::clone(clock),
        entropy: Arc::new(SystemEntropy),
        quotes: Arc::new(move |stock_id| quotes.quote_for_order(stock_id, now.now())),
        published: services.prices.watch(),
        valuation: Arc::new(move || prices.valuation(&valued_by.current())),
        on_commit,
    };
    Desk::start(&config.trading, deps)
}

/// Ends the process after the disk has failed; running requests get their errors first. The
/// database is not closed, because that would write again.
async fn exit_after_disk_failure() {
    store::disk_failed().await;
    tokio::time::sleep(LAST_RESPONSES).await;
    tracing::error!("exiting: fsync failed, so that written data may be lost; check the disk");
    std::process::exit(1);
}
