//! Feeds the CSV reader one physical line at a time: drops blank lines, validates UTF-8 and tracks
//! quotes, so that an error names the line in which a quote is opened.

use std::io::{self, BufRead, Read};

/// The most bytes of a record, which bounds what an unclosed quote swallows.
const RECORD_MAX: usize = 1 << 20;
/// The end-of-file character of old systems.
const SUBSTITUTE: u8 = 0x1a;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    /// At the start of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Open,
    /// Behind a quote that closes the field, or is the first half of a doubled one.
    Closed,
    /// In spaces between a closed field and its end.
    Trailing,
}

/// Hands over a file line by line, each ended by `\n`.
pub(super) struct LineReader<R> {
    input: R,
    delimiter: u8,
    buffer: Vec<u8>,
    handed: usize,
    line: u64,
    record_line: u64,
    record_bytes: usize,
    quote: Quote,
    opened: u64,
    /// The lines in which the first quoted field of the record that spans lines was opened, and in
    /// which the last one ends.
    span: Option<(u64, u64)>,
    fault: Option<String>,
}

impl<R: BufRead> LineReader<R> {
    /// The lines of `input` after the first `line`, with fields parted by `delimiter`.
    pub(super) fn new(input: R, delimiter: u8, line: u64) -> Self {
        Self {
            input,
            delimiter,
            buffer: Vec::new(),
            handed: 0,
            line,
            record_line: line,
            record_bytes: 0,
            quote: Quote::Start,
            opened: 0,
            span: None,
            fault: None,
        }
    }

    /// The line in which the record begins that was handed over last.
    pub(super) fn record_line(&self) -> u64 {
        self.record_line
    }

    /// The lines in which a quoted field of this record was opened and ends, if it spans lines.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        self.span
    }

    /// Why the structure cannot be trusted, once reading has failed.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn fail(&mut self, fault: String) -> io::Error {
        self.fault = Some(fault);
        io::Error::new(io::ErrorKind::InvalidData, "malformed structure")
    }

    fn fail_unclosed(&mut self) -> io::Error {
        let opened = self.opened;
        self.fail(format!("the quote that is opened in line {opened} is never closed"))
    }

    fn fail_carriage_return(&mut self) -> io::Error {
        self.fail(format!("line {}: a carriage return within the line", self.line))
    }

    /// Reads the next line that counts into the buffer; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        loop {
            self.buffer.clear();
            self.handed = 0;
            let most = u64::try_from(RECORD_MAX).unwrap_or(u64::MAX);
            let read = (&mut self.input).take(most).read_until(b'\n', &mut self.buffer)?;
            let (is_inside, opened) = (self.quote == Quote::Open, self.opened);
            if read == 0 {
                return if is_inside { Err(self.fail_unclosed()) } else { Ok(false) };
            }
            self.line += 1;
            if !is_inside {
                self.record_bytes = 0;
            }
            self.record_bytes += read;
            if self.record_bytes >= RECORD_MAX {
                if is_inside {
                    return Err(self.fail_unclosed());
                }
                return Err(self.fail(format!("line {} is longer than a row can be", self.line)));
            }
            self.trim_end();
            if !is_inside && is_blank(&self.buffer) {
                continue;
            }
            self.check()?;
            self.buffer.push(b'\n');
            if is_inside {
                self.span = Some((self.span.map_or(opened, |(first, _)| first), self.line));
            } else {
                (self.record_line, self.span) = (self.line, None);
            }
            return Ok(true);
        }
    }

    fn trim_end(&mut self) {
        for end in [b'\n', b'\r'] {
            if self.buffer.last() == Some(&end) {
                self.buffer.pop();
            }
        }
    }

    fn check(&mut self) -> io::Result<()> {
        let is_inside = self.quote == Quote::Open;
        if std::str::from_utf8(&self.buffer).is_err() {
            let line = self.line;
            return Err(
                self.fail(format!("line {line} is not UTF-8: save the file as \"CSV UTF-8\""))
            );
        }
        if !is_inside && !self.buffer.contains(&b'"') {
            if self.buffer.contains(&b'\r') {
                return Err(self.fail_carriage_return());
            }
            return Ok(());
        }
        if is_inside && !self.buffer.contains(&b'"') {
            return Ok(());
        }
        self.follow_quotes()
    }

    fn follow_quotes(&mut self) -> io::Result<()> {
        let mut quote = if self.quote == Quote::Open { Quote::Open } else { Quote::Start };
        for at in 0..self.buffer.len() {
            let byte = self.buffer[at];
            quote = match (quote, byte) {
                (Quote::Start | Quote::Closed, b'"') => {
                    if quote == Quote::Start {
                        self.opened = self.line;
                    }
                    Quote::Open
                }
                (Quote::Open, b'"') => Quote::Closed,
                (Quote::Open, _) => Quote::Open,
                (_, b'\r') => return Err(self.fail_carriage_return()),
                (_, byte) if byte == self.delimiter => Quote::Start,
                (Quote::Closed | Quote::Trailing, b' ') => Quote::Trailing,
                (Quote::Closed | Quote::Trailing, _) => {
                    let (line, opened) = (self.line, self.opened);
                    return Err(self.fail(format!(
                        "line {line}: expected the end of the field behind the closing quote (the \
                         quote is opened in line {opened})"
                    )));
                }
                (Quote::Start | Quote::Plain, _) => Quote::Plain,
            };
        }
        self.quote = quote;
        Ok(())
    }
}

impl<R: BufRead> Read for LineReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.handed == self.buffer.len() && !self.fill()? {
            return Ok(0);
        }
        let rest = &self.buffer[self.handed..];
        let count = rest.len().min(target.len());
        target[..count].copy_from_slice(&rest[..count]);
        self.handed += count;
        Ok(count)
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_whitespace() || *byte == SUBSTITUTE)
}
