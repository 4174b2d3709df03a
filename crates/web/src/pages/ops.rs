//! The operator's page with the metrics of this node, as `/metrics` returns them. Other players get
//! 404.

mod metrics;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::Ratio;
use store::{BoardKind, Role};

use self::metrics::{MetricSamples, seconds};
use super::response;
use super::view::{Tab, View};
use super::visitor::SignedIn;
use crate::problem::Problem;
use crate::state::AppState;

/// The number of slowest statements.
const STATEMENTS: usize = 5;
/// A cache with a hit rate below this, in percent, is marked after so many reads.
const CACHE_HITS_MIN: i64 = 70;
const CACHE_READS_MIN: i64 = 1_000;
const PER_MILLE_HALF: u64 = 500;
const PER_MILLE_99: u64 = 990;

#[derive(Template)]
#[template(path = "ops.html")]
struct OpsPage<'a> {
    view: &'a View,
    /// `None` if no metrics are recorded.
    cards: Option<Vec<Card>>,
}

struct Card {
    /// A message key.
    title: &'static str,
    lines: Vec<CardLine>,
}

struct CardLine {
    /// The message key of the name; empty where `of` is the name.
    key: &'static str,
    /// A lane, a code, a statement or a job.
    of: String,
    value: String,
    /// Whether the value is good, with the message key of that word.
    state: Option<(bool, &'static str)>,
}

fn line(key: &'static str, value: impl Into<String>) -> CardLine {
    CardLine { key, of: String::new(), value: value.into(), state: None }
}

fn line_of(of: &str, value: impl Into<String>) -> CardLine {
    CardLine { key: "", of: of.to_owned(), value: value.into(), state: None }
}

impl CardLine {
    fn with_state(self, is_good: bool) -> Self {
        let word = if is_good { "ops-good" } else { "ops-look" };
        Self { state: Some((is_good, word)), ..self }
    }
}

pub(super) async fn show(State(state): State<AppState>, me: SignedIn) -> Result<Response, Problem> {
    if me.viewer().role != Role::Operator {
        return Err(Problem::route_not_found("/ops"));
    }
    let view = View::new(&state, &me, Tab::None, "ops-title");
    let samples = state.render_metrics.as_ref().map(|render| MetricSamples::parse(&render()));
    let cards = samples.map(|samples| cards(&state, &view, &samples));
    Ok(response::page(&view, &OpsPage { view: &view, cards }))
}

fn cards(state: &AppState, view: &View, metrics: &MetricSamples) -> Vec<Card> {
    vec![
        node(state, view, metrics),
        trades(view, metrics),
        lanes(view, metrics),
        database(state, view, metrics),
        statements(metrics),
        shared(view, metrics),
        market(state, view, metrics),
        people(state, view, metrics),
        jobs(view, metrics),
    ]
}

fn count(view: &View, number: i64) -> String {
    view.fmt.number(number)
}

fn node(state: &AppState, view: &View, metrics: &MetricSamples) -> Card {
    let begun = metrics.value("process_start_time_seconds");
    let minutes = (state.clock.now().seconds() - begun).max(0) / 60;
    let megabytes = metrics.value("process_resident_memory_bytes") / 1_000_000;
    let breaches = metrics.sum("openbell_invariant_breaches_total");
    Card {
        title: "ops-node",
        lines: vec![
            line("ops-version", env!("CARGO_PKG_VERSION")),
            line("ops-uptime", view.tn("ops-minutes", "n", minutes)),
            line("ops-memory", format!("{} MB", count(view, megabytes))),
            line("ops-breaches", count(view, breaches)).with_state(breaches == 0),
        ],
    }
}

fn trades(view: &View, metrics: &MetricSamples) -> Card {
    let sum = |name| count(view, metrics.sum(name));
    let mut lines = vec![
        line("ops-trades", sum("openbell_trades_total")),
        line("ops-replays", sum("openbell_idempotent_replays_total")),
        line("ops-conflicts", sum("openbell_version_conflicts_total")),
        line("ops-retries", sum("openbell_retries_total")),
        line("ops-full", sum("openbell_desk_full_total"))
            .with_state(metrics.sum("openbell_desk_full_total") == 0),
        line("ops-lost", sum("openbell_batches_lost_total"))
            .with_state(metrics.sum("openbell_batches_lost_total") == 0),
    ];
    for (code, number) in metrics.by("openbell_rejections_total", "code") {
        lines.push(line_of(&code, count(view, number)));
    }
    Card { title: "ops-orders", lines }
}

fn lanes(view: &View, metrics: &MetricSamples) -> Card {
    let waits = "openbell_desk_queue_wait_seconds";
    let commits = "openbell_batch_commit_seconds";
    let mut lines = vec![
        line("ops-wait", quantiles(metrics, waits)),
        line("ops-commit", quantiles(metrics, commits)),
        line("ops-locks", quantiles(metrics, "openbell_lock_wait_seconds")),
        line("ops-batch", count(view, metrics.mean("openbell_batch_size"))),
    ];
    for (lane, length) in metrics.by("openbell_desk_queue_length", "lane") {
        lines.push(CardLine { key: "ops-lane", ..line_of(&lane, count(view, length)) });
    }
    Card { title: "ops-lanes", lines }
}

fn database(state: &AppState, view: &View, metrics: &MetricSamples) -> Card {
    let errors = metrics.sum("openbell_query_errors_total");
    let mut lines = vec![line("ops-engine", state.store.engine())];
    if let Some(up) = metrics.find("openbell_database_up") {
        lines.push(line("ops-up", count(view, up)).with_state(up == 1));
    }
    if let Some(waiting) = metrics.find("openbell_database_lock_waiters") {
        lines.push(line("ops-waiters", count(view, waiting)).with_state(waiting == 0));
    }
    lines.push(line("ops-errors", count(view, errors)).with_state(errors == 0));
    for (kind, number) in metrics.by("openbell_query_errors_total", "kind") {
        lines.push(line_of(&kind, count(view, number)));
    }
    Card { title: "ops-database", lines }
}

/// The statements with the largest 99th percentile.
fn statements(metrics: &MetricSamples) -> Card {
    let mut found = metrics.quantiles_by("openbell_query_seconds", "statement", PER_MILLE_99);
    found.sort_by_key(|(_, bound)| std::cmp::Reverse(*bound));
    let lines = found.iter().take(STATEMENTS);
    let lines = lines.map(|(name, bound)| line_of(name, seconds(*bound))).collect();
    Card { title: "ops-statements", lines }
}

/// Redis, the read replica and the caches.
fn shared(view: &View, metrics: &MetricSamples) -> Card {
    let mut lines = Vec::new();
    if let Some(up) = metrics.find("openbell_redis_up") {
        lines.push(line("ops-redis", count(view, up)).with_state(up == 1));
        let alone = metrics.sum("openbell_redis_fallbacks_total");
        lines.push(line("ops-alone", count(view, alone)));
    }
    if let Some(usable) = metrics.find("openbell_replica_usable") {
        lines.push(line("ops-replica", count(view, usable)).with_state(usable == 1));
    }
    for (family, missed) in metrics.by("openbell_cache_misses_total", "family") {
        let of = |name| metrics.by(name, "family").get(&family).copied().unwrap_or(0);
        let hits = of("openbell_cache_hits_total") + of("openbell_cache_stale_total");
        let reads = hits.saturating_add(missed);
        let percent = Ratio::of(hits, reads).percent(0);
        let text = view.t2("ops-hits", "percent", percent, "reads", count(view, reads));
        let is_good = reads < CACHE_READS_MIN || percent >= CACHE_HITS_MIN;
        lines.push(CardLine { key: "ops-cache", ..line_of(&family, text) }.with_state(is_good));
    }
    Card { title: "ops-shared", lines }
}

fn market(state: &AppState, view: &View, metrics: &MetricSamples) -> Card {
    let present = state.prices.snapshot();
    let age = (state.clock.now().seconds() - present.as_of.seconds()).max(0);
    let is_fresh = age <= state.rules().quote_age_max_s;
    let mut lines = vec![
        line("ops-source", present.source.as_str()),
        line("ops-day", view.fmt.short_day(present.market_day)),
        line("ops-stocks", count(view, i64::try_from(present.quotes.len()).unwrap_or(0))),
        line("ops-age", format!("{age} s")).with_state(is_fresh),
        line("ops-ticks", count(view, metrics.sum("openbell_market_ticks_total"))),
    ];
    for (provider, state) in metrics.by("openbell_provider_breaker_state", "provider") {
        lines.push(line_of(&provider, "").with_state(state == 0));
    }
    Card { title: "ops-market", lines }
}

fn people(state: &AppState, view: &View, metrics: &MetricSamples) -> Card {
    let players = i64::try_from(state.boards.board(BoardKind::Xp).total()).unwrap_or(i64::MAX);
    let mut lines = vec![
        line("ops-players", count(view, players)),
        line("ops-streams", count(view, metrics.sum("openbell_streams_open"))),
        line("ops-answer", quantiles(metrics, "openbell_http_request_duration_seconds")),
    ];
    for (status, number) in metrics.by("openbell_http_requests_total", "status") {
        lines.push(CardLine { key: "ops-status", ..line_of(&status, count(view, number)) });
    }
    Card { title: "ops-http", lines }
}

fn jobs(view: &View, metrics: &MetricSamples) -> Card {
    let runs = "openbell_reconciler_runs_total";
    let failed = metrics.by_where(runs, "name", ("outcome", "error"));
    let done = metrics.by_where(runs, "name", ("outcome", "ok"));
    let job = |(name, ok): (String, i64)| {
        let failed = failed.get(&name).copied().unwrap_or(0);
        let text = view.t2("ops-runs", "ok", ok, "failed", failed);
        line_of(&name, text).with_state(failed == 0)
    };
    Card { title: "ops-jobs", lines: done.into_iter().map(job).collect() }
}

/// The median and the 99th percentile.
fn quantiles(metrics: &MetricSamples, name: &str) -> String {
    let at = |per_mille| metrics.quantile(name, per_mille).map_or("–".to_owned(), seconds);
    format!("p50 {} · p99 {}", at(PER_MILLE_HALF), at(PER_MILLE_99))
}
