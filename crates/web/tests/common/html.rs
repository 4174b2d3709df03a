//! A parser of the pages' HTML: tags with their attributes, in their order; and the rules that
//! every page must keep. What needs a browser is in `crates/server/tests/browser`.

use std::collections::{BTreeMap, BTreeSet};

use super::TestResponse;

/// Elements without an end tag.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];
/// The largest page, compressed, in bytes.
pub(crate) const PAGE_SIZE_MAX: usize = 8_000;

/// A tag with its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The position after the tag.
    end: usize,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

pub(crate) struct HtmlPage {
    path: String,
    pub(crate) answer: TestResponse,
    pub(crate) tags: Vec<Tag>,
}

impl HtmlPage {
    pub(crate) fn parse(path: &str, answer: TestResponse) -> Self {
        let tags = tags(&answer.text);
        Self { path: path.to_owned(), answer, tags }
    }

    pub(crate) fn html(&self) -> &str {
        &self.answer.text
    }

    /// The text without tags, with one space between words.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.html().chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        let text = text.replace("&#39;", "'").replace("&#38;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&Tag> {
        self.tags.iter().filter(|tag| tag.name == name).collect()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.get("id") == Some(id))
    }

    /// The targets of the links.
    pub(crate) fn links(&self) -> Vec<&str> {
        self.all("a").into_iter().filter_map(|tag| tag.get("href")).collect()
    }

    /// The points of the chart's line with this class, as pairs of x and y.
    pub(crate) fn line_points(&self, class: &str) -> &str {
        let class = format!("c-line {class}");
        let line = self.all("polyline").into_iter().find(|tag| tag.get("class") == Some(&class));
        let points = line.and_then(|tag| tag.get("points"));
        points.unwrap_or_else(|| panic!("{} has no line of class {class}", self.path))
    }

    /// The fields of the form with this action, and their values.
    pub(crate) fn form(&self, action: &str) -> BTreeMap<String, String> {
        let found = self.form_tags(action);
        let found = found.unwrap_or_else(|| panic!("{} has no form for {action}", self.path));
        let mut fields = BTreeMap::new();
        let mut select = "";
        for tag in found {
            if tag.name == "option" && tag.get("selected").is_some() {
                let chosen = unescape(tag.get("value").unwrap_or_default());
                fields.insert(select.to_owned(), chosen);
            }
            let Some(name) = tag.get("name") else { continue };
            select = name;
            let kind = tag.get("type").unwrap_or("text");
            let is_choice = matches!(kind, "radio" | "checkbox");
            let value = if is_choice && tag.get("checked").is_none() {
                None
            } else {
                Some(unescape(tag.get("value").unwrap_or_default()))
            };
            // A choice that is not checked is empty, and can be set by a test.
            match value {
                Some(value) => _ = fields.insert(name.to_owned(), value),
                None => _ = fields.entry(name.to_owned()).or_default(),
            }
        }
        fields
    }

    fn form_tags(&self, action: &str) -> Option<Vec<&Tag>> {
        let is_it = |tag: &Tag| {
            let path = |address: &str| address.split('#').next().unwrap_or_default().to_owned();
            tag.name == "form" && tag.get("action").map(path) == Some(path(action))
        };
        let start = self.tags.iter().position(is_it)?;
        let rest = &self.tags[start + 1..];
        let end = rest.iter().position(|tag| tag.name == "/form").unwrap_or(rest.len());
        let fields = ["input", "select", "option", "textarea", "button"];
        Some(rest[..end].iter().filter(|tag| fields.contains(&tag.name.as_str())).collect())
    }

    /// Panics unless the page keeps the rules of all pages.
    pub(crate) fn check(&self) {
        self.check_frame();
        self.check_ids();
        self.check_labels();
        self.check_forms();
        self.check_nesting();
        self.check_policy();
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{}: {what}\n{}", self.path, self.html())
    }

    fn check_frame(&self) {
        let html = self.all("html");
        let lang = html.first().and_then(|tag| tag.get("lang")).unwrap_or_default();
        if !["en", "sn", "nd"].contains(&lang) {
            self.fail("no language");
        }
        for (name, count) in [("h1", 1), ("main", 1), ("title", 1), ("header", 1)] {
            if self.all(name).len() != count {
                self.fail(&format!("{} of {name}", self.all(name).len()));
            }
        }
        if self.by_id("main").is_none() || !self.links().contains(&"#main") {
            self.fail("no way to skip to the content");
        }
        let headings: Vec<u32> = self.tags.iter().filter_map(|tag| level(&tag.name)).collect();
        if headings.windows(2).any(|pair| pair[1] > pair[0] + 1) {
            self.fail(&format!("a heading skips a level: {headings:?}"));
        }
    }

    fn check_ids(&self) {
        let mut ids = BTreeSet::new();
        for id in self.tags.iter().filter_map(|tag| tag.get("id")) {
            if !ids.insert(id) || id.is_empty() || id.contains(' ') {
                self.fail(&format!("the id {id:?} is repeated or malformed"));
            }
        }
        for tag in &self.tags {
            for name in ["for", "aria-describedby", "aria-labelledby", "aria-controls"] {
                for id in tag.get(name).unwrap_or_default().split_whitespace() {
                    if !ids.contains(id) {
                        self.fail(&format!("{name}={id:?} names no element"));
                    }
                }
            }
            let anchor = tag.get("href").and_then(|href| href.strip_prefix('#'));
            if anchor.is_some_and(|id| !ids.contains(id)) {
                self.fail(&format!("{anchor:?} names no element"));
            }
        }
    }

    fn check_labels(&self) {
        let labeled: BTreeSet<&str> =
            self.all("label").into_iter().filter_map(|tag| tag.get("for")).collect();
        let mut inside_label = false;
        for tag in &self.tags {
            match tag.name.as_str() {
                "label" => inside_label = true,
                "/label" => inside_label = false,
                "input" | "select" | "textarea" if tag.get("type") != Some("hidden") => {
                    let id = tag.get("id").unwrap_or_default();
                    let named = tag.get("aria-label").or(tag.get("aria-labelledby")).is_some();
                    if !inside_label && !labeled.contains(id) && !named {
                        self.fail(&format!("no label for {tag:?}"));
                    }
                }
                "svg" if tag.get("aria-hidden").is_none() && tag.get("aria-label").is_none() => {
                    self.fail("a picture without a label that is not hidden");
                }
                "a" | "button" => {
                    let content = self.html()[tag.end..].split(&format!("</{}", tag.name)).next();
                    let words = without_tags(content.unwrap_or_default());
                    if words.trim().is_empty() && tag.get("aria-label").is_none() {
                        self.fail(&format!("no name for {tag:?}"));
                    }
                }
                "img" if tag.get("alt").is_none() => self.fail("a picture without a text"),
                "th" if tag.get("scope").is_none() => self.fail("a table heading without a scope"),
                _ => {}
            }
        }
        let captions = self.all("caption").len();
        if self.all("table").len() != captions {
            self.fail("a table without a caption");
        }
    }

    fn check_forms(&self) {
        for form in self.all("form") {
            let action = form.get("action").unwrap_or_default();
            let is_post = form.get("method") == Some("post");
            let content = self.html()[form.end..].split("</form").next().unwrap_or_default();
            if !action.starts_with('/') || is_post != content.contains("name=\"csrf\"") {
                self.fail(&format!("{form:?} has no token, or sends it in the URL"));
            }
            if !content.contains("<button") {
                self.fail(&format!("{form:?} has no button"));
            }
        }
    }

    /// Each end tag ends the element that was opened last.
    fn check_nesting(&self) {
        let mut open: Vec<&str> = Vec::new();
        let mut in_picture = false;
        for tag in &self.tags {
            in_picture |= tag.name == "svg";
            if tag.name == "/svg" {
                in_picture = false;
                open.retain(|name| *name != "svg");
                continue;
            }
            if in_picture && tag.name != "svg" || VOID.contains(&tag.name.as_str()) {
                continue;
            }
            match tag.name.strip_prefix('/') {
                None => open.push(&tag.name),
                Some(name) => {
                    let last = open.pop();
                    if last != Some(name) {
                        self.fail(&format!("</{name}> ends {last:?}"));
                    }
                }
            }
        }
        if !open.is_empty() {
            self.fail(&format!("{open:?} do not end"));
        }
    }

    /// The content security policy, and that nothing violates it.
    fn check_policy(&self) {
        let policy = self.answer.header("content-security-policy").unwrap_or_default();
        if policy.contains("unsafe") || !policy.contains("default-src 'none'") {
            self.fail(&format!("the policy is {policy:?}"));
        }
        for tag in &self.tags {
            let handlers = tag.attributes.keys().any(|name| name.starts_with("on"));
            let is_data = tag.get("type") == Some("application/json");
            let inline = tag.name == "script" && tag.get("src").is_none() && !is_data;
            if tag.get("style").is_some() || handlers || inline || tag.name == "style" {
                self.fail(&format!("{tag:?} is inline"));
            }
            for name in ["src", "href", "action", "poster"] {
                let value = tag.get(name).unwrap_or_default();
                let loads = name != "href" || tag.name == "link";
                if loads && (value.contains("//") || value.starts_with("data:")) {
                    self.fail(&format!("{tag:?} is loaded from elsewhere"));
                }
            }
        }
    }
}

fn level(name: &str) -> Option<u32> {
    let digit = name.strip_prefix('h')?;
    digit.parse().ok().filter(|_| digit.len() == 1)
}

fn without_tags(html: &str) -> String {
    let mut parts = html.split('<');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    rest.fold(first, |all, text| all + text)
}

fn unescape(text: &str) -> String {
    let text = text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<");
    text.replace("&#62;", ">").replace("&#38;", "&")
}

fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = html[at..].find('<').map(|start| at + start) {
        let Some(end) = end_of(html, start) else { break };
        let inside = &html[start + 1..end];
        at = end + 1;
        if inside.starts_with('!') {
            continue;
        }
        let name: String =
            inside.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
        let name = name.trim_end_matches('/').to_owned();
        found.push(Tag { attributes: attributes(&inside[name.len()..]), name, end: at });
    }
    found
}

/// The position of the `>` that ends a tag, outside of quotes.
fn end_of(html: &str, start: usize) -> Option<usize> {
    let mut quote = None;
    for (i, c) in html[start..].char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '>') => return Some(start + i),
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || c == '/');
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            None => (String::new(), after),
            Some(after) => {
                let quote = after.chars().next().unwrap_or(' ');
                assert!(matches!(quote, '"' | '\''), "{name} has no quotes: {text}");
                let end = after[1..].find(quote).map_or(after.len(), |end| end + 1);
                (after[1..end].to_owned(), after.get(end + 1..).unwrap_or_default())
            }
        };
        assert!(found.insert(name.to_owned(), value).is_none(), "{name} is repeated: {text}");
        rest = after.trim_start();
    }
    found
}
