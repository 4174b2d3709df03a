//! Decodes a file to UTF-8: decompresses gzip and converts UTF-16 with a byte order mark. Sizes are
//! bounded after decompression.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::ImportError;

/// The most bytes of a decompressed file.
const SIZE_MAX: u64 = 4 << 30;
/// The bytes from which the layout of a file is detected.
const SAMPLE: u64 = 64 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The first bytes of binary formats, and a description.
const FORMATS: [(&[u8], &str); 12] = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or save it as CSV"),
    (b"PK\x05\x06", "an empty zip archive"),
    (&GZIP, "gzip within gzip: unpack it once"),
    (b"BZh", "a bzip2 file: unpack it"),
    (b"\xfd7zXZ\0", "an xz file: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file: unpack it"),
    (b"PAR1", "a Parquet file: export it as CSV"),
    (b"ARROW1", "an Arrow file: export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"),
    (b"SQLite format 3\0", "an SQLite database: export a table as CSV"),
    (b"%PDF-", "a PDF document"),
];

/// A text whose first bytes were peeked at and are read again.
pub(super) type TextReader<'a> = Peeked<Box<dyn Read + 'a>>;
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// Decompresses and decodes a file; returns a copy of its beginning, and its text.
pub(super) fn open<'a>(file: impl Read + 'a) -> Result<(Vec<u8>, TextReader<'a>), ImportError> {
    let file = BufReader::new(file);
    let (start, file) = peek(file, 2)?;
    let is_packed = start == GZIP;
    let file: Box<dyn Read + 'a> =
        if is_packed { Box::new(Members::new(BufReader::new(file))) } else { Box::new(file) };
    let file: Box<dyn Read + 'a> = Box::new(Bounded { file, left: SIZE_MAX });
    let (start, file) = peek(file, 16)?;
    if let Some((_, what)) = FORMATS.iter().find(|(first, _)| start.starts_with(first)) {
        return Err(ImportError::NotText(format!("expected CSV, got {what}")));
    }
    let text: Box<dyn Read + 'a> = match start.as_slice() {
        [0xef, 0xbb, 0xbf, ..] => Box::new(without(file, 3)?),
        [0xff, 0xfe, ..] => Box::new(Utf16::new(without(file, 2)?, u16::from_le_bytes)),
        [0xfe, 0xff, ..] => Box::new(Utf16::new(without(file, 2)?, u16::from_be_bytes)),
        _ => Box::new(file),
    };
    let (sample, text) = peek(text, SAMPLE)?;
    if sample.is_empty() {
        return Err(ImportError::Empty);
    }
    if sample.contains(&0) {
        let text = "expected text, got NUL characters (UTF-16 needs a byte order mark)";
        return Err(ImportError::NotText(text.to_owned()));
    }
    if sample.contains(&b'\r') && !sample.contains(&b'\n') {
        let (sample, text) = peek(CarriageReturns(text), SAMPLE)?;
        let text: Box<dyn Read + 'a> = Box::new(text);
        return Ok((sample, Cursor::new(Vec::new()).chain(text)));
    }
    let (start, rest) = text.into_inner();
    let rest: Box<dyn Read + 'a> = Box::new(rest);
    Ok((sample, start.chain(rest)))
}

/// The first bytes of a file, and the file with them.
fn peek<R: Read>(mut file: R, bytes: u64) -> io::Result<(Vec<u8>, Peeked<R>)> {
    let mut start = Vec::new();
    (&mut file).take(bytes).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(file)))
}

fn without<R: Read>(mut file: R, bytes: u64) -> io::Result<R> {
    io::copy(&mut (&mut file).take(bytes), &mut io::sink())?;
    Ok(file)
}

/// Fails beyond the largest size instead of ending there as if the file were whole.
struct Bounded<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(target)?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than is read")
        })?;
        Ok(read)
    }
}

/// The members of a gzip file one after another; padding zeros at the end are skipped.
struct Members<R> {
    state: Option<Member<R>>,
}

enum Member<R> {
    Within(Box<GzDecoder<R>>),
    Between(R),
}

impl<R: BufRead> Members<R> {
    fn new(file: R) -> Self {
        Self { state: Some(Member::Between(file)) }
    }

    /// The next member; `None` at the end of the file.
    fn open(mut file: R) -> io::Result<Option<Box<GzDecoder<R>>>> {
        loop {
            let buffer = file.fill_buf()?;
            let Some(first) = buffer.first() else { return Ok(None) };
            if *first == GZIP[0] {
                return Ok(Some(Box::new(GzDecoder::new(file))));
            }
            let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
            if zeros == 0 {
                let text = "bytes that are not gzip follow the end of the packed text";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            file.consume(zeros);
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state.take() {
                None => return Ok(0),
                Some(Member::Between(file)) => {
                    self.state = Self::open(file)?.map(Member::Within);
                }
                Some(Member::Within(mut member)) => {
                    let read = member.read(target)?;
                    if read > 0 || target.is_empty() {
                        self.state = Some(Member::Within(member));
                        return Ok(read);
                    }
                    self.state = Some(Member::Between(member.into_inner()));
                }
            }
        }
    }
}

/// Converts line ends of a carriage return alone.
struct CarriageReturns<R>(R);

impl<R: Read> Read for CarriageReturns<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(target)?;
        for byte in target[..read].iter_mut().filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
        Ok(read)
    }
}

/// Converts UTF-16 to UTF-8. An unpaired surrogate is an error.
struct Utf16<R> {
    file: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes of a unit whose other half was not read yet.
    half: Option<u8>,
    high: Option<u16>,
    text: Cursor<Vec<u8>>,
}

impl<R: Read> Utf16<R> {
    fn new(file: R, unit: fn([u8; 2]) -> u16) -> Self {
        Self { file, unit, half: None, high: None, text: Cursor::new(Vec::new()) }
    }

    fn refill(&mut self) -> io::Result<bool> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the UTF-16 is malformed");
        let mut bytes = [0; 8192];
        let read = self.file.read(&mut bytes)?;
        if read == 0 {
            let is_whole = self.half.is_none() && self.high.is_none();
            return if is_whole { Ok(false) } else { Err(malformed()) };
        }
        let bytes: Vec<u8> = self.half.take().into_iter().chain(bytes[..read].to_vec()).collect();
        let (pairs, rest) = bytes.as_chunks::<2>();
        self.half = rest.first().copied();
        let mut units: Vec<u16> = self.high.take().into_iter().collect();
        units.extend(pairs.iter().map(|pair| (self.unit)(*pair)));
        if units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
            self.high = units.pop();
        }
        let text: Result<String, _> = char::decode_utf16(units).collect();
        self.text = Cursor::new(text.map_err(|_| malformed())?.into_bytes());
        Ok(true)
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.text.read(target)?;
            if read > 0 || target.is_empty() || !self.refill()? {
                return Ok(read);
            }
        }
    }
}
