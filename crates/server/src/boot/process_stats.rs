//! CPU, memory and open files of this process from /proc, under the names that Prometheus's client
//! libraries give them.

use std::fmt::Write as _;
use std::fs;

use domain::MetricFamily;

/// The page size and the ticks of a second, on every Linux that this program is built for.
const PAGE_BYTES: u64 = 4096;
const TICKS_PER_SECOND: u32 = 100;

pub(super) static FAMILIES: &[MetricFamily] = &[
    MetricFamily::counter("process_cpu_seconds_total", "CPU time of the process."),
    MetricFamily::gauge("process_resident_memory_bytes", "Resident memory of the process."),
    MetricFamily::gauge("process_virtual_memory_bytes", "Virtual memory of the process."),
    MetricFamily::gauge("process_open_fds", "Open file descriptors."),
    MetricFamily::gauge("process_max_fds", "The most file descriptors that may be open."),
    MetricFamily::gauge("process_start_time_seconds", "When the process started (Unix time)."),
];

/// The values of all families but the start time in the text format of Prometheus. What cannot be
/// read is left out.
pub(super) fn render(start_time_s: i64) -> String {
    let (virtual_bytes, resident_bytes) = memory_bytes().unzip();
    let values = [
        cpu_seconds().map(|seconds| seconds.to_string()),
        resident_bytes.map(|bytes: u64| bytes.to_string()),
        virtual_bytes.map(|bytes: u64| bytes.to_string()),
        open_files().map(|files| files.to_string()),
        open_files_max().map(|files| files.to_string()),
        Some(start_time_s.to_string()),
    ];
    let mut text = String::new();
    for (family, value) in FAMILIES.iter().zip(values) {
        let Some(value) = value else { continue };
        let (name, kind) = (family.name, family.kind.as_str());
        // Writing to a `String` cannot fail.
        let _ =
            write!(text, "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {value}\n", family.help);
    }
    text
}

/// User and system time.
fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may contain spaces. `state` is the next field.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let [user, system]: [u32; 2] = [times.next()?.parse().ok()?, times.next()?.parse().ok()?];
    #[expect(clippy::float_arithmetic, reason = "a metric")]
    let seconds = (f64::from(user) + f64::from(system)) / f64::from(TICKS_PER_SECOND);
    Some(seconds)
}

/// Virtual and resident memory.
fn memory_bytes() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().map_while(|pages| pages.parse::<u64>().ok());
    Some((pages.next()? * PAGE_BYTES, pages.next()? * PAGE_BYTES))
}

fn open_files() -> Option<u64> {
    // Since Linux 6.2 the size of the directory is their number; it is 0 before.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        files => Some(files),
    }
}

fn open_files_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_memory_and_files_of_this_process_are_read() {
        let text = render(1_795_000_000);
        for family in FAMILIES {
            assert!(text.contains(&format!("\n{} ", family.name)), "{} is missing", family.name);
        }
        let (virtual_bytes, resident_bytes) = memory_bytes().expect("Linux");
        assert!(virtual_bytes >= resident_bytes && resident_bytes > 1024 * 1024);
        let before = open_files().expect("Linux");
        let _files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").expect("opens")).collect();
        assert!(open_files().expect("Linux") >= before + 25, "other tests close some");
    }
}
