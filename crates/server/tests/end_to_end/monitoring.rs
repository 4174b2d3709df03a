//! The rules, the dashboard and the configuration in `deploy/` with the programs that read them,
//! and against the inventory of metrics and the runbook.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sqlx::Connection as _;

use crate::server::run;

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The text of a file of the repository.
pub(crate) fn repository_file(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Runs a program that checks a file, which must succeed.
#[track_caller]
fn check(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; ./test installs it"));
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{program} {args:?}: {out}{err}");
}

/// The values of a key in a YAML file, each on one line: `  key: value`.
fn values<'a>(yaml: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = yaml.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
}

pub(crate) fn alerts() -> Vec<String> {
    let rules = repository_file("deploy/prometheus/openbell.rules.yml");
    values(&rules, "alert").map(str::to_owned).collect()
}

/// `CircuitOpen` as `circuit-open`.
pub(crate) fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The names of metrics in a text with expressions: words that begin like ours. The colons of
/// recorded names are part of them.
fn names_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let words = text.split(|c: char| !is_part(c)).map(|word| word.trim_matches(':'));
    words
        .filter(|word| ["openbell_", "openbell:", "process_"].iter().any(|p| word.starts_with(p)))
        .collect()
}

/// The names of the inventory, with those of the series of its histograms and of recording rules.
fn known_names() -> BTreeSet<String> {
    let inventory = repository_file("docs/metrics.md");
    let rows = inventory.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut names = BTreeSet::new();
    for (name, rest) in rows {
        names.insert(name.to_owned());
        if rest.starts_with("histogram") {
            names.extend(["bucket", "sum", "count"].map(|end| format!("{name}_{end}")));
        }
    }
    let rules = repository_file("deploy/prometheus/openbell.rules.yml");
    names.extend(values(&rules, "record").map(str::to_owned));
    names
}

/// The text of a rules file without comments.
fn without_comments(yaml: &str) -> String {
    let lines = yaml.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn prometheus_accepts_the_rules_and_its_configuration() {
    check("promtool", &["check", "rules", "deploy/prometheus/openbell.rules.yml"]);
    check("promtool", &["check", "config", "deploy/prometheus/prometheus.yml"]);
}

#[test]
fn every_alert_fires_and_stays_silent_as_its_cases_state() {
    for name in ["openbell.rules.test.yml", "openbell.slow.rules.test.yml"] {
        check("promtool", &["test", "rules", &format!("deploy/prometheus/{name}")]);
    }
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    let cases = ["openbell.rules.test.yml", "openbell.slow.rules.test.yml"]
        .map(|name| repository_file(&format!("deploy/prometheus/{name}")))
        .join("\n");
    for alert in alerts() {
        let silent = format!("alertname: {alert}, exp_alerts: []");
        assert!(cases.contains(&silent), "{alert} has no case that stays silent");
        let fires = format!("alertname: {alert}\n        exp_alerts:\n          - exp_labels");
        assert!(cases.contains(&fires), "{alert} has no case that fires");
    }
}

#[test]
fn alertmanager_accepts_its_configuration() {
    check("amtool", &["check-config", "deploy/alertmanager/alertmanager.yml"]);
    let text = repository_file("deploy/alertmanager/alertmanager.yml");
    let alerts = alerts();
    let quoted = text.split('"').filter(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
    for name in quoted.flat_map(|part| part.split('|')) {
        assert!(alerts.iter().any(|alert| alert == name), "{name} is no alert");
    }
}

#[test]
fn every_metric_of_the_rules_is_in_the_inventory() {
    let known = known_names();
    let rules = without_comments(&repository_file("deploy/prometheus/openbell.rules.yml"));
    for name in names_in(&rules) {
        assert!(known.contains(name), "docs/metrics.md does not list {name}");
    }
}

#[test]
fn every_query_of_the_dashboard_is_valid_and_in_the_inventory() {
    let text = repository_file("deploy/grafana/openbell.json");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let titles = panels.iter().filter(|panel| panel["type"] == "row");
    let titles: Vec<_> = titles.filter_map(|panel| panel["title"].as_str()).collect();
    let expected = ["Overview", "Trade path", "Database", "Market", "Boards", "Archive and jobs"];
    assert_eq!(titles, expected);
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: Vec<_> = targets.map(|target| target["expr"].as_str().expect("a query")).collect();
    assert!(queries.len() > 80, "{}", queries.len());
    // As rules, so that promtool parses all of them at once.
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    let known = known_names();
    for (number, query) in queries.iter().enumerate() {
        for name in names_in(query) {
            assert!(known.contains(name), "docs/metrics.md does not list {name}");
        }
        let query = query.replace("$__rate_interval", "1m").replace("$instance", ".*");
        let query = serde_json::to_string(&query).expect("a text");
        rules += &format!("  - record: query_{number}\n    expr: {query}\n");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("dashboard.yml");
    std::fs::write(&file, rules).expect("a file");
    check("promtool", &["check", "rules", &file.display().to_string()]);
}

#[test]
fn every_alert_has_a_page_in_the_runbook() {
    let rules = repository_file("deploy/prometheus/openbell.rules.yml");
    let index = repository_file("docs/runbook/README.md");
    let urls: Vec<_> = values(&rules, "runbook_url").collect();
    let (alerts, known) = (alerts(), known_names());
    assert_eq!(urls.len(), alerts.len());
    for (alert, url) in alerts.iter().zip(urls) {
        let file = format!("{}.md", kebab(alert));
        assert_eq!(url, format!("docs/runbook/{file}"));
        let page = repository_file(url);
        assert!(page.starts_with(&format!("# {alert}\n")), "{url} has another title");
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let expected = [
            "Meaning",
            "What players notice",
            "First look",
            "Remedy",
            "Verification",
            "When to escalate",
        ];
        assert_eq!(headings, expected, "{url}");
        assert!(index.contains(&format!("]({file})")), "README.md lacks {file}");
        // The commands search for the beginnings of names.
        for name in names_in(&page) {
            let is_known = known.iter().any(|known| known.starts_with(name));
            assert!(is_known, "{url}: docs/metrics.md does not list {name}");
        }
    }
    let first = index.lines().find(|line| line.starts_with("| [")).expect("a list");
    assert!(first.starts_with("| [CircuitOpen](circuit-open.md)"), "{first}");
    let pages = std::fs::read_dir(repository().join("docs/runbook")).expect("a directory");
    // README.md and the transcript of the drill.
    assert_eq!(pages.count(), alerts.len() + 2, "a page without an alert");
}

/// The queries of an operator run on a database of this version.
#[tokio::test]
async fn the_queries_of_the_runbook_run() {
    let url = testkit::postgres_database();
    assert!(run(&["migrate", "--database", &url]).status.success());
    let mut database = sqlx::PgConnection::connect(&url).await.expect("connects");
    let mut count = 0;
    for page in std::fs::read_dir(repository().join("docs/runbook")).expect("a directory") {
        let page = page.expect("an entry").path();
        // The transcript has the numbers of processes of another time.
        if page.ends_with("drill.md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a text");
        for command in text.split("psql $DATABASE -").skip(1) {
            let command = command.trim_start_matches("At").trim_start_matches("c ");
            let quote = command.chars().next().filter(|first| "'\"".contains(*first));
            let quote = quote.unwrap_or_else(|| panic!("{}: {command}", page.display()));
            let query = command[1..].split(quote).next().expect("a query");
            if query.contains("PID") {
                continue;
            }
            let result = sqlx::raw_sql(sqlx::AssertSqlSafe(query)).execute(&mut database).await;
            result.unwrap_or_else(|error| panic!("{}: {query}: {error}", page.display()));
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// Every metric that the sources record is declared, under the type that they record it as.
#[test]
fn every_recorded_metric_is_declared() {
    let inventory = repository_file("docs/metrics.md");
    let mut recorded = BTreeSet::new();
    for krate in
        ["archive", "cluster", "leaderboard", "market", "server", "store", "trading", "web"]
    {
        let mut directories = vec![repository().join("crates").join(krate).join("src")];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let text = std::fs::read_to_string(&path).expect("a text");
                    recorded.extend(recorded_in(&text));
                }
            }
        }
    }
    assert!(recorded.len() > 60, "{}", recorded.len());
    for (name, kind) in recorded {
        let is_declared = inventory.contains(&format!("| `{name}` | {kind} |"));
        assert!(is_declared, "the {kind} {name} is not in the list of its crate");
    }
}

/// The names in `counter!("…`, `gauge!("…` and `histogram!("…`.
fn recorded_in(text: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for kind in ["counter", "gauge", "histogram"] {
        for call in text.split(&format!("{kind}!(")).skip(1) {
            let name = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            found.extend(name.map(|(name, _)| (name.to_owned(), kind)));
        }
    }
    found
}
