//! A disk that records writes and fails on request, below an unmodified process: a small C library
//! (`disk/faulty_disk.c`), which is compiled here and preloaded before libc. `recording` reads what
//! it recorded.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::Recording;
use crate::process::run;

const SOURCE: &str = include_str!("../disk/faulty_disk.c");
const LIBRARY: &str = "faulty_disk.so";
const CONTROL: &str = "control";

/// The fields of `struct control`, in its order. The test writes the first six, the library the
/// others.
#[derive(Clone, Copy)]
enum Switch {
    RoomEnds,
    ShortEvery,
    FailLog,
    FailOther,
    SyncDelay,
    FailReads,
    Written,
    Refused,
    Shortened,
    FailedLog,
    FailedOther,
}

/// The disk below one process.
pub struct FaultyDisk {
    dir: PathBuf,
    control: File,
    home: TempDir,
}

impl FaultyDisk {
    /// A disk for the files directly in a directory, which need not exist yet. It works at first.
    ///
    /// # Panics
    /// When the directory's parent does not exist, or without a C compiler.
    pub fn below(dir: &Path) -> Self {
        let (parent, name) = (dir.parent().expect("a parent"), dir.file_name().expect("a name"));
        // The program follows links before it opens files.
        let dir = parent.canonicalize().expect("a parent that exists").join(name);
        let home = tempfile::tempdir().expect("a directory");
        compile(home.path());
        let control = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(home.path().join(CONTROL))
            .expect("a new file");
        control.set_len(8 * (Switch::FailedOther as u64 + 1)).expect("a small file");
        let disk = Self { dir, control, home };
        disk.make_room();
        disk
    }

    /// Preloads the disk into a process before its start; a process has one disk.
    pub fn put_below(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.home.path().join(LIBRARY));
        command.env("FAULTY_DISK_DIR", &self.dir);
        command.env("FAULTY_DISK_CONTROL", self.home.path().join(CONTROL));
        command.env("FAULTY_DISK_RECORDING", self.recording_path());
    }

    /// The present length of the recording in bytes. What the process has sent so far depends only
    /// on changes before this position.
    pub fn recorded(&self) -> u64 {
        fs::metadata(self.recording_path()).map_or(0, |file| file.len())
    }

    /// # Panics
    /// When no process has started.
    pub fn recording(&self) -> Recording {
        Recording::new(fs::read(self.recording_path()).expect("a recording"))
    }

    /// After this many bytes the disk is full: one more write is partial, all further ones fail
    /// with ENOSPC.
    pub fn leave_room(&self, bytes: u64) {
        self.set(Switch::RoomEnds, self.get(Switch::Written).saturating_add(bytes));
    }

    /// From now on the disk is not full.
    pub fn make_room(&self) {
        self.set(Switch::RoomEnds, u64::MAX);
    }

    /// Writes only half of the bytes at every n-th write; 0 for never.
    pub fn shorten_writes(&self, every: u64) {
        self.set(Switch::ShortEvery, every);
    }

    /// The next sync of a write-ahead log that was written to fails with EIO, once.
    pub fn fail_log_sync(&self) {
        self.set(Switch::FailLog, self.get(Switch::FailedLog) + 1);
    }

    /// The next sync of any other file that was written to fails with EIO, once.
    pub fn fail_other_sync(&self) {
        self.set(Switch::FailOther, self.get(Switch::FailedOther) + 1);
    }

    /// Delays each sync, in microseconds.
    pub fn slow_syncs(&self, microseconds: u64) {
        self.set(Switch::SyncDelay, microseconds);
    }

    /// Makes reads fail with EIO, or succeed again.
    pub fn fail_reads(&self, fail: bool) {
        self.set(Switch::FailReads, u64::from(fail));
    }

    /// How many writes failed on a full disk.
    pub fn refused(&self) -> u64 {
        self.get(Switch::Refused)
    }

    /// How many writes were only half done.
    pub fn shortened(&self) -> u64 {
        self.get(Switch::Shortened)
    }

    /// How many syncs have failed.
    pub fn failed_syncs(&self) -> u64 {
        self.get(Switch::FailedLog) + self.get(Switch::FailedOther)
    }

    fn recording_path(&self) -> PathBuf {
        self.home.path().join("recording")
    }

    // The process maps the file, which is the same memory on Linux.
    fn get(&self, switch: Switch) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, switch as u64 * 8).expect("a number");
        u64::from_ne_bytes(bytes)
    }

    fn set(&self, switch: Switch, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), switch as u64 * 8).expect("a number");
    }
}

/// Compiles the library into a directory.
fn compile(home: &Path) {
    let source = home.join("faulty_disk.c");
    fs::write(&source, SOURCE).expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]);
    compiler.arg(home.join(LIBRARY)).arg(&source).args(["-ldl", "-lpthread"]);
    run(compiler.stdin(Stdio::null()));
}
