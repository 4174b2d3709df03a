//! Two nodes with PostgreSQL, Redis, a read replica and a price provider, each of which fails in
//! turn.

use std::fs::File;
use std::process::Command;

use serde_json::{Value, json};
use testkit::{FakeMode, FakeProvider, Postgres, RedisServer, eventually, is_long_run, poll};

use super::exercise::Drill;
use super::save;
use crate::live::{listed_at, now};
use crate::server::Server;

/// By which the durations of the rules are divided: a minute is a second.
const FACTOR: u32 = 60;
/// Behind the provider's time when the game starts: more than the alert tolerates.
const OLD_S: i64 = 1_200;
/// How far a clock is set back: noticed, and the node is still ready.
const SKEW_S: i64 = 20;
const AGE: &str = "curl -s $NODE/metrics | grep '^openbell_market_quote_age_seconds'";
const READY: &str = "curl -s -o /dev/null -w '%{http_code}\\n' $NODE/readyz";

struct TwoNodes {
    drill: Drill,
    postgres: Postgres,
    /// Of the database.
    url: String,
    redis: RedisServer,
    provider: FakeProvider,
    settings: Vec<(&'static str, String)>,
    nodes: [Option<Server>; 2],
    addresses: [String; 2],
    /// The token of a player.
    token: String,
}

impl TwoNodes {
    /// The provider has prices of 20 minutes ago.
    async fn start() -> Self {
        let mut drill = Drill::new();
        let (postgres, redis) = (Postgres::start(), RedisServer::start());
        let url = postgres.fresh_database();
        let made_at = now().plus_seconds(-OLD_S);
        let (provider, mut settings) =
            listed_at(drill.directory(), Some(url.clone()), made_at).await;
        settings.push(("OPENBELL_REDIS_URL", redis.url()));
        // The default, so that the remedy of the runbook ends the wait.
        settings.push(("OPENBELL__MARKET__LIVE__GUARD__BREAKER__OPEN_S", "300".to_owned()));
        let start = |number| start_node(&drill, number, "127.0.0.1:0", &settings, &[]);
        let nodes = [start(0), start(1)];
        let addresses = nodes.each_ref().map(|node| node.address.clone());
        let token = nodes[0].register("ada");
        drill.set("NODE", &format!("http://{}", addresses[0]));
        drill.set("DATABASE", &url);
        drill.set("REDIS", redis.url().trim_end_matches('/'));
        for (address, name) in addresses.iter().zip(["node-a:8080", "node-b:8080"]) {
            drill.name(address, name);
        }
        drill.observe(&addresses.each_ref().map(String::as_str), FACTOR);
        let nodes = nodes.map(Some);
        Self { drill, postgres, url, redis, provider, settings, nodes, addresses, token }
    }

    fn node(&self, number: usize) -> &Server {
        self.nodes[number].as_ref().expect("the node runs")
    }

    /// Starts a stopped node at its address, with further variables.
    fn restart(&mut self, number: usize, more: &[(&str, String)]) {
        let address = &self.addresses[number];
        let node = start_node(&self.drill, number, address, &self.settings, more);
        self.nodes[number] = Some(node);
    }

    /// The status of an order.
    fn buy(&self, number: usize) -> (u16, Value) {
        let order = json!({"stock_symbol": "AAPL", "quantity": 1});
        let bought =
            self.node(number).try_ask("POST", "/api/portfolio/buy", &self.token, Some(&order));
        bought.expect("it answers")
    }

    /// A trade through each node succeeds.
    #[track_caller]
    fn trades_work(&self) {
        for number in [0, 1] {
            self.provider.set_price("AAPL", "190.25", now());
            poll("an order fills", || (self.buy(number).0 == 200).then_some(()));
        }
    }
}

fn start_node(
    drill: &Drill,
    number: usize,
    address: &str,
    settings: &[(&'static str, String)],
    more: &[(&str, String)],
) -> Server {
    let log = drill.log_file(["node-a", "node-b"][number]);
    Server::start_at(address, &[], |command: &mut Command| {
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        command.stderr(file);
        command.envs(settings.iter().map(|(name, value)| (*name, value)));
        command.envs(more.iter().map(|(name, value)| (*name, value)));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_prices_a_provider_a_node_and_the_database_fire_and_their_remedies_resolve_them()
{
    let mut site = TwoNodes::start().await;
    prices_stale(&mut site);
    circuit_open(&mut site);
    node_down(&mut site);
    database_down(&mut site);
    if is_long_run() {
        redis_down(&mut site);
        clock_skew(&mut site);
        replica_lagging(&mut site);
    }
    save(&site.drill, "1-nodes");
    site.nodes.into_iter().flatten().for_each(Server::stop);
}

fn prices_stale(site: &mut TwoNodes) {
    let drill = &mut site.drill;
    drill.begin("PricesStale", "The provider answers every request with prices of 20 minutes ago.");
    drill.fires("PricesStale");
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_(market|provider_breaker_state|provider_quota)'");
    let stale =
        "psql $DATABASE -c \"SELECT s.symbol, to_timestamp(q.as_of / 1e6) AS as_of, q.doubted_as_of
        FROM quotes q JOIN stocks s USING (stock_id) ORDER BY q.as_of LIMIT 20\"";
    assert!(drill.run(stale).contains("AAPL"));
    drill.run("curl -s $NODE/metrics | grep 'openbell_lease_held{lease=\"refresh_quotes\"}'");
    drill.note("Remedy: the provider has present prices again.");
    for (symbol, price) in [("AAPL", "190.25"), ("MSFT", "410.5")] {
        site.provider.set_price(symbol, price, now());
    }
    drill.resolves("PricesStale");
    drill.run(AGE);
    site.trades_work();
}

fn circuit_open(site: &mut TwoNodes) {
    let drill = &mut site.drill;
    drill.begin("CircuitOpen", "The provider accepts requests and does not answer them.");
    site.provider.set_mode(FakeMode::Hang);
    drill.fires("CircuitOpen");
    let states = drill.run("curl -s $NODE/metrics | grep -E '^openbell_provider_(breaker|quota)'");
    assert!(states.contains("openbell_provider_breaker_state{provider=\"finnhub\"} 2"), "{states}");
    let calls = "curl -s $NODE/metrics | grep '^openbell_provider_calls_total' | grep -v ' 0$'";
    drill.run(calls);
    let log = "journalctl -u openbell --since -1h | \
               grep -E 'breaker (open|half-open|closed)|quota|rate limit|suspended'";
    assert!(drill.run(log).contains("breaker open"));
    let (status, order) = site.buy(0);
    assert_eq!(status, 200, "the game continues at the last price: {order}");
    let drill = &mut site.drill;
    drill.note(
        "An order still fills, at the last price. Remedy: the provider answers again, and the \
                wait of 300 s is ended.",
    );
    site.provider.set_mode(FakeMode::Healthy);
    let reset = "openbell stocks providers reset NAME --database $DATABASE";
    let text = drill.run_with(reset, &[("NAME", "finnhub")]);
    assert!(text.contains("finnhub is reset"), "{text}");
    drill.resolves("CircuitOpen");
    let closed = drill.run("curl -s $NODE/metrics | grep '^openbell_provider_breaker_state'");
    assert!(closed.contains("{provider=\"finnhub\"} 0"), "{closed}");
    drill.run(AGE);
    site.trades_work();
}

fn node_down(site: &mut TwoNodes) {
    site.drill.begin("NodeDown", "`kill -9` of node-b.");
    site.nodes[1].take().expect("it runs").kill();
    site.drill.fires("NodeDown");
    let drill = &mut site.drill;
    let a = format!("http://{}", site.addresses[0]);
    drill.set("NODE", &format!("http://{}", site.addresses[1]));
    drill.run_to("curl -sv $NODE/livez", 7);
    let (status, order) = site.buy(0);
    assert_eq!(status, 200, "the other node continues: {order}");
    site.drill.note("An order through node-a fills meanwhile. Remedy: node-b is started.");
    site.restart(1, &[]);
    site.drill.resolves("NodeDown");
    assert_eq!(site.drill.run(READY), "200\n");
    let verify = "openbell audit verify --database $DATABASE";
    site.drill.run(verify);
    site.drill.set("NODE", &a);
    site.trades_work();
}

fn database_down(site: &mut TwoNodes) {
    site.drill.begin("DatabaseDown", "PostgreSQL is stopped at once, as by a crash.");
    site.postgres.stop_hard();
    site.drill.fires("DatabaseDown");
    let drill = &mut site.drill;
    drill.run("curl -s $NODE/readyz");
    let log = "journalctl -u openbell --since -15m | \
               grep -E 'database (does not respond|responds again)'";
    assert!(drill.run(log).contains("does not respond"));
    assert!(drill.run_to("pg_isready -d $DATABASE", 2).contains("no response"));
    let (status, order) = site.buy(0);
    assert_eq!(status, 503, "{order}");
    site.drill.note("An order is answered with 503. Remedy: PostgreSQL is started.");
    site.postgres.start_again();
    let drill = &mut site.drill;
    drill.resolves("DatabaseDown");
    let up = drill.run("curl -s $NODE/metrics | grep '^openbell_database_up'");
    assert_eq!(up, "openbell_database_up 1\n");
    assert_eq!(drill.run(READY), "200\n");
    drill.run("openbell audit verify --database $DATABASE");
    site.trades_work();
}

fn redis_down(site: &mut TwoNodes) {
    site.drill.begin("RedisDown", "`kill -9` of Redis.");
    site.redis.kill();
    site.drill.fires("RedisDown");
    let drill = &mut site.drill;
    drill.run("curl -s $NODE/metrics | grep -E '^openbell_(redis|bus)' | grep -v bucket");
    drill.run("journalctl -u openbell --since -1h | grep -i redis");
    drill.run_to("redis-cli -u $REDIS ping; redis-cli -u $REDIS info server | grep uptime", 1);
    site.trades_work();
    site.drill.note("Orders fill meanwhile. Remedy: Redis is started, empty.");
    site.redis.restart();
    let drill = &mut site.drill;
    drill.resolves("RedisDown");
    let up = drill.run("curl -s $NODE/metrics | grep -E '^openbell_(redis|bus)_up'");
    assert!(up.contains("openbell_redis_up 1") && up.contains("openbell_bus_up 1"), "{up}");
}

fn clock_skew(site: &mut TwoNodes) {
    let cause =
        format!("node-b is restarted with a clock that is {SKEW_S} s behind (libfaketime).");
    site.drill.begin("ClockSkew", &cause);
    site.nodes[1].take().expect("it runs").stop();
    site.restart(1, &slow_clock(SKEW_S));
    site.drill.fires("ClockSkew");
    let a = format!("http://{}", site.addresses[0]);
    site.drill.set("NODE", &format!("http://{}", site.addresses[1]));
    let skew = "curl -s $NODE/metrics | grep '^openbell_clock_skew_seconds'";
    let behind = site.drill.run(skew);
    assert!(behind.starts_with("openbell_clock_skew_seconds -"), "{behind}");
    assert_eq!(site.node(1).get("/readyz").0, 200, "it is ready up to 30 s");
    site.drill.note("Remedy: the node is stopped, its clock is right, and the node is started.");
    site.nodes[1].take().expect("it runs").stop();
    site.restart(1, &[]);
    site.drill.resolves("ClockSkew");
    site.drill.run(skew);
    site.drill.set("NODE", &a);
    site.trades_work();
}

/// The variables that let a process run this many seconds in the past.
pub(super) fn slow_clock(seconds: i64) -> [(&'static str, String); 3] {
    let library = std::fs::read_dir("/usr/lib").expect("a directory").flatten();
    let library = library.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    let library = library.into_iter().find(|file| file.exists());
    let library = library.expect("libfaketime is not installed; `./test` installs it");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("-{seconds}")),
        // Timers are not affected by a clock that is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

fn replica_lagging(site: &mut TwoNodes) {
    let mut standby = Postgres::start_standby_of(&site.postgres.url());
    let copy = standby.same_database(&site.url);
    site.settings.push(("OPENBELL__DATABASE__READ_URL", copy.clone()));
    for number in [0, 1] {
        site.nodes[number].take().expect("it runs").stop();
        site.restart(number, &[]);
    }
    site.drill.set("REPLICA", &copy);
    eventually("the replica is read", || {
        site.node(0).metric("openbell_replica_usable") == 1
            && !site.drill.is_active("ReplicaLagging")
    });
    site.drill.begin("ReplicaLagging", "The standby is stopped at once, as by a crash.");
    standby.stop_hard();
    site.drill.fires("ReplicaLagging");
    let drill = &mut site.drill;
    drill.run("curl -s $NODE/metrics | grep '^openbell_replica'");
    drill.run("journalctl -u openbell --since -1h | grep 'read replica'");
    drill.run("psql $DATABASE -c \"SELECT application_name, state, sent_lsn, replay_lsn, replay_lag FROM pg_stat_replication\"");
    site.trades_work();
    site.drill.note("Remedy: the standby is started.");
    standby.start_again();
    let drill = &mut site.drill;
    drill.resolves("ReplicaLagging");
    let usable = drill.run("curl -s $NODE/metrics | grep '^openbell_replica'");
    assert!(usable.contains("openbell_replica_usable 1"), "{usable}");
}
