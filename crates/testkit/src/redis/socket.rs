//! Asking a server through the socket in its directory, which works for any kind of it and never
//! reaches a stranger.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The socket's name in the directory.
pub(super) const FILE: &str = "socket";

/// The answer to a command with the mark of its kind, without the lengths that the protocol (RESP2)
/// puts before texts. Of an answer with parts it is the line that says how many there are.
pub(super) fn ask(dir: &Path, parts: &[&str]) -> io::Result<String> {
    let mut stream = UnixStream::connect(dir.join(FILE))?;
    let mut question = format!("*{}\r\n", parts.len());
    for part in parts {
        question.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    stream.write_all(question.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end();
    match line.strip_prefix('$').map(str::parse::<usize>) {
        Some(Ok(length)) => {
            let mut text = vec![0; length];
            reader.read_exact(&mut text)?;
            Ok(format!("${}", String::from_utf8_lossy(&text)))
        }
        _ => Ok(line.to_owned()),
    }
}
