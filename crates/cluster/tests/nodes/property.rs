//! The property of the cache, tested while Redis is flushed, paused and killed: after a change and
//! its invalidation, no node serves the old value. On the node itself this holds once `invalidate`
//! returns; on the other node once it has received the tag or a gap.

use std::collections::HashMap;
use std::time::Duration;

use cluster::{Family, RowGroup};
use testkit::{ManualClock, SeededEntropy, seconds};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::cache::{Node, Source};
use crate::{PATIENCE, until};

const STEPS: u64 = 60;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// Nodes, their sources, and the oldest value that each node may serve.
struct Fixture {
    nodes: Vec<Node>,
    sources: Vec<Source>,
    floors: HashMap<(usize, usize), u64>,
    reads: Vec<tokio::task::JoinHandle<()>>,
    /// Incremented to release the loads that are held.
    releases: watch::Sender<u64>,
    name: String,
    /// The first row of this run; each run has its own.
    first_row: i64,
}

fn row_tag(row: i64) -> String {
    format!("row:{row}")
}

impl Fixture {
    /// Reads a value. A held load has read its source but returns it after the next write, so that
    /// the invalidation of that write comes in between.
    fn read(&mut self, node: usize, key: usize, is_held: bool) {
        let cache = self.nodes[node].cache.clone();
        let (source, floor) = (self.sources[key].clone(), self.floors.get(&(node, key)).copied());
        let (name, tag) = (format!("{}-{}", self.name, KEYS[key]), self.tag(key));
        let what = format!("{name} on node {node}");
        let mut releases = self.releases.subscribe();
        let seen = *releases.borrow_and_update();
        let load = async move || {
            let value = source.load().await;
            if is_held {
                // Fails when the run has ended.
                let _ = releases.wait_for(|released| *released > seen).await;
            }
            value
        };
        self.reads.push(tokio::spawn(async move {
            let value = cache.get_or_load(Family::Quote, &name, &[&tag, "all"], load).await;
            let value = *value.expect("it loads");
            assert!(value >= floor.unwrap_or(0), "{what}: {value} is older than {floor:?}");
        }));
    }

    /// Reads all values as rows, of which some may be cached.
    fn read_each(&mut self, node: usize) {
        let cache = self.nodes[node].cache.clone();
        let floors = KEYS.iter().enumerate();
        let floors: Vec<u64> =
            floors.map(|(key, _)| self.floors.get(&(node, key)).copied().unwrap_or(0)).collect();
        let (sources, first) = (self.sources.clone(), self.first_row);
        let rows: Vec<i64> = (first..).take(KEYS.len()).collect();
        let what = format!("{} on node {node}", self.name);
        let load = async move |rows: Vec<i64>| {
            let mut values = HashMap::new();
            for row in rows {
                let source = &sources[usize::try_from(row - first).expect("it fits")];
                values.insert(row, source.clone().load().await?);
            }
            Ok::<_, String>(values)
        };
        self.reads.push(tokio::spawn(async move {
            let group = RowGroup { family: Family::Quote, number: 0, tag: row_tag };
            let values = cache.get_or_load_each(group, &rows, load).await.expect("they load");
            for (row, floor) in rows.iter().zip(floors) {
                let value = *values[row];
                assert!(value >= floor, "row {row} of {what}: {value} is older than {floor}");
            }
        }));
    }

    fn row(&self, key: usize) -> i64 {
        self.first_row + i64::try_from(key).expect("it fits")
    }

    fn tag(&self, key: usize) -> String {
        format!("{}-tag-{}", self.name, KEYS[key])
    }

    fn write(&mut self, node: usize, key: usize) {
        self.sources[key].set(self.sources[key].value() + 1);
        self.nodes[node].cache.invalidate(&self.tag(key));
        self.nodes[node].cache.invalidate(&row_tag(self.row(key)));
        self.floors.insert((node, key), self.sources[key].value());
        self.release();
    }

    fn release(&self) {
        self.releases.send_modify(|released| *released += 1);
    }

    /// Waits until every node has received all invalidations so far.
    async fn deliver(&mut self, step: u64) {
        for from in 0..self.nodes.len() {
            for to in (0..self.nodes.len()).filter(|to| *to != from) {
                self.deliver_to(from, to, step).await;
            }
        }
        for key in 0..KEYS.len() {
            let newest = (0..self.nodes.len()).filter_map(|node| self.floors.get(&(node, key)));
            let newest = newest.max().copied().unwrap_or(0);
            for node in 0..self.nodes.len() {
                self.floors.insert((node, key), newest);
            }
        }
    }

    /// Publishes a tag after all others. The other node receives it, or a gap if it was dropped.
    async fn deliver_to(&self, from: usize, to: usize, step: u64) {
        let mut received = self.nodes[to].received.clone();
        let gaps = received.borrow().gaps;
        let mark = format!("{}-mark-{step}-{from}", self.name);
        self.nodes[from].cache.invalidate(&mark);
        let is_delivered =
            received.wait_for(|received| received.tags.contains(&mark) || received.gaps > gaps);
        let delivered = timeout(PATIENCE, is_delivered).await;
        assert!(delivered.is_ok(), "node {to} receives neither a tag of node {from} nor a gap");
    }

    async fn finish_reads(&mut self, seed: u64) {
        self.release();
        for read in self.reads.drain(..) {
            let finished = read.await;
            assert!(finished.is_ok(), "seed {seed}");
        }
    }
}

async fn run(server: &mut testkit::RedisServer, seed: u64, nodes: usize) {
    let (clock, entropy) = (ManualClock::new(), SeededEntropy::new(seed));
    let mut fixture = Fixture {
        nodes: Vec::new(),
        sources: KEYS.map(|_| Source::default()).into(),
        floors: HashMap::new(),
        reads: Vec::new(),
        releases: watch::Sender::new(0),
        name: format!("{seed}-{nodes}"),
        first_row: i64::try_from(seed * 100 + 10 * nodes as u64).expect("it fits"),
    };
    for _ in 0..nodes {
        fixture.nodes.push(Node::start(&server.url(), &clock, entropy.next_u64()).await);
    }
    let draw = |below: usize| {
        let below = u64::try_from(below).expect("it fits");
        usize::try_from(entropy.next_u64() % below).expect("it fits")
    };
    let mut is_killed = false;
    for step in 0..STEPS {
        let (node, key) = (draw(nodes), draw(KEYS.len()));
        match draw(100) {
            0..20 => fixture.read_each(node),
            20..45 => fixture.read(node, key, draw(3) == 0),
            45..75 => {
                fixture.write(node, key);
                fixture.read(node, key, false);
                fixture.read_each(node);
            }
            75..80 => fixture.finish_reads(seed).await,
            80..84 => clock.advance_seconds([1, 200, 400][draw(3)]),
            84..88 if !is_killed => server.flush(),
            88..90 if !is_killed => server.pause(Duration::from_millis(80)),
            90..93 if !is_killed => {
                server.kill();
                is_killed = true;
            }
            90..96 if is_killed => {
                server.restart();
                is_killed = false;
            }
            96..100 if !is_killed => fixture.deliver(step).await,
            _ => tokio::task::yield_now().await,
        }
    }
    if is_killed {
        server.restart();
    }
    fixture.deliver(STEPS).await;
    for node in 0..nodes {
        for key in 0..KEYS.len() {
            fixture.read(node, key, false);
        }
        fixture.read_each(node);
    }
    fixture.finish_reads(seed).await;
    until("Redis", || fixture.nodes.iter().all(|node| node.redis.is_up())).await;
}

async fn run_for_a_while(nodes: usize) {
    let mut server = testkit::RedisServer::start();
    let (began, time) = (Instant::now(), Duration::from_secs(seconds(8)));
    let mut seed = 0;
    while began.elapsed() < time {
        run(&mut server, seed, nodes).await;
        seed += 1;
    }
    assert!(seed > 0, "not one run was made");
}

#[tokio::test]
async fn on_one_node_no_value_is_older_than_a_preceding_invalidation() {
    run_for_a_while(1).await;
}

#[tokio::test]
async fn on_two_nodes_no_value_is_older_than_a_received_invalidation() {
    run_for_a_while(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_two_nodes_with_threads_no_value_is_older_than_a_received_invalidation() {
    run_for_a_while(2).await;
}
