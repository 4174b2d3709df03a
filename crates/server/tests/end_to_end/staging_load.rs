//! The scheduled load run against a server where people play, behind HTTPS: it changes nothing of
//! theirs, reuses its players, stays within the rate limits, and notifies when it is worse.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::{Nginx, NotificationReceiver, postgres_database};

use crate::reverse_proxy::{deploy, start_node};
use crate::server::{Server, remove_settings};

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
const BOARDS: [&str; 2] = ["/api/leaderboard?board=xp", "/api/leaderboard?board=return"];
const USERS: usize = 5;

struct Staging {
    database: String,
    node: Server,
    other: Server,
    nginx: Nginx,
    keep: PathBuf,
    people: Vec<String>,
}

impl Staging {
    /// Two nodes on which people have traded, with rate limits.
    fn start(dir: &Path) -> Self {
        let database = postgres_database();
        let [node, other] = [(); 2].map(|()| start(&database, "127.0.0.1:0"));
        let nginx = Nginx::start_tls(&deploy(), [&node.address, &other.address]);
        let people: Vec<String> =
            (0..USERS).map(|number| node.register(&format!("person{number}"))).collect();
        for (number, token) in people.iter().enumerate() {
            let order = json!({"stock_symbol": "AAPL", "quantity": number + 1});
            assert_eq!(node.ask("POST", "/api/portfolio/buy", token, Some(&order)).0, 200);
        }
        Self { database, node, other, nginx, keep: dir.join("kept"), people }
    }

    /// Both leaderboards as a person reads them through a node.
    fn boards(&self, node: &Server) -> Vec<Value> {
        BOARDS
            .iter()
            .map(|path| {
                let (status, board) = node.ask("GET", path, &self.people[0], None);
                assert_eq!(status, 200, "{board}");
                json!([board["data"], board["meta"]["total"]])
            })
            .collect()
    }

    /// Runs the job.
    fn load(&self, receiver: &NotificationReceiver) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/load-run");
        let mut job = Command::new("bash");
        remove_settings(&mut job);
        job.arg(script).arg(&self.keep);
        job.env("OPENBELL", env!("CARGO_BIN_EXE_openbell"));
        job.env("TARGET", format!("https://localhost:{}", self.nginx.port()));
        job.env("CA_FILE", self.nginx.ca_file()).env("DURATION", "2s").env("RATE", "50");
        job.env("OPENBELL_DATABASE_URL", &self.database);
        job.env("OPENBELL__NOTIFY__CHANNELS", "[\"pagerduty\"]");
        job.env("OPENBELL__NOTIFY__PAGERDUTY__ROUTING_KEY", ROUTING_KEY);
        job.env("OPENBELL__NOTIFY__PAGERDUTY__URL", receiver.url());
        job.output().expect("bash runs")
    }

    /// The reports of `load popular --duration`, oldest first.
    fn reports(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.keep)
            .expect("made")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        files.sort();
        let read = |file: &PathBuf| std::fs::read_to_string(file).expect("readable");
        files.iter().map(|file| serde_json::from_str(&read(file)).expect("JSON")).collect()
    }
}

fn start(database: &str, address: &str) -> Server {
    start_node(address, database, |command| {
        command.env("OPENBELL__LIMITS__ENABLED", "true");
        // Prices do not move: nothing but trades changes the leaderboards.
        command.env("OPENBELL__MARKET__SOURCE", "fixed");
    })
}

#[track_caller]
fn assert_success(output: &Output) {
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_run_on_a_server_with_people_changes_none_of_their_ranks_and_reuses_its_players() {
    let dir = tempfile::tempdir().expect("a directory");
    let staging = Staging::start(dir.path());
    let receiver = NotificationReceiver::start().await;
    let before = staging.settled_boards();
    assert_eq!(before[0][0].as_array().map(Vec::len), Some(USERS), "{}", before[0]);
    assert_eq!(before[0][1], USERS, "{}", before[0]);

    assert_success(&staging.load(&receiver));
    assert_eq!(staging.settled_boards(), before);
    let tokens = std::fs::read(staging.keep.join("tokens")).expect("written");
    let report = &staging.reports()[0];
    assert!(report["trades"]["accepted"].as_u64() > Some(0), "{report}");
    assert_eq!(report["verified"]["found"], report["trades"]["accepted"], "{report}");

    // The next one is compared with a run that no machine reaches.
    let planted = json!({ "throughput": 1e12, "latency_ms": { "p99": 1e12 } });
    let file = staging.keep.join("popular-99990101T000000Z.json");
    std::fs::write(&file, planted.to_string()).expect("written");
    assert!(receiver.requests().is_empty(), "a good run notifies of nothing");
    assert_eq!(staging.load(&receiver).status.code(), Some(1));
    let notified = receiver.requests();
    assert_eq!(notified.len(), 1, "{notified:?}");
    assert!(notified[0].body.contains("load_regressed"), "{}", notified[0].body);
    assert_eq!(std::fs::read(staging.keep.join("tokens")).expect("read"), tokens);
    assert_eq!(staging.settled_boards(), before);

    // A node that starts afterwards builds its leaderboards without them.
    let Staging { database, people, .. } = &staging;
    let late = start(database, "127.0.0.1:0");
    // Until they are built, the rows are those of the last snapshot.
    testkit::eventually("the leaderboards are built, of people only", || {
        late.ask("GET", BOARDS[0], &people[0], None).1["data"] == before[0][0]
    });
    late.stop();
}

impl Staging {
    /// The leaderboards, once both nodes have the same.
    fn settled_boards(&self) -> Vec<Value> {
        testkit::poll("both nodes have the same leaderboards", || {
            let boards = self.boards(&self.node);
            (boards == self.boards(&self.other)).then_some(boards)
        })
    }
}
