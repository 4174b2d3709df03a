//! Many workers, one or two nodes, and injected failures: cut connections, lost COMMIT responses,
//! killed sessions, deadlocks. Every worker gets an outcome in the end, and the ledger has each
//! acknowledged trade exactly once and no other.
//! `OPENBELL_TEST_SECONDS` makes the runs longer, a thousand trades for each second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::{Action, EntryKind, Fill, Quantity, Rejection, Side};
use testkit::{FaultProxy, Postgres, SeededEntropy, seconds};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trading::{Desk, DeskError, DeskRequest, Idempotency, OrderResponse, TradingConfig};

use crate::fixture::{Fixture, order};

/// Thousands of trades in one run, of which there are four: a hundred thousand in all.
const SECONDS: u64 = 25;
const WORKERS: u64 = 48;
const PLAYERS: usize = 12;
/// A share for 0.10, so that no player runs out of cash.
const PRICE: i64 = 1_000;
/// Longer than any outage lasts; a request without a response after it is a defect.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_on_sqlite_does_everything_once() {
    let fixture = Fixture::open("sqlite", PRICE).await.with_players(PLAYERS).await;
    let desks = [fixture.desk(&TradingConfig::default())];
    let done = Workload::new(&fixture, &desks).run().await;
    assert_eq!(done.contended, 0, "no other node");
    check(&fixture, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_sqlite_do_everything_once() {
    let fixture = Fixture::open("sqlite", PRICE).await.with_players(PLAYERS).await;
    let other = fixture.open_again().await;
    let config = TradingConfig::default();
    let desks = [fixture.desk(&config), other.desk(&config)];
    let done = Workload::new(&fixture, &desks).run().await;
    check(&fixture, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_whose_database_fails_it_does_everything_once() {
    let cluster = FaultyPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await.with_players(PLAYERS).await;
    let node = fixture.open_again_at(&cluster.proxied()).await;
    let desks = [node.desk(&TradingConfig::default())];
    let done = cluster.fail_during(&fixture, Workload::new(&fixture, &desks)).await;
    check(&fixture, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_whose_database_fails_one_of_them_do_everything_once() {
    let cluster = FaultyPostgres::start();
    let fixture = Fixture::open_at(&cluster.url, PRICE).await.with_players(PLAYERS).await;
    let node = fixture.open_again_at(&cluster.proxied()).await;
    let config = TradingConfig::default();
    let desks = [fixture.desk(&config), node.desk(&config)];
    let done = cluster.fail_during(&fixture, Workload::new(&fixture, &desks)).await;
    check(&fixture, &done).await;
}

/// A PostgreSQL with a way to it that fails.
struct FaultyPostgres {
    postgres: Postgres,
    url: String,
    proxy: FaultProxy,
}

impl FaultyPostgres {
    fn start() -> Self {
        let postgres = Postgres::start();
        let url = postgres.fresh_database();
        let address = url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:"));
        let address: SocketAddr = address.and_then(|text| text.parse().ok()).expect("an address");
        Self { postgres, url, proxy: FaultProxy::start(address) }
    }

    fn proxied(&self) -> String {
        self.proxy.url_through(&self.url)
    }

    /// Does the work while one failure follows the other, and checks that they happened.
    async fn fail_during(&self, fixture: &Fixture, work: Workload) -> WorkResult {
        let over = CancellationToken::new();
        let failures = self.fail_until(&over, fixture);
        let work = async {
            let done = work.run().await;
            over.cancel();
            done
        };
        let (done, failures) = tokio::join!(work, failures);
        assert!(failures >= 4, "each failure happened: {failures}");
        assert!(self.proxy.commits_lost() > 0, "responses to COMMIT were lost");
        done
    }

    async fn fail_until(&self, over: &CancellationToken, fixture: &Fixture) -> u32 {
        let random = WorkloadRng(SeededEntropy::new(7));
        for number in 0.. {
            tokio::task::block_in_place(|| match number % 4 {
                0 => self.proxy.lose_commit_answers(1 + random.below(3)),
                1 => self.proxy.reset_all(),
                2 => drop(self.postgres.kill_backends(&self.url)),
                // PostgreSQL ends either of the two with a deadlock error.
                _ => drop(self.postgres.try_sql(&self.url, &lock_backwards(fixture))),
            });
            let pause = Duration::from_millis(50 + random.below(100));
            if tokio::time::timeout(pause, over.cancelled()).await.is_ok() {
                return number;
            }
        }
        0
    }
}

/// A session that locks players from the last to the first, unlike every batch: they wait for each
/// other, until PostgreSQL ends one of them with a deadlock error.
fn lock_backwards(fixture: &Fixture) -> String {
    let mut sql = String::from("SET deadlock_timeout = '20ms'; BEGIN;");
    for player_id in fixture.players.iter().rev() {
        sql += &format!("SELECT FROM players WHERE player_id = {player_id} FOR UPDATE;");
    }
    sql + "COMMIT;"
}

struct WorkloadRng(SeededEntropy);

impl WorkloadRng {
    fn below(&self, end: u64) -> u64 {
        self.0.next_u64() % end
    }
}

/// What the workers share.
struct Workload {
    desks: Vec<Desk>,
    players: Vec<i64>,
    stock_id: i64,
    left: AtomicI64,
}

/// What came of all of it.
#[derive(Default)]
struct WorkResult {
    fills: Vec<Fill>,
    refused: u64,
    contended: u64,
}

impl Workload {
    fn new(fixture: &Fixture, desks: &[Desk]) -> Self {
        let trades = seconds(SECONDS) * 1_000;
        let left = AtomicI64::new(i64::try_from(trades).expect("not that many"));
        Self {
            desks: desks.to_vec(),
            players: fixture.players.clone(),
            stock_id: fixture.stock_id,
            left,
        }
    }

    async fn run(self) -> WorkResult {
        let work = Arc::new(self);
        let contended = Arc::new(AtomicU64::new(0));
        let mut workers = JoinSet::new();
        for number in 0..WORKERS {
            workers.spawn(Arc::clone(&work).work(number, Arc::clone(&contended)));
        }
        let mut done = WorkResult::default();
        for outcomes in workers.join_all().await {
            for response in outcomes {
                match response.outcome {
                    Ok(fill) => done.fills.push(fill),
                    Err(Rejection::InsufficientQuantity) => done.refused += 1,
                    Err(other) => panic!("refused as {}", other.code()),
                }
            }
        }
        for desk in &work.desks {
            desk.close().await;
        }
        done.contended = contended.load(Ordering::Relaxed);
        done
    }

    /// Half of what a worker sends is for the one popular player; it sells as much as it buys.
    async fn work(self: Arc<Self>, number: u64, contended: Arc<AtomicU64>) -> Vec<OrderResponse> {
        let random = WorkloadRng(SeededEntropy::new(number));
        let mut responses = Vec::new();
        let mut sent = 0_u64;
        while self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
            sent += 1;
            let all = self.players.len() as u64;
            let popular = random.below(2) == 0;
            let player = if popular { 0 } else { random.below(all) };
            let player_id = self.players[usize::try_from(player).expect("few")];
            let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
            let request = DeskRequest {
                player_id,
                action: Action::Trade(order(self.stock_id, side, 1), None),
                idempotency: Some(Idempotency {
                    key: format!("w{number}-{sent}"),
                    fingerprint: [u8::from(side == Side::Buy); 32],
                }),
                request_id: format!("r{number}-{sent}"),
            };
            let first = usize::try_from(number + sent).expect("few");
            let submitted = tokio::time::timeout(
                PATIENCE,
                self.submit_until_known(request.clone(), first, &contended),
            );
            let response = submitted.await.unwrap_or_else(|_| panic!("no response: {request:?}"));
            if sent.is_multiple_of(16) {
                // A client that never got its response retries on any node.
                let again = self.submit_until_known(request, first + 1, &contended).await;
                assert_eq!(again.outcome, response.outcome, "the same key, the same response");
                assert!(again.first_request_id.is_some(), "it was done before");
            }
            responses.push(response);
        }
        responses
    }

    /// Retries until the outcome is known, as a client with a key does.
    async fn submit_until_known(
        &self,
        request: DeskRequest,
        first: usize,
        contended: &AtomicU64,
    ) -> OrderResponse {
        let mut pauses = tokio::time::interval(Duration::from_millis(20));
        for tried in first.. {
            pauses.tick().await;
            let desk = &self.desks[tried % self.desks.len()];
            match desk.submit(request.clone()).await {
                Ok(OrderResponse { outcome: Err(Rejection::Contended), .. }) => {
                    contended.fetch_add(1, Ordering::Relaxed);
                }
                Ok(response) => return response,
                Err(DeskError::Store(error)) if error.is_unavailable() => {}
                Err(error) => panic!("unexpected error: {error}"),
            }
        }
        unreachable!("a worker retries until it succeeds")
    }
}

/// The ledger against what was acknowledged, for each player. It reads on connections of its own:
/// those of the work may just have been killed.
#[expect(clippy::print_stderr, reason = "how much was done is not to be seen otherwise")]
async fn check(fixture: &Fixture, done: &WorkResult) {
    let fixture = &fixture.open_again().await;
    let trades = done.fills.len() as u64;
    assert!(done.contended * 100 < trades, "{} of {trades} contended", done.contended);
    assert!(trades > 0 && done.refused > 0, "both happened");
    let mut acknowledged: BTreeMap<i64, BTreeMap<i64, &Fill>> = BTreeMap::new();
    for fill in &done.fills {
        let (player_id, version) = (fill.entry.player_id, fill.entry.version);
        let twice = acknowledged.entry(player_id).or_default().insert(version, fill);
        assert_eq!(twice, None, "two trades are one entry");
    }
    for player_id in &fixture.players {
        let entries = fixture.checked_chain_of(*player_id).await;
        let of_player = acknowledged.remove(player_id).unwrap_or_default();
        let versions: BTreeSet<i64> = of_player.keys().copied().collect();
        let found: BTreeSet<i64> =
            entries.iter().filter(|e| e.kind != EntryKind::Open).map(|e| e.version).collect();
        assert_eq!(versions, found, "acknowledged and written are the same trades");
        for entry in &entries {
            assert!(entry.cash_after.0 >= 0 && entry.quantity_after >= Quantity(0), "{entry:?}");
            let fill = of_player.get(&entry.version);
            assert!(fill.is_none_or(|fill| fill.entry == *entry), "as acknowledged");
        }
    }
    assert!(acknowledged.is_empty(), "no other player traded");
    let report = fixture.verify().await;
    assert!(report.holds(), "{report}");
    eprintln!(
        "{trades} trades, {} refused, {} times contended: {report}",
        done.refused, done.contended
    );
}
