//! The property that the cache is for, tried with whatever happens to nodes and Redis: a value that
//! is asked for after an invalidation has finished is never older than it. On the node itself it
//! has finished when `invalidate` returns; on the other one when that has heard of it.

use std::collections::HashMap;
use std::time::Duration;

use cluster::{Family, Group};
use testkit::{ManualClock, SeededEntropy, seconds};
use tokio::time::{Instant, timeout};

use crate::cache::{Node, Source};
use crate::until;

const STEPS: u64 = 60;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// Nodes, what they load from, and what each of them may not be older than.
struct World {
    nodes: Vec<Node>,
    sources: Vec<Source>,
    floors: HashMap<(usize, usize), u64>,
    asking: Vec<tokio::task::JoinHandle<()>>,
    name: String,
    /// Tells the rows of this run apart from those of others.
    first_row: i64,
}

fn row_tag(row: i64) -> String {
    format!("row:{row}")
}

impl World {
    /// Values are read at once and come later, so that what is invalidated meanwhile is old.
    fn ask(&mut self, node: usize, key: usize, delay: Duration) {
        let cache = self.nodes[node].cache.clone();
        let (source, floor) = (self.sources[key].clone(), self.floors.get(&(node, key)).copied());
        let (name, tag) = (format!("{}-{}", self.name, KEYS[key]), self.tag(key));
        let what = format!("{name} on node {node}");
        let load = async move || {
            let value = source.load().await;
            let _ = timeout(delay, std::future::pending::<()>()).await;
            value
        };
        self.asking.push(tokio::spawn(async move {
            let value = cache.get_or_load(Family::Quote, &name, &[&tag, "all"], load).await;
            let value = *value.expect("it loads");
            assert!(value >= floor.unwrap_or(0), "{what}: {value} is older than {floor:?}");
        }));
    }

    /// Asks for all values as rows, of which one may be known and another one not.
    fn ask_for_each(&mut self, node: usize) {
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
        self.asking.push(tokio::spawn(async move {
            let group = Group { family: Family::Quote, number: 0, tag: row_tag };
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
    }

    /// Waits until all nodes know of all that was invalidated until now.
    async fn meet(&mut self, step: u64) {
        for speaker in 0..self.nodes.len() {
            for listener in (0..self.nodes.len()).filter(|listener| *listener != speaker) {
                self.wait_for(speaker, listener, step).await;
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

    async fn wait_for(&self, speaker: usize, listener: usize, step: u64) {
        let cache = &self.nodes[speaker].cache;
        let mut heard = self.nodes[listener].heard.clone();
        for attempt in 0.. {
            assert!(attempt < 30, "node {listener} does not hear node {speaker}");
            // All that was due before has been told when this is heard.
            cache.settled().await;
            let gaps = heard.borrow().gaps;
            let mark = format!("{}-mark-{step}-{speaker}-{attempt}", self.name);
            cache.invalidate(&mark);
            let is_heard = heard.wait_for(|heard| heard.tags.contains(&mark) || heard.gaps > gaps);
            if timeout(Duration::from_secs(1), is_heard).await.is_ok() {
                return;
            }
        }
    }

    async fn answers(&mut self, seed: u64) {
        for asked in self.asking.drain(..) {
            let answered = asked.await;
            assert!(answered.is_ok(), "seed {seed}");
        }
    }
}

async fn run(server: &mut testkit::Redis, seed: u64, nodes: usize) {
    let (clock, chance) = (ManualClock::new(), SeededEntropy::new(seed));
    let mut world = World {
        nodes: Vec::new(),
        sources: KEYS.map(|_| Source::default()).into(),
        floors: HashMap::new(),
        asking: Vec::new(),
        name: format!("{seed}-{nodes}"),
        first_row: i64::try_from(seed * 100 + 10 * nodes as u64).expect("it fits"),
    };
    for _ in 0..nodes {
        world.nodes.push(Node::start(&server.url(), &clock, chance.next_u64()).await);
    }
    let draw = |below: usize| {
        let below = u64::try_from(below).expect("it fits");
        usize::try_from(chance.next_u64() % below).expect("it fits")
    };
    let mut is_killed = false;
    for step in 0..STEPS {
        let (node, key) = (draw(nodes), draw(KEYS.len()));
        match draw(100) {
            0..20 => world.ask_for_each(node),
            20..45 => world.ask(node, key, Duration::from_millis([0, 0, 3][draw(3)])),
            45..75 => {
                world.write(node, key);
                world.ask(node, key, Duration::ZERO);
                world.ask_for_each(node);
            }
            75..80 => world.answers(seed).await,
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
            96..100 if !is_killed => world.meet(step).await,
            _ => tokio::task::yield_now().await,
        }
    }
    if is_killed {
        server.restart();
    }
    world.meet(STEPS).await;
    for node in 0..nodes {
        for key in 0..KEYS.len() {
            world.ask(node, key, Duration::ZERO);
        }
        world.ask_for_each(node);
    }
    world.answers(seed).await;
    until("Redis", || world.nodes.iter().all(|node| node.redis.is_up())).await;
}

async fn run_for_a_while(nodes: usize) {
    let mut server = testkit::Redis::start();
    let (began, time) = (Instant::now(), Duration::from_secs(seconds(8)));
    let mut seed = 0;
    while began.elapsed() < time {
        run(&mut server, seed, nodes).await;
        seed += 1;
    }
    assert!(seed > 0, "not one run was made");
}

#[tokio::test]
async fn on_one_node_no_value_is_older_than_an_invalidation_before_it() {
    run_for_a_while(1).await;
}

#[tokio::test]
async fn on_two_nodes_no_value_is_older_than_an_invalidation_that_was_heard() {
    run_for_a_while(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_two_nodes_with_threads_no_value_is_older_than_an_invalidation_that_was_heard() {
    run_for_a_while(2).await;
}
