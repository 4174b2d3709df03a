//! `cargo xtask assets`: writes the compressed siblings (`.br`, `.gz`) of the static files, which
//! the server sends as they are. Run it after every change of such a file; a test compares them.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::tidy::print;

/// Relative to the root.
const DIRECTORY: &str = "crates/web/static";
/// Files that are compressed. `sw.js` is completed at run time and has no siblings.
const ENDINGS: [&str; 3] = [".css", ".js", ".svg"];
const WITHOUT_SIBLINGS: &str = "sw.js";
/// The highest quality of brotli, and its default window.
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;
const BROTLI_BUFFER: usize = 4096;

/// Writes the siblings that are missing or out of date.
pub(crate) fn run(root: &Path) -> ExitCode {
    match write_siblings(&root.join(DIRECTORY)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("compressing the files of {DIRECTORY} failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn write_siblings(directory: &Path) -> std::io::Result<()> {
    for path in compressible(directory)? {
        let content = std::fs::read(&path)?;
        for (ending, compress, decompress) in METHODS {
            let sibling = with_ending(&path, ending);
            let known = std::fs::read(&sibling).ok().and_then(|known| decompress(&known).ok());
            // Versions of a compressor differ in their output, so the content is compared.
            if known.as_deref() != Some(&*content) {
                std::fs::write(&sibling, compress(&content)?)?;
                print(&format!("wrote {}", sibling.display()));
            }
        }
    }
    Ok(())
}

type Code = fn(&[u8]) -> std::io::Result<Vec<u8>>;
const METHODS: [(&str, Code, Code); 2] =
    [(".br", to_brotli, from_brotli), (".gz", to_gzip, from_gzip)];

/// The files of a directory and its subdirectories that have siblings.
fn compressible(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(compressible(&path)?);
        } else if ENDINGS.iter().any(|ending| name.ends_with(ending)) && name != WITHOUT_SIBLINGS {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn to_brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut written = Vec::new();
    let mut writer =
        brotli::CompressorWriter::new(&mut written, BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
    writer.write_all(content)?;
    drop(writer);
    Ok(written)
}

fn from_brotli(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    brotli::Decompressor::new(compressed, BROTLI_BUFFER).read_to_end(&mut content)?;
    Ok(content)
}

fn to_gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(content)?;
    writer.finish()
}

fn from_gzip(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../").join(DIRECTORY)
    }

    fn size(name: &str) -> usize {
        std::fs::read(directory().join(name)).unwrap().len()
    }

    #[test]
    fn siblings_decompress_to_their_file() {
        let files = compressible(&directory()).unwrap();
        assert!(files.len() >= 5, "{files:?}");
        for path in files {
            let content = std::fs::read(&path).unwrap();
            for (ending, _, decompress) in METHODS {
                let sibling = with_ending(&path, ending);
                let compressed = std::fs::read(&sibling).unwrap_or_default();
                let same = decompress(&compressed).is_ok_and(|known| known == content);
                assert!(same, "{} is out of date: run cargo xtask assets", sibling.display());
            }
        }
    }

    #[test]
    fn compressed_content_decompresses_to_itself() {
        let content = "bell ".repeat(500).into_bytes();
        for (_, compress, decompress) in METHODS {
            let compressed = compress(&content).unwrap();
            assert!(compressed.len() < 100);
            assert_eq!(decompress(&compressed).unwrap(), content);
        }
    }

    #[test]
    fn vendored_files_equal_their_list() {
        let list = std::fs::read_to_string(directory().join("vendor/THIRD_PARTY.md")).unwrap();
        let rows = list.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | `"));
        let listed: Vec<_> =
            rows.map(|(name, rest)| (name, rest.split('`').next().unwrap_or_default())).collect();
        assert_eq!(listed.len(), 6, "{listed:?}");
        for (name, hash) in listed {
            let content = std::fs::read(directory().join("vendor").join(name)).unwrap();
            let digest = Sha256::digest(&content);
            assert_eq!(hex::encode(digest), hash, "{name}");
        }
    }

    #[test]
    fn files_of_every_page_are_small() {
        assert!(size("app.css.br") <= 5_000, "app.css: {} bytes", size("app.css.br"));
        assert!(size("app.js.br") <= 3_000, "app.js: {} bytes", size("app.js.br"));
    }
}
