//! Writes log lines to stderr without ever blocking, failing or panicking: a line that stderr does
//! not accept at once is dropped and counted, so that a full disk or a dead log collector never
//! stops the server.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A pipe that is ready for writing accepts this many bytes without blocking (pipe(7)).
const CHUNK: usize = 4096;

static DROPPED: AtomicU64 = AtomicU64::new(0);
static STDERR: Mutex<LineSink> = Mutex::new(LineSink { is_cut: false });

/// The lines that could not be written since the start.
pub(super) fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// A writer of whole log lines to stderr.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut sink = STDERR.lock().unwrap_or_else(PoisonError::into_inner);
        if !sink.write_line(io::stderr().as_fd(), line) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state of a stream of lines.
struct LineSink {
    /// Whether the last line was written in part: the next one begins with a line break.
    is_cut: bool,
}

impl LineSink {
    /// Writes a line; false if not all of it was accepted.
    fn write_line(&mut self, stream: BorrowedFd<'_>, line: &[u8]) -> bool {
        if self.is_cut && write_at_once(stream, b"\n") == 0 {
            return false;
        }
        let written = write_at_once(stream, line);
        self.is_cut = written > 0 && written < line.len();
        written == line.len()
    }
}

/// Writes as many bytes as the stream accepts without blocking, and returns their number.
fn write_at_once(stream: BorrowedFd<'_>, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() && is_ready(stream) {
        let chunk = &bytes[written..bytes.len().min(written + CHUNK)];
        match rustix::io::write(stream, chunk) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    written
}

fn is_ready(stream: BorrowedFd<'_>) -> bool {
    let mut streams = [PollFd::new(&stream, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut streams, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read as _;

    #[test]
    fn a_full_disk_drops_a_line() {
        let full = File::options().write(true).open("/dev/full").expect("opens");
        let mut sink = LineSink { is_cut: false };
        assert!(!sink.write_line(full.as_fd(), b"lost\n"));
        assert!(!sink.is_cut);
    }

    #[test]
    fn a_pipe_without_a_reader_drops_a_line() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        assert!(!LineSink { is_cut: false }.write_line(writer.as_fd(), b"lost\n"));
    }

    #[test]
    fn a_full_pipe_drops_lines_and_the_line_after_a_cut_one_is_whole() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut sink = LineSink { is_cut: false };
        let long = [vec![b'x'; 2 * CHUNK + 1], b"\n".to_vec()].concat();
        let lines = (0..).take_while(|_| sink.write_line(writer.as_fd(), &long)).count();
        assert!(sink.is_cut, "{lines} lines fit into the pipe");
        assert!(!sink.write_line(writer.as_fd(), b"lost\n"));
        let mut read = vec![0; long.len() * lines];
        reader.read_exact(&mut read).expect("the written lines");
        assert!(sink.write_line(writer.as_fd(), b"whole\n"));
        drop(writer);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("text");
        assert!(rest.starts_with('x') && rest.ends_with("x\nwhole\n"), "{}", rest.len());
    }
}
