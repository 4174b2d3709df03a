//! Rules about the files of a crate: they do not use each other in circles, except for a module and
//! the modules within it, and the layers of `web` point one way. Uses in tests do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::Source;
use crate::syntax::{Syntax, UsedPath};
use crate::violation::RuleViolation;

/// The folders of `crates/web/src`, and what each may not use.
const LAYERS: [(&str, &[&str]); 6] = [
    ("http", &["api", "pages"]),
    ("auth", &["api", "pages"]),
    ("game", &["http", "api", "pages"]),
    ("stream", &["api", "pages"]),
    ("api", &["pages"]),
    ("pages", &["api"]),
];

/// Re-exports of re-exports are followed up to this depth.
const REEXPORTS_MAX: usize = 8;

/// A module as its path within the crate: `["guard", "state"]`.
type Module = Vec<String>;

struct File {
    path: String,
    uses: Vec<UsedPath>,
}

/// The modules of one crate.
pub(crate) struct Crate {
    name: String,
    files: BTreeMap<Module, File>,
}

/// A use of one file by another, with the line of its first occurrence.
type Edges = BTreeMap<Module, BTreeMap<Module, usize>>;

/// Groups the files below `crates/*/src` by crate.
pub(crate) fn crates<'a>(files: impl Iterator<Item = (&'a Source<'a>, &'a Syntax)>) -> Vec<Crate> {
    let mut crates: BTreeMap<&str, Crate> = BTreeMap::new();
    for (source, syntax) in files {
        let Some((name, module)) = module_of(source.path) else { continue };
        let is_product = |used: &&UsedPath| !source.lines[used.line - 1].is_test;
        let uses = syntax.paths.iter().filter(is_product).cloned().collect();
        let file = File { path: source.path.to_owned(), uses };
        let entry = crates
            .entry(name)
            .or_insert_with(|| Crate { name: name.to_owned(), files: BTreeMap::new() });
        entry.files.insert(module, file);
    }
    crates.into_values().collect()
}

/// The crate and the module that a file below `src` holds; programs in `src/bin` have none.
fn module_of(path: &str) -> Option<(&str, Module)> {
    let (name, file) = path.strip_prefix("crates/")?.split_once("/src/")?;
    let file = file.strip_suffix(".rs").filter(|file| !file.starts_with("bin/"))?;
    let mut module: Module = file.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("lib" | "main" | "mod")) {
        module.pop();
    }
    Some((name, module))
}

impl Crate {
    pub(crate) fn check(&self) -> Vec<RuleViolation> {
        let edges = self.edges();
        let mut violations = self.circles(&edges);
        if self.name == "web" {
            violations.extend(self.layers(&edges));
        }
        violations
    }

    /// The uses between files. A module always uses its children; their uses of the modules around
    /// them are left out.
    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (module, file) in &self.files {
            let used = edges.entry(module.clone()).or_default();
            for path in &file.uses {
                let Some(target) = self.resolve(module, &path.segments, 0) else { continue };
                if !module.starts_with(&target) {
                    used.entry(target).or_insert(path.line);
                }
            }
        }
        for module in self.files.keys() {
            if let Some((_, parent)) = module.split_last()
                && let Some(used) = edges.get_mut(parent)
            {
                used.entry(module.clone()).or_insert(1);
            }
        }
        edges
    }

    /// The file that declares what a path within `module` names; `None` for other crates.
    fn resolve(&self, module: &[String], segments: &[String], depth: usize) -> Option<Module> {
        let mut rest = segments.iter().peekable();
        let mut at = match rest.peek()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => module.to_vec(),
            first if self.child(module, first).is_some() => module.to_vec(),
            _ => return None,
        };
        for segment in rest {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(at.pop()),
                name => match self.child(&at, name) {
                    Some(child) => at = child,
                    None => return self.reexported(&at, name, depth).or(Some(at)),
                },
            }
        }
        Some(at)
    }

    fn child(&self, module: &[String], name: &str) -> Option<Module> {
        let child = [module, &[name.to_owned()]].concat();
        self.files.contains_key(&child).then_some(child)
    }

    fn reexported(&self, module: &[String], name: &str, depth: usize) -> Option<Module> {
        let uses = &self.files.get(module)?.uses;
        let used = uses.iter().find(|used| used.alias.as_deref() == Some(name))?;
        if depth == REEXPORTS_MAX {
            return None;
        }
        self.resolve(module, &used.segments, depth + 1)
    }

    /// One violation for each group of files that use each other, with its shortest circle.
    fn circles(&self, edges: &Edges) -> Vec<RuleViolation> {
        let mut violations = Vec::new();
        let mut seen = BTreeSet::new();
        for module in edges.keys() {
            if seen.contains(module) {
                continue;
            }
            let reached = reachable(edges, module);
            let group: Vec<&Module> = reached
                .keys()
                .filter(|other| reachable(edges, other).contains_key(module))
                .collect();
            seen.extend(group.iter().map(|module| (*module).clone()));
            let circles = group.iter().filter_map(|start| circle(edges, start));
            let Some(shortest) = circles.min_by_key(Vec::len) else { continue };
            let line = edges[&shortest[0]][&shortest[1]];
            let names: Vec<String> = shortest.iter().map(|module| display(module)).collect();
            let what = format!(
                "circle of files: {} ({} files use each other)",
                names.join(" → "),
                group.len()
            );
            violations.push(RuleViolation::new(&self.files[&shortest[0]].path, line, what));
        }
        violations
    }

    fn layers(&self, edges: &Edges) -> Vec<RuleViolation> {
        let mut violations = Vec::new();
        for (module, used) in edges {
            let layer = |module: &Module| module.first().cloned().unwrap_or_default();
            let from = layer(module);
            let Some((_, banned)) = LAYERS.iter().find(|(name, _)| *name == from) else { continue };
            for (target, line) in used {
                if banned.contains(&layer(target).as_str()) {
                    let what = format!("`{from}` may not use `{}`", display(target));
                    violations.push(RuleViolation::new(&self.files[module].path, *line, what));
                }
            }
        }
        violations
    }
}

/// The modules that can be reached from one, each with the module before it on a shortest path.
fn reachable(edges: &Edges, start: &Module) -> BTreeMap<Module, Module> {
    let mut reached = BTreeMap::new();
    let mut queue = VecDeque::from([start.clone()]);
    while let Some(module) = queue.pop_front() {
        for next in edges[&module].keys() {
            if !reached.contains_key(next) {
                reached.insert(next.clone(), module.clone());
                queue.push_back(next.clone());
            }
        }
    }
    reached
}

/// The shortest path from a module back to itself.
fn circle(edges: &Edges, start: &Module) -> Option<Vec<Module>> {
    let reached = reachable(edges, start);
    let mut way = vec![start.clone(), reached.get(start)?.clone()];
    while way.last() != Some(start) {
        way.push(reached[&way[way.len() - 1]].clone());
    }
    way.reverse();
    Some(way)
}

fn display(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let paths: Vec<String> =
            files.iter().map(|(file, _)| format!("crates/{name}/src/{file}")).collect();
        let parsed: Vec<_> = paths
            .iter()
            .zip(files)
            .map(|(path, (_, content))| (Source::parse(path, content), Syntax::parse(content)))
            .collect();
        let crates = crates(parsed.iter().map(|(source, syntax)| (source, syntax)));
        let violations = crates.iter().flat_map(Crate::check);
        violations.map(|violation| violation.to_string()).collect()
    }

    const ROOT: (&str, &str) = ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;");

    #[test]
    fn files_do_not_use_each_other() {
        let a = ("a.rs", "use crate::b::B;");
        assert_eq!(found("x", &[ROOT, a, ("b.rs", "")]), [""; 0]);
        let what = "crates/x/src/a.rs:1: circle of files: a → b → a (2 files use each other)";
        assert_eq!(found("x", &[ROOT, a, ("b.rs", "fn f() { crate::a::g() }")]), [what]);
        assert_eq!(found("x", &[ROOT, a, ("b.rs", "use super::a;")]), [what]);
    }

    #[test]
    fn a_circle_is_found_behind_reexports() {
        let files = [ROOT, ("a.rs", "use crate::B;"), ("b.rs", "use crate::A;")];
        assert_eq!(found("x", &files).len(), 1);
    }

    #[test]
    fn a_module_and_its_children_use_each_other() {
        let files =
            [ROOT, ("a.rs", "mod c;\nuse c::C;"), ("a/c.rs", "use super::A;\nuse crate::A;")];
        assert_eq!(found("x", &files), [""; 0]);
    }

    #[test]
    fn a_circle_through_a_child_is_found() {
        let files = [ROOT, ("a.rs", ""), ("a/c.rs", "use crate::B;"), ("b.rs", "use crate::A;")];
        let what = "circle of files: a → a::c → b → a (3 files use each other)";
        assert_eq!(found("x", &files), [format!("crates/x/src/a.rs:1: {what}")]);
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let test = "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}";
        assert_eq!(found("x", &[ROOT, ("a.rs", "use crate::B;"), ("b.rs", test)]), [""; 0]);
    }

    #[test]
    fn layers_of_web_point_one_way() {
        let files = |from: &'static str, content: &'static str| {
            [("api.rs", ""), ("pages.rs", ""), ("http.rs", ""), ("game.rs", ""), (from, content)]
        };
        for (from, content) in [
            ("pages/a.rs", "use crate::{game, http};"),
            ("api/a.rs", "use crate::game;"),
            ("stream/a.rs", "use crate::game;"),
        ] {
            assert_eq!(found("web", &files(from, content)), [""; 0]);
        }
        for (from, content, what) in [
            ("pages/a.rs", "use crate::api;", "`pages` may not use `api`"),
            ("api/a.rs", "use crate::pages::A;", "`api` may not use `pages`"),
            ("game/a.rs", "use crate::http::A;", "`game` may not use `http`"),
            ("game/a.rs", "fn a() { crate::api::b() }", "`game` may not use `api`"),
        ] {
            let expected = format!("crates/web/src/{from}:1: {what}");
            assert_eq!(found("web", &files(from, content)), [expected]);
        }
    }
}
