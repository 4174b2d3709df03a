//! Shell completions and manual pages are made from the command line itself.

use std::process::{Command, Stdio};

use crate::server::{error_line, run};

/// The words after `openbell` of every command, from its own help.
fn commands() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut left = vec![Vec::new()];
    while let Some(path) = left.pop() {
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = String::from_utf8_lossy(&run(&args).stdout).into_owned();
        let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let listed = listed.lines().take_while(|line| !line.is_empty());
        // A further line of a description is indented deeper.
        let names = listed
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        for name in names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help") {
            let command = [&path[..], &[name.to_owned()]].concat();
            left.push(command.clone());
            found.push(command);
        }
    }
    assert!(found.len() > 25, "{found:?}");
    found
}

#[test]
fn completions_of_every_shell_contain_every_command() {
    let commands = commands();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{output:?}");
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        for name in commands.iter().filter_map(|command| command.last()) {
            assert!(script.contains(name), "{name} is missing in the completions of {shell}");
        }
    }
    assert!(!run(&["completions", "tcsh"]).status.success());
}

#[test]
fn bash_accepts_its_completions() {
    let script = run(&["completions", "bash"]).stdout;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("openbell");
    std::fs::write(&file, script).expect("written");
    let load = format!(". {} && complete -p openbell", file.display());
    let loaded = Command::new("bash").args(["-c", &load]).stderr(Stdio::inherit()).output();
    let loaded = loaded.expect("bash runs");
    let text = String::from_utf8_lossy(&loaded.stdout).into_owned();
    assert!(loaded.status.success() && text.contains("openbell"), "{text}");
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let pages = dir.path().join("man1");
    let output = run(&["man", &pages.display().to_string()]);
    assert!(output.status.success(), "{output:?}");
    let read = |name: String| std::fs::read_to_string(pages.join(&name)).expect(&name);
    assert!(read("openbell.1".to_owned()).contains(".SH SUBCOMMANDS"));
    for command in commands() {
        let page = read(format!("openbell-{}.1", command.join("-")));
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command:?}: {page}");
    }
    let text = error_line(&run(&["man", "/dev/null/pages"]));
    assert!(text.starts_with("openbell: cannot write the manual pages into"), "{text}");
}
