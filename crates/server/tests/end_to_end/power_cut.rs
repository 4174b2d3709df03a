//! Power cuts on SQLite. A real server runs on a disk that records; from the recording the files
//! are built as a power cut at some moment would have left them, many times, and each time the
//! database must hold all that players had been told by then. The last tests test this one: a disk
//! that lies, and players who believe too early, must be found out.

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
use crate::traders::{Told, Traders, start_on};

/// Players who trade at once.
const PLAYERS: usize = 10;
/// Checkpoints while they trade: the first at the start, the next ones after five seconds each.
const CHECKPOINTS: u64 = 3;
/// Rounds of trades after the last one, into a log that has started over.
const ROUNDS_AFTER: usize = 10;
/// How much longer a sync takes, as on a real disk, in microseconds.
const SYNC_DELAY_US: u64 = 15_000;
/// Images built in one pass over the recording.
const PASS: u64 = 8;
/// For so many seconds images are checked, and this many at least.
const SECONDS: u64 = 10;
const IMAGES_MIN: u64 = 48;
/// How far after a checkpoint is soon, in bytes recorded.
const AFTER_CHECKPOINT: u64 = 256 * 1024;
/// Images in which a planted fault must show.
const CANARY_IMAGES: u64 = 64;

#[test]
fn what_players_were_told_survives_a_power_cut_at_any_moment() {
    let session = Session::get();
    let until = Instant::now() + Duration::from_secs(seconds(SECONDS));
    let tried = session.try_cuts(Syncs::Honest, Belief::Told, |images| {
        images < IMAGES_MIN || Instant::now() < until
    });
    let Tried { images, promises, broken } = tried;
    println!("{session}: {images} images held, with {promises} promises in all");
    if let Some(Failure { seed, cut, broken, image }) = broken {
        let image = image.keep();
        panic!("seed {seed}, cut at {cut} bytes, image kept in {}: {broken}", image.display());
    }
}

#[test]
fn the_data_directory_is_kept_before_anything_is_promised() {
    let home = tempfile::tempdir().expect("a directory");
    let parent = home.path().canonicalize().expect("it is there");
    // A disk for the directory above, so that the name of the data directory is seen to.
    let disk = FaultyDisk::below(&parent);
    let server = start_on(&disk, &parent.join("data"));
    server.register("ada");
    let told_at = disk.recorded();
    server.stop();
    let recording = disk.recording();
    Disk::new(Syncs::Honest).play(&recording, &[told_at], |_, disk| {
        let is_kept = |seed| disk.cut(&SeededEntropy::new(seed)).holds("data");
        assert!((0..CANARY_IMAGES).all(is_kept), "all that was told can be gone with it");
    });
}

#[test]
fn a_disk_that_only_says_it_synced_the_log_is_found_out() {
    let (images, found) = Session::get().find(Syncs::Pretended("-wal"), Belief::Told);
    println!("after {images} images: {found}");
}

#[test]
fn a_disk_that_only_says_it_synced_the_database_is_found_out() {
    let (images, found) = Session::get().find(Syncs::Pretended(".db"), Belief::Told);
    println!("after {images} images: {found}");
}

#[test]
fn players_who_rely_on_a_trade_before_they_are_told_are_found_out() {
    let (images, found) = Session::get().find(Syncs::Honest, Belief::Sent);
    println!("after {images} images: {found}");
    assert!(matches!(found, Broken::Promise(_)), "{found}");
}

/// From when on a trade must not be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belief {
    /// Since its player was told.
    Told,
    /// Since it was sent, which nobody promises.
    Sent,
}

/// A server's life, recorded.
struct Session {
    recording: Recording,
    told: Vec<Told>,
    /// Commits that carried trades.
    batches: u64,
}

/// What came of many cuts.
#[derive(Default)]
struct Tried {
    images: u64,
    promises: u64,
    broken: Option<Failure>,
}

struct Failure {
    seed: u64,
    cut: u64,
    broken: Broken,
    image: TempDir,
}

impl Session {
    /// The one that all tests here look at.
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
        let (mut told, mut rounds_after) = (Vec::new(), 0);
        while rounds_after < ROUNDS_AFTER {
            told.extend(traders.round(&server, &|| disk.recorded()));
            let checkpoint = r#"runs_total{name="checkpoint",outcome="ok"}"#;
            if server.metric(checkpoint) >= CHECKPOINTS {
                rounds_after += 1;
            }
        }
        assert!(told.iter().all(Told::is_promise), "all goes well on a good disk");
        let batches = server.metric("openbell_batch_size_count");
        server.stop();
        let session = Self { recording: disk.recording(), told, batches };
        session.assert_complete(&data);
        session
    }

    /// The recording says all that happened, and enough happened.
    fn assert_complete(&self, data: &Path) {
        let mut disk = Disk::new(Syncs::Honest);
        disk.play(&self.recording, &[], |_, _| ());
        assert_eq!(disk.seen().difference(data, "-shm"), None, "something was not recorded");
        assert!(self.told.len() as u64 > self.batches, "orders share commits");
        let checkpoints = self.recording.stretches(".db").len() as u64;
        assert!(checkpoints >= CHECKPOINTS, "{checkpoints} checkpoints");
    }

    /// Cuts with this disk until something is broken, which must be soon; gives after how many
    /// images, too.
    fn find(&self, syncs: Syncs, belief: Belief) -> (u64, Broken) {
        let tried = self.try_cuts(syncs, belief, |images| images < CANARY_IMAGES);
        let found = tried.broken.expect("a fault that was planted is found");
        (tried.images, found.broken)
    }

    /// Cuts at seeds 0, 1, 2, … while `goes_on` with that many, or until something is broken. It
    /// works on both of two cores.
    fn try_cuts(
        &self,
        syncs: Syncs,
        belief: Belief,
        goes_on: impl Fn(u64) -> bool + Sync,
    ) -> Tried {
        let (next, tried) = (AtomicU64::new(0), Mutex::new(Tried::default()));
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            loop {
                let first = next.fetch_add(PASS, Ordering::SeqCst);
                if !goes_on(first) || tried.lock().expect("whole").broken.is_some() {
                    return;
                }
                let passed = self.pass(&runtime, syncs, belief, first..first + PASS);
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

    /// Plays the recording once and cuts it at each seed.
    fn pass(&self, runtime: &Runtime, syncs: Syncs, belief: Belief, seeds: Range<u64>) -> Tried {
        let cut = |seed| (moment(&self.recording, &self.told, &SeededEntropy::new(seed)), seed);
        let mut cuts: Vec<(u64, u64)> = seeds.map(cut).collect();
        cuts.sort_unstable();
        let positions: Vec<u64> = cuts.iter().map(|(cut, _)| *cut).collect();
        let mut tried = Tried::default();
        Disk::new(syncs).play(&self.recording, &positions, |index, disk| {
            let (cut, seed) = cuts[index];
            if tried.broken.is_some() {
                return;
            }
            let promises: Vec<&Told> =
                self.told.iter().filter(|t| belief.since(t) <= cut).collect();
            let image = tempfile::tempdir().expect("a directory");
            disk.cut(&SeededEntropy::new(!seed)).write_to(image.path(), "-shm");
            let broken = runtime.block_on(check(image.path(), &promises)).err();
            tried.images += 1;
            tried.promises += promises.len() as u64;
            tried.broken = broken.map(|broken| Failure { seed, cut, broken, image });
        });
        tried
    }
}

/// A moment to cut: when somebody was told, amid a commit, amid a checkpoint or soon after it, or
/// any.
pub(crate) fn moment(recording: &Recording, told: &[Told], chance: &SeededEntropy) -> u64 {
    let below = |limit: u64| chance.next_u64() % limit.max(1);
    let pick = |length: usize| usize::try_from(below(length as u64)).expect("an index");
    let within = |range: &Range<u64>| range.start + below(range.end - range.start + 1);
    let stretch = |ending| {
        let stretches = recording.stretches(ending);
        stretches[pick(stretches.len())].clone()
    };
    match below(8) {
        0 | 1 => told[pick(told.len())].told_at,
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
        let (length, trades) = (self.recording.length(), self.told.len());
        write!(f, "{trades} trades in {} batches, {length} bytes recorded, ", self.batches)?;
        write!(f, "{commits} syncs of the log, {checkpoints} of the database")
    }
}

impl Belief {
    fn since(self, told: &Told) -> u64 {
        match self {
            Self::Told => told.told_at,
            Self::Sent => told.sent_at,
        }
    }
}

impl Tried {
    fn add(&mut self, other: Self) {
        self.images += other.images;
        self.promises += other.promises;
        self.broken = self.broken.take().or(other.broken);
    }
}
