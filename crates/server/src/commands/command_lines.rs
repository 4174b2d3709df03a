//! The command lines in `deploy/`, the documents and README.md are those of this version.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;

/// A command line of this program in a file.
#[derive(Debug)]
struct NamedLine {
    file: PathBuf,
    words: Vec<String>,
    /// Within a sentence; its required arguments may be missing.
    is_mention: bool,
}

/// Programs that run the command in their arguments, and their flags that take a value.
const WRAPPERS: [&str; 4] = ["sudo", "exec", "systemd-cat", "systemd-run"];
const WRAPPER_FLAGS: [&str; 2] = ["-u", "-p"];

#[test]
fn every_command_line_of_the_deployment_and_the_documents_is_accepted() {
    let mut lines = Vec::new();
    for name in ["deploy", "docs", "README.md"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name), &mut lines);
    }
    assert!(lines.len() > 80, "{} lines", lines.len());
    for kind in ["md", "service", "Dockerfile"] {
        assert!(lines.iter().any(|line| line.file.to_string_lossy().ends_with(kind)), "{kind}");
    }
    let wrong: Vec<String> = lines.iter().filter_map(refusal).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_line_that_is_no_longer_accepted_is_found() {
    for (file, text) in [
        ("a.md", "    $ sudo -u openbell openbell audit chekc"),
        ("a.md", "Use `openbell stocks sed AAPL`."),
        ("a.md", "```\nFILE=a openbell audit verify | openbell user lst\n```"),
        ("a.service", "ExecStart=/usr/bin/openbell serve \\\n    --data /var"),
        ("a.service", "ExecStart=/bin/sh -c 'exec /usr/local/bin/openbell backup'"),
        ("a.service", "ExecStartPre=-/usr/bin/openbell check-confg"),
        ("a.md", "    openbell user role ADDRESS oprator"),
        ("a.md", "    openbell health --url ''  # and no URL\n    openbell user role ADDRESS ''"),
        ("a.md", "    systemd-run --pipe -p User=a /bin/sh -c 'A=$B/c exec openbell user lst'"),
        ("a.yaml", "    test: [\"CMD\", \"/usr/bin/openbell\", \"healthy\"]"),
    ] {
        let lines = lines_in(Path::new(file), text);
        assert_eq!(lines.iter().filter_map(refusal).count(), 1, "{text}: {lines:?}");
    }
}

fn collect(path: &Path, lines: &mut Vec<NamedLine>) {
    // Decisions are not changed afterwards, so their command lines may be of earlier versions.
    if path.ends_with("docs/adr") {
        return;
    }
    if path.is_dir() {
        for entry in path.read_dir().expect("a directory") {
            collect(&entry.expect("an entry").path(), lines);
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        lines.extend(lines_in(path, &text));
    }
}

fn lines_in(file: &Path, text: &str) -> Vec<NamedLine> {
    let is_prose = file.extension().is_some_and(|kind| kind == "md");
    let (mut lines, mut is_fenced) = (Vec::new(), false);
    let named = |words, is_mention| NamedLine { file: file.to_owned(), words, is_mention };
    for line in text.replace("\\\n", " ").lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_prose || is_fenced || line.starts_with("    ") && !line.contains('`') {
            lines.extend(commands(line).into_iter().map(|words| named(words, false)));
        }
        // Code within a sentence; the parts with odd numbers are between two marks.
        for mention in line.split('`').skip(1).step_by(2) {
            lines.extend(commands(mention).into_iter().map(|words| named(words, true)));
        }
    }
    lines
}

/// The commands of this program in a line of a shell, a unit or a list in JSON.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().trim_start_matches(['$', '#', ' ']);
    let command = ["ExecStart=", "ExecStartPre=", "ExecStartPost="]
        .iter()
        .find_map(|key| line.strip_prefix(key));
    let line =
        command.map_or(line, |command| command.trim_start_matches(['-', '@', '+', '!', ':']));
    if let Some((_, list)) = line.split_once('[')
        && let Ok(words) = serde_json::from_str::<Vec<String>>(&format!("[{list}"))
    {
        let words: Vec<String> = words.into_iter().skip_while(|word| word == "CMD").collect();
        return own_command(&words).into_iter().collect();
    }
    let mut found = Vec::new();
    for words in split(line) {
        match without_wrappers(&words) {
            [shell, flag, script, ..] if shell == "/bin/sh" && flag == "-c" => {
                found.extend(commands(script));
            }
            words => found.extend(own_command(words)),
        }
    }
    found
}

/// The simple commands of a shell line, as words without quotes.
fn split(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let (mut quote, mut depth) = (None, 0);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if quote == Some(letter) => quote = None,
            '"' | '\'' if quote.is_none() && depth == 0 => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            '#' if quote.is_none() && word.is_none() => break,
            ' ' | '|' | ';' | '&' | '>' | ')' if quote.is_none() && depth == 0 => {
                words.extend(word.take());
                if letter == '>' {
                    // The file of a redirection is no argument.
                    while letters.next_if(|next| *next == ' ').is_some() {}
                    while letters.next_if(|next| *next != ' ').is_some() {}
                } else if letter != ' ' {
                    all.push(std::mem::take(&mut words));
                }
            }
            _ => {
                depth += match letter {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                word.get_or_insert_default().push(letter);
            }
        }
    }
    words.extend(word);
    all.push(words);
    all
}

/// The words after variables, and programs with their flags, that come before a command.
fn without_wrappers(words: &[String]) -> &[String] {
    let (mut at, mut is_wrapped) = (0, false);
    while let Some(word) = words.get(at).map(String::as_str) {
        let name = word.split('=').next().unwrap_or_default();
        let is_assignment = word.contains('=')
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let is_wrapper = WRAPPERS.contains(&word);
        if !(is_assignment || is_wrapper || is_wrapped && word.starts_with('-')) {
            break;
        }
        is_wrapped |= is_wrapper;
        at += if WRAPPER_FLAGS.contains(&word) { 2 } else { 1 };
    }
    words.get(at..).unwrap_or_default()
}

/// The words of a command from the name of this program on.
fn own_command(words: &[String]) -> Option<Vec<String>> {
    let words = without_wrappers(words);
    let program = words.first()?;
    let is_ours = program == "openbell" || program.ends_with("/openbell");
    // The heading of a Debian changelog has the version in parentheses.
    let is_heading = words.get(1).is_some_and(|word| word.starts_with('('));
    (is_ours && !is_heading).then(|| words.to_vec())
}

/// Why a line is not accepted. Placeholders stand for values of any kind.
fn refusal(line: &NamedLine) -> Option<String> {
    let error = Cli::try_parse_from(&line.words).err()?;
    let is_placeholder = |word: &str| {
        let is_name = !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase());
        is_name || word.contains(['$', '…', '%'])
    };
    let is_accepted = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => line.is_mention,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let value = error.get(ContextKind::InvalidValue);
            matches!(value, Some(ContextValue::String(word)) if is_placeholder(word))
        }
        _ => false,
    };
    let shown = (line.file.display(), line.words.join(" "));
    (!is_accepted).then(|| format!("{}: {}: {error}", shown.0, shown.1))
}
