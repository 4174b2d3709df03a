//! The Debian package, made from the tested binary: installed into a directory of its own, upgraded
//! with a file that the operator has changed, removed and purged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use crate::server::{Server, openbell};

/// Made once for all tests.
static PACKAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/debian/build");
    let mut build = Command::new(script);
    build.arg(env!("CARGO_BIN_EXE_openbell")).arg(&dir);
    build.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip").env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
    success(build.env("DEBEMAIL", "packages@openbell.example"));
    let files: Vec<_> = dir.read_dir().expect("a directory").flatten().collect();
    let [package] = &files[..] else { panic!("one file: {files:?}") };
    package.path()
});

/// The stdout of a program that must succeed.
#[track_caller]
fn success(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (text, errors) = texts(&output);
    assert!(output.status.success(), "{command:?}: {text}{errors}");
    text
}

fn texts(output: &Output) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    (out.into_owned(), err.into_owned())
}

/// A system of its own below a directory, with no package.
struct System(tempfile::TempDir);

impl System {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let state = dir.path().join("var/lib/dpkg");
        for name in ["info", "updates"] {
            fs::create_dir_all(state.join(name)).expect("a directory");
        }
        fs::write(state.join("status"), "").expect("written");
        // The maintainer scripts run without a chroot and receive the directory in DPKG_ROOT.
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name.trim_start_matches('/'))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Runs dpkg, which must succeed; what it and the maintainer scripts printed.
    #[track_caller]
    fn dpkg(&self, args: &[&str]) -> String {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.0.path().display()));
        dpkg.arg(format!("--log={}", self.path("dpkg.log").display()));
        // It has no packages to depend on, and is not a root of a user without rights.
        dpkg.args(["--force-depends", "--force-not-root", "--force-bad-path"]);
        dpkg.args(["--force-script-chrootless", "--force-confdef", "--force-confold"]).args(args);
        let output = dpkg.env("DEBIAN_FRONTEND", "noninteractive").output().expect("dpkg runs");
        let (text, errors) = texts(&output);
        assert!(output.status.success(), "{args:?}: {text}{errors}");
        text + &errors
    }

    #[track_caller]
    fn install(&self, package: &Path) {
        self.dpkg(&["--install", &package.display().to_string()]);
    }

    /// Serves as the unit does, with the paths below the directory.
    fn serve(&self) -> Server {
        let program = self.path("/usr/bin/openbell");
        let [config, data] =
            ["/etc/openbell/openbell.toml", "/var/lib/openbell"].map(|name| self.path(name));
        let (config, data) = (config.display().to_string(), data.display().to_string());
        Server::start_program(&program, &["--config", &config, "--data-dir", &data])
    }
}

/// The package as a later version of it, whose configuration file has a new line.
fn later_version(dir: &Path) -> PathBuf {
    let (tree, package) = (dir.join("tree"), dir.join("later.deb"));
    success(Command::new("dpkg-deb").arg("--raw-extract").arg(&*PACKAGE).arg(&tree));
    let control = fs::read_to_string(tree.join("DEBIAN/control")).expect("control");
    let version = format!("Version: {}", env!("CARGO_PKG_VERSION"));
    assert!(control.contains(&version), "{control}");
    let control = control.replace(&version, "Version: 999.1.0");
    fs::write(tree.join("DEBIAN/control"), control).expect("written");
    let config = tree.join("etc/openbell/openbell.toml");
    let text = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, format!("# Of the later version.\n{text}")).expect("written");
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]).args([&tree, &package]);
    success(&mut build);
    package
}

const CONFIG: &str = "/etc/openbell/openbell.toml";
const WANTS: [&str; 2] = [
    "/etc/systemd/system/multi-user.target.wants/openbell.service",
    "/etc/systemd/system/timers.target.wants/openbell-backup.timer",
];

#[test]
fn an_upgrade_keeps_changed_configuration_and_a_purge_keeps_the_game() {
    let system = System::new();
    system.install(&PACKAGE);
    let users = system.read("/etc/passwd");
    assert!(users.lines().any(|line| line.starts_with("openbell:")), "{users}");
    let mode = system.path("/var/backups/openbell").metadata().expect("made").permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    assert!(WANTS.iter().all(|name| system.has(name)), "the units are enabled");
    fs::create_dir(system.path("/var/lib/openbell")).expect("as StateDirectory= does");
    let server = system.serve();
    let token = server.register("ada");
    server.stop();

    // The operator changes a setting and does not want the timer.
    let changed = system.read(CONFIG).replace("#streams_max = ", "streams_max = ");
    assert!(changed.contains("\nstreams_max = "), "{changed}");
    fs::write(system.path(CONFIG), &changed).expect("written");
    fs::remove_file(system.path(WANTS[1])).expect("disabled");
    let dir = tempfile::tempdir().expect("a directory");
    system.install(&later_version(dir.path()));
    assert_eq!(system.read(CONFIG), changed);
    assert!(system.read(&format!("{CONFIG}.dpkg-dist")).starts_with("# Of the later version."));
    assert_eq!(WANTS.map(|name| system.has(name)), [true, false]);
    assert!(plays(&system, &token));

    system.dpkg(&["--remove", "openbell"]);
    assert!(!system.has("/usr/bin/openbell") && system.has("/var/lib/openbell/openbell.db"));
    assert_eq!(system.read(CONFIG), changed);

    let backup = system.path("/var/backups/openbell/2026-11-30");
    fs::write(&backup, "a backup").expect("written");
    let printed = system.dpkg(&["--purge", "openbell"]);
    for directory in ["/var/lib/openbell", "/var/backups/openbell"] {
        let line = format!("openbell: {directory} is kept; delete it if its game is over");
        assert!(printed.lines().any(|found| found == line), "{printed}");
    }
    assert!(!system.has(CONFIG) && backup.exists());
    let left =
        success(Command::new("find").arg(system.path("/etc/systemd")).args(["-not", "-type", "d"]));
    assert_eq!(left, "", "no unit is enabled or masked");
    system.install(&PACKAGE);
    assert!(plays(&system, &token), "the game goes on");
}

#[test]
fn a_purge_of_a_system_without_a_game_leaves_no_directory() {
    let system = System::new();
    system.install(&PACKAGE);
    let printed = system.dpkg(&["--purge", "openbell"]);
    assert!(!printed.contains("is kept"), "{printed}");
    for name in ["/var/lib/openbell", "/var/backups/openbell", "/etc/openbell", "/usr/bin"] {
        assert!(!system.has(name), "{name}");
    }
}

/// Whether the player of the token is in the game.
fn plays(system: &System, token: &str) -> bool {
    let server = system.serve();
    let (status, _) = server.ask("GET", "/api/portfolio", token, None);
    server.stop();
    status == 200
}

#[test]
fn the_package_has_the_files_of_a_service() {
    let system = System::new();
    system.install(&PACKAGE);
    for name in [
        "/usr/share/man/man1/openbell.1.gz",
        "/usr/share/man/man1/openbell-audit-verify.1.gz",
        "/usr/share/bash-completion/completions/openbell",
        "/usr/share/zsh/vendor-completions/_openbell",
        "/usr/share/fish/vendor_completions.d/openbell.fish",
        "/usr/share/doc/openbell/copyright",
        "/usr/share/doc/openbell/docs/runbook/circuit-open.md",
        "/usr/share/doc/openbell/examples/nginx/snippets/openbell-locations.conf",
        "/usr/lib/systemd/system/openbell-.service.d/hardening.conf",
    ] {
        assert!(system.has(name), "{name}");
    }
    assert_eq!(system.dpkg(&["--verify", "openbell"]), "", "the sums agree");
    let [units, examples] = ["/usr/lib/systemd", "/usr/share/doc/openbell/examples/systemd"]
        .map(|dir| system.path(dir));
    let find = |text: &str| {
        let mut grep = Command::new("grep");
        let output =
            grep.args(["-rlF", text]).args([&units, &examples]).output().expect("grep runs");
        texts(&output).0
    };
    assert_eq!(find("/usr/local"), "");
    for unit in ["openbell.service", "openbell-backup.service", "openbell-load.service"] {
        assert!(find("/usr/bin/openbell").contains(unit), "{unit}");
    }
    let listed = success(Command::new("dpkg-deb").arg("--contents").arg(&*PACKAGE));
    let is_of_root = |line: &str| line.split_whitespace().nth(1) == Some("root/root");
    assert!(listed.lines().count() > 60 && listed.lines().all(is_of_root), "{listed}");
}

#[test]
fn the_packaged_configuration_has_the_defaults_except_for_the_directories() {
    let system = System::new();
    system.install(&PACKAGE);
    let config = system.path(CONFIG).display().to_string();
    let defaults = success(&mut openbell(&["check-config"]));
    let packaged = success(&mut openbell(&["check-config", "--config", &config]));
    let changed = defaults
        .replace("\ndir = \"\"", "\ndir = \"/var/backups/openbell\"")
        .replace("./openbell-data", "/var/lib/openbell");
    assert_eq!(packaged, changed);
    assert_ne!(packaged, defaults);
}

#[test]
fn lintian_finds_no_error() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning"]);
    lintian.arg(&*PACKAGE);
    success(&mut lintian);
}
