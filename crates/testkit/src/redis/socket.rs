//! Requests through the unix socket in a server's directory, which works for all kinds of servers
//! and never reaches another process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

pub(super) const FILE: &str = "socket";

/// The response to a command with the mark of its type, without the lengths of the protocol
/// (RESP2). Of an array it is the line with its length.
pub(super) fn request(dir: &Path, parts: &[&str]) -> io::Result<String> {
    let mut stream = UnixStream::connect(dir.join(FILE))?;
    let mut command = format!("*{}\r\n", parts.len());
    for part in parts {
        command.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    stream.write_all(command.as_bytes())?;
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
