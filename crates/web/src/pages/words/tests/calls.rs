//! Every message formats with the arguments that its callers pass, in every language and mode. The
//! calls are found in the text of templates and code.

use super::*;

/// Functions that format a message, with the position of the key among their arguments.
const FORMATTERS: [(&str, usize); 9] = [
    (".t(", 0),
    (".tn(", 0),
    (".t2(", 0),
    (".ta(", 0),
    (".message(", 0),
    ("words::message(", 2),
    ("View::new(", 3),
    ("View::bare(", 3),
    ("view_of(", 2),
];

/// A call that formats a message.
struct MessageCall {
    file: PathBuf,
    /// The literal keys; none where the key is a variable.
    keys: Vec<String>,
    /// The names of the arguments.
    names: BTreeSet<String>,
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = files_below("templates", ".html");
    sources.extend(files_below("src/pages", ".rs"));
    // It defines the formatters.
    sources.retain(|(path, _)| !path.ends_with("pages/view.rs"));
    for (_, text) in &mut sources {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        *text = code;
    }
    sources
}

fn calls(sources: &[(PathBuf, String)]) -> Vec<MessageCall> {
    let mut found = Vec::new();
    for (file, text) in sources {
        for (formatter, key_at) in FORMATTERS {
            for (begin, _) in text.match_indices(formatter) {
                let arguments = arguments(&text[begin + formatter.len()..]);
                let Some(key) = arguments.get(key_at) else { continue };
                let names = match formatter {
                    // Pairs of a name and a value.
                    ".tn(" | ".t2(" => arguments[1..].iter().step_by(2).copied().collect(),
                    ".ta(" | ".message(" | "words::message(" => {
                        arguments[key_at + 1].split('(').skip(1).collect()
                    }
                    _ => Vec::new(),
                };
                let names = names.into_iter().filter_map(|text| literals(text).next());
                let keys = literals(key).filter(|key| is_key(key)).collect();
                found.push(MessageCall { file: file.clone(), keys, names: names.collect() });
            }
        }
    }
    found
}

/// The arguments at the beginning of a text, up to the parenthesis that closes the call.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut is_quoted, mut from, mut found) = (0, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.push(text[from..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn literals(text: &str) -> impl Iterator<Item = String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned)
}

/// The errors of formatting a message with values for these names only.
fn errors(lang: Lang, mode: Mode, key: &str, names: &BTreeSet<String>) -> Vec<String> {
    let mut args = FluentArgs::new();
    args.set("mode", mode.as_str());
    names.iter().for_each(|name| args.set(name.clone(), 2));
    let bundle = &BUNDLES[lang.index()];
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        return vec![format!("{lang:?}: no message {key}")];
    };
    let mut errors = Vec::new();
    let _ = bundle.format_pattern(pattern, Some(&args), &mut errors);
    errors.iter().map(|error| format!("{lang:?} {mode:?}: {key} with {names:?}: {error}")).collect()
}

fn errors_everywhere(key: &str, names: &BTreeSet<String>) -> Vec<String> {
    let each = Lang::ALL.into_iter().flat_map(|lang| Mode::ALL.map(|mode| (lang, mode)));
    each.flat_map(|(lang, mode)| errors(lang, mode, key, names)).collect()
}

#[test]
fn every_message_formats_with_the_arguments_of_each_call() {
    let calls = calls(&sources());
    let with_values = calls.iter().filter(|call| !call.names.is_empty()).count();
    assert!(calls.len() > 500 && with_values > 60, "{} calls, {with_values}", calls.len());
    let each = calls.iter().flat_map(|call| call.keys.iter().map(move |key| (call, key)));
    let found: Vec<String> = each
        .flat_map(|(call, key)| {
            let file = call.file.display().to_string();
            errors_everywhere(key, &call.names).into_iter().map(move |e| format!("{file}: {e}"))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// A key that is passed on in a variable is formatted by a call with a variable key, in the same
/// file or in a template.
#[test]
fn every_message_formats_where_its_key_is_passed_on() {
    let sources = sources();
    let calls = calls(&sources);
    let direct: BTreeSet<(&PathBuf, &String)> =
        calls.iter().flat_map(|call| call.keys.iter().map(move |key| (&call.file, key))).collect();
    let mut found = Vec::new();
    for (file, text) in &sources {
        for key in text.split('"').filter(|text| is_key(text)).map(str::to_owned) {
            let is_direct = direct.contains(&(file, &key));
            let formats = |call: &MessageCall| errors_everywhere(&key, &call.names).is_empty();
            let is_near = |call: &&MessageCall| {
                let is_template = call.file.extension().is_some_and(|end| end == "html");
                call.keys.is_empty() && (call.file == *file || is_template)
            };
            if !is_direct && !calls.iter().filter(is_near).any(formats) {
                found.push(format!("{}: {key}", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "no call passes the values of {found:#?}");
}
