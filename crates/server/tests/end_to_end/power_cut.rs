//! Power cuts on SQLite. A real server runs on a recording disk; from the recording, the files are
//! rebuilt as power cuts at many moments may leave them, and each time the database must contain
//! every trade promised before. The last tests test the test: planted faults must be detected.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Disk, FaultyDisk, Recording, SeededEntropy, Syncs, seconds};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::promises::{Broken, check};
use crate::traders::{SentOrder, Traders, start_on};

/// Players who trade concurrently.
const PLAYERS: usize = 10;
/// Checkpoints while they trade: one at the start, the others after five seconds each.
const CHECKPOINTS: u64 = 3;
/// Rounds of trades after the last checkpoint, into a restarted log.
const ROUNDS_AFTER: usize = 10;
/// The delay of a sync, as on a real disk, in microseconds.
const SYNC_DELAY_US: u64 = 15_000;
/// Images built in one pass over the recording.
const PASS: u64 = 8;
/// Images are checked for this many seconds, and this many at least.
const SECONDS: u64 = 10;
const IMAGES_MIN: u64 = 48;
/// Bytes recorded soon after a checkpoint.
const AFTER_CHECKPOINT: u64 = 256 * 1024;
/// Images within which a planted fault must be detected.
const CANARY_IMAGES: u64 = 64;

#[test]
fn promised_trades_survive_a_power_cut_at_any_moment() {
    let session = Session::get();
    let until = Instant::now() + Duration::from_secs(seconds(SECONDS));
    let tried = session.try_cuts(Syncs::Honest, Promise::Answered, |images| {
        images < IMAGES_MIN || Instant::now() < until
    });
    let CutResults { images, promises, broken } = tried;
    println!("{session}: {images} images held, with {promises} promises in all");
    if let Some(BrokenImage { seed, cut, broken, image }) = broken {
        let image = image.keep();
        panic!("seed {seed}, cut at {cut} bytes, image kept in {}: {broken}", image.display());
    }
}

#[test]
fn the_data_directory_is_synced_before_the_first_response() {
    let home = tempfile::tempdir().expect("a directory");
    let parent = home.path().canonicalize().expect("it exists");
    // A disk for the parent, in which the name of the data directory must be synced.
    let disk = FaultyDisk::below(&parent);
    let server = start_on(&disk, &parent.join("data"));
    server.register("ada");
    let answered_at = disk.recorded();
    server.stop();
    let recording = disk.recording();
    Disk::new(Syncs::Honest).play(&recording, &[answered_at], |_, disk| {
        let is_kept = |seed| disk.cut(&SeededEntropy::new(seed)).holds("data");
        assert!((0..CANARY_IMAGES).all(is_kept), "everything may be lost with the directory");
    });
}

#[test]
fn a_disk_that_pretends_to_sync_the_log_is_detected() {
    let (images, found) = Session::get().find(Syncs::Pretended("-wal"), Promise::Answered);
    println!("after {images} images: {found}");
}

#[test]
fn a_disk_that_pretends_to_sync_the_database_is_detected() {
    let (images, found) = Session::get().find(Syncs::Pretended(".db"), Promise::Answered);
    println!("after {images} images: {found}");
}

#[test]
fn trades_that_are_expected_before_their_response_are_detected() {
    let (images, found) = Session::get().find(Syncs::Honest, Promise::Sent);
    println!("after {images} images: {found}");
    assert!(matches!(found, Broken::Promise(_)), "{found}");
}

/// From when on a trade must not be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Since its response.
    Answered,
    /// Since its request, which is a planted fault.
    Sent,
}

/// The recording of a server, from its start to its end.
struct Session {
    recording: Recording,
    sent: Vec<SentOrder>,
    /// Commits with trades.
    batches: u64,
}

/// The outcome of many power cuts.
#[derive(Default)]
struct CutResults {
    images: u64,
    promises: u64,
    broken: Option<BrokenImage>,
}

struct BrokenImage {
    seed: u64,
    cut: u64,
    broken: Broken,
    image: TempDir,
}

impl Session {
    /// The session that all tests here share.
    fn get() -> &'static Self {
        static SESSION: OnceLock<Session> = OnceLock::new();
        SESSION.get_or_init(Self::record)
    }

    fn record() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let data = home.path().join("data");
        let disk = FaultyDisk::below(&data);
        disk.slow_syncs(SYNC_DELAY_US);
        let server = start_on(&disk, &data);
        let mut traders = Traders::register(&server, PLAYERS);
        let (mut sent, mut rounds_after) = (Vec::new(), 0);
        while rounds_after < ROUNDS_AFTER {
            sent.extend(traders.round(&server, &|| disk.recorded()));
            let checkpoint = r#"runs_total{name="checkpoint",outcome="ok"}"#;
            if server.metric(checkpoint) >= CHECKPOINTS {
                rounds_after += 1;
            }
        }
        assert!(sent.iter().all(SentOrder::is_promise), "every order succeeds on a working disk");
        let batches = server.metric("openbell_batch_size_count");
        server.stop();
        let session = Self { recording: disk.recording(), sent, batches };
        session.assert_complete(&data);
        session
    }

    /// The recording is complete and long enough.
    fn assert_complete(&self, data: &Path) {
        let mut disk = Disk::new(Syncs::Honest);
        disk.play(&self.recording, &[], |_, _| ());
        assert_eq!(disk.seen().difference(data, "-shm"), None, "something was not recorded");
        assert!(self.sent.len() as u64 > self.batches, "orders share commits");
        let checkpoints = self.recording.stretches(".db").len() as u64;
        assert!(checkpoints >= CHECKPOINTS, "{checkpoints} checkpoints");
    }

    /// Cuts the power until an image is broken, which must be soon; returns the number of images,
    /// too.
    fn find(&self, syncs: Syncs, promise: Promise) -> (u64, Broken) {
        let tried = self.try_cuts(syncs, promise, |images| images < CANARY_IMAGES);
        let found = tried.broken.expect("the planted fault is detected");
        (tried.images, found.broken)
    }

    /// Cuts the power with the seeds 0, 1, 2, … while `continues` returns true for that many, and
    /// until an image is broken. It uses two cores.
    fn try_cuts(
        &self,
        syncs: Syncs,
        promise: Promise,
        continues: impl Fn(u64) -> bool + Sync,
    ) -> CutResults {
        let (next, tried) = (AtomicU64::new(0), Mutex::new(CutResults::default()));
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            loop {
                let first = next.fetch_add(PASS, Ordering::SeqCst);
                if !continues(first) || tried.lock().expect("whole").broken.is_some() {
                    return;
                }
                let passed = self.pass(&runtime, syncs, promise, first..first + PASS);
                tried.lock().expect("whole").add(passed);
            }
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(work);
            }
        });
        tried.into_inner().expect("whole")
    }

    /// Replays the recording once and cuts the power for each seed.
    fn pass(
        &self,
        runtime: &Runtime,
        syncs: Syncs,
        promise: Promise,
        seeds: Range<u64>,
    ) -> CutResults {
        let cut = |seed| (moment(&self.recording, &self.sent, &SeededEntropy::new(seed)), seed);
        let mut cuts: Vec<(u64, u64)> = seeds.map(cut).collect();
        cuts.sort_unstable();
        let positions: Vec<u64> = cuts.iter().map(|(cut, _)| *cut).collect();
        let mut tried = CutResults::default();
        Disk::new(syncs).play(&self.recording, &positions, |index, disk| {
            let (cut, seed) = cuts[index];
            if tried.broken.is_some() {
                return;
            }
            let promises: Vec<&SentOrder> =
                self.sent.iter().filter(|sent| promise.since(sent) <= cut).collect();
            let image = tempfile::tempdir().expect("a directory");
            disk.cut(&SeededEntropy::new(!seed)).write_to(image.path(), "-shm");
            let broken = runtime.block_on(check(image.path(), &promises)).err();
            tried.images += 1;
            tried.promises += promises.len() as u64;
            tried.broken = broken.map(|broken| BrokenImage { seed, cut, broken, image });
        });
        tried
    }
}

/// A moment for a power cut: at a response, within a commit, within a checkpoint or soon after it,
/// or any.
pub(crate) fn moment(recording: &Recording, sent: &[SentOrder], random: &SeededEntropy) -> u64 {
    let below = |limit: u64| random.next_u64() % limit.max(1);
    let pick = |length: usize| usize::try_from(below(length as u64)).expect("an index");
    let within = |range: &Range<u64>| range.start + below(range.end - range.start + 1);
    let stretch = |ending| {
        let stretches = recording.stretches(ending);
        stretches[pick(stretches.len())].clone()
    };
    match below(8) {
        0 | 1 => sent[pick(sent.len())].answered_at,
        2 | 3 => within(&stretch("-wal")),
        4 | 5 => within(&stretch(".db")),
        6 => stretch(".db").end + below(AFTER_CHECKPOINT),
        _ => below(recording.length() + 1),
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [commits, checkpoints] =
            ["-wal", ".db"].map(|ending| self.recording.stretches(ending).len());
        let (length, trades) = (self.recording.length(), self.sent.len());
        write!(f, "{trades} trades in {} batches, {length} bytes recorded, ", self.batches)?;
        write!(f, "{commits} syncs of the log, {checkpoints} of the database")
    }
}

impl Promise {
    fn since(self, sent: &SentOrder) -> u64 {
        match self {
            Self::Answered => sent.answered_at,
            Self::Sent => sent.sent_at,
        }
    }
}

impl CutResults {
    fn add(&mut self, other: Self) {
        self.images += other.images;
        self.promises += other.promises;
        self.broken = self.broken.take().or(other.broken);
    }
}
