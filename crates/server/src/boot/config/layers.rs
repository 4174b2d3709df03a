//! Merges the layers of the configuration (built-in defaults, file, environment, flags) into one
//! TOML tree whose values have the position of their source. Keys and kinds of values are checked
//! against the defaults; the types in `config` interpret the values.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::{join, unknown_key};
use super::secret_files;
use super::{LayerError, SettingsError};

/// The source of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The file in the binary.
    BuiltIn,
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
}

/// One source of values. The texts of all sources form one virtual text, in which this one begins
/// at `offset`, so that a span identifies both a source and a position in it.
struct Source {
    origin: Origin,
    /// The key it sets; empty for a whole document.
    key: Vec<String>,
    text: String,
    offset: usize,
}

/// The sources so far, the weakest first.
pub(crate) struct Layers {
    sources: Vec<Source>,
}

type Tree<'a> = DeTable<'a>;

impl Layers {
    /// Begins with the defaults, which have every key.
    pub(crate) fn new(defaults: &str) -> Self {
        let mut layers = Self { sources: Vec::new() };
        layers.push(Origin::BuiltIn, "", defaults);
        layers
    }

    /// Adds a source stronger than those before: a document, or the value of one dotted key.
    pub(crate) fn push(&mut self, origin: Origin, key: &str, text: &str) {
        let offset = self.sources.last().map_or(0, |last| last.offset + last.text.len() + 1);
        let key = key.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        self.sources.push(Source { origin, key, text: text.to_owned(), offset });
    }

    /// Merges the sources, and reads the tree as the program's types and as a plain table. The
    /// files are those that secrets were read from.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
    ) -> Result<(T, toml::Table, Vec<PathBuf>), SettingsError> {
        let (tree, files) = self.merge()?;
        let root = |tree| toml::de::Deserializer::from(Spanned::new(0..0, tree));
        let typed = T::deserialize(root(tree.clone())).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let key = key_at(&tree, &span, "").map(|key| format!("{key}: ")).unwrap_or_default();
            self.locate(LayerError { span, text: format!("{key}{}", error.message()) })
        })?;
        let plain = <toml::Table as serde::Deserialize>::deserialize(root(tree));
        let plain = plain.map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            self.locate(LayerError { span, text: error.message().to_owned() })
        })?;
        Ok((typed, plain, files))
    }

    fn merge(&self) -> Result<(Tree<'_>, Vec<PathBuf>), SettingsError> {
        let mut known: Option<Tree<'_>> = None;
        let mut tree = Tree::new();
        for source in &self.sources {
            let layer = source.parse(known.as_ref()).map_err(|error| self.locate(error))?;
            if let Some(known) = &known {
                let checked = check(known, (known, ""), &layer);
                checked.map_err(|error| self.locate(source.with_form(known, error)))?;
            }
            self.check_variables(source).map_err(|error| self.locate(error))?;
            secret_files::replace(&mut tree, &layer, "").map_err(|error| self.locate(error))?;
            overlay(&mut tree, layer);
            known.get_or_insert_with(|| tree.clone());
        }
        let mut files = Vec::new();
        let read = secret_files::read_into(&mut tree, "", &mut files);
        read.map_err(|error| self.locate(error))?;
        Ok((tree, files))
    }

    /// Variables are equally strong: one must not set a secret while another names its file.
    fn check_variables(&self, source: &Source) -> Result<(), LayerError> {
        let dotted = source.key.join(".");
        let Some(secret) = secret_files::secret_of(&dotted) else { return Ok(()) };
        let is_other = |other: &Source| {
            matches!(other.origin, Origin::Variable(_)) && other.key.join(".") == secret
        };
        let is_variable = matches!(source.origin, Origin::Variable(_)) && !source.text.is_empty();
        if is_variable && self.sources.iter().any(|other| is_other(other) && !other.text.is_empty())
        {
            return Err(secret_files::both(secret, source.shift(&(0..source.text.len()))));
        }
        Ok(())
    }

    /// Replaces a span of the virtual text by a file with its line, a variable or a flag.
    fn locate(&self, error: LayerError) -> SettingsError {
        let start = error.span.start;
        let source = self.sources.iter().rev().find(|source| source.offset <= start);
        let place = source.map(|source| source.place(start - source.offset)).unwrap_or_default();
        SettingsError::Invalid { place, text: error.text }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in configuration"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// The line, from 1, of the byte at `at`.
pub(crate) fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

impl Source {
    fn place(&self, at: usize) -> String {
        match self.origin {
            Origin::BuiltIn | Origin::File(_) => {
                format!("{}:{}", self.origin, line_at(&self.text, at))
            }
            Origin::Variable(_) | Origin::Flag(_) => self.origin.to_string(),
        }
    }

    /// Describes the value of a variable as it was written, without quotes, and how a list or a
    /// section is written in one.
    fn with_form(&self, known: &Tree<'_>, mut error: LayerError) -> LayerError {
        if !matches!(self.origin, Origin::Variable(_)) {
            return error;
        }
        let is_bare = DeValue::parse(&self.text).is_err();
        if is_bare {
            error.text = error.text.replace("a text in quotes", "a text");
        }
        match find(known, &self.key) {
            Some(DeValue::Array(_)) => error.text.push_str("; write a list like [\"…\", \"…\"]"),
            Some(DeValue::Table(_)) if is_bare => {
                error.text.push_str("; write a section like { key = … }");
            }
            _ => {}
        }
        error
    }

    /// This source as a tree, with spans in the virtual text.
    fn parse(&self, known: Option<&Tree<'_>>) -> Result<Tree<'_>, LayerError> {
        if self.key.is_empty() {
            let parsed = DeTable::parse(&self.text).map_err(|error| {
                let at = error.span().unwrap_or(0..0);
                LayerError { span: self.shift(&at), text: error.message().to_owned() }
            })?;
            return Ok(self.shift_table(parsed.into_inner()));
        }
        let span = self.shift(&(0..self.text.len()));
        let mut value = Spanned::new(span.clone(), self.single_value(known));
        let mut table = Tree::new();
        for part in self.key.iter().rev() {
            table = Tree::new();
            table.insert(Spanned::new(span.clone(), Cow::Borrowed(part.as_str())), value);
            value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
        }
        Ok(table)
    }

    /// The value of a variable or flag: TOML where the default is no text, otherwise the text.
    fn single_value(&self, known: Option<&Tree<'_>>) -> DeValue<'_> {
        let text = DeValue::String(Cow::Borrowed(self.text.as_str()));
        if matches!(self.origin, Origin::Flag(_)) {
            return text;
        }
        let dotted = self.key.join(".");
        let wants_text = secret_files::secret_of(&dotted).is_some()
            || known.and_then(|known| find(known, &self.key)).is_some_and(|v| v.is_str());
        match DeValue::parse(&self.text) {
            Ok(value) if value.get_ref().is_str() || !wants_text => {
                self.shift_value(value.into_inner())
            }
            _ => text,
        }
    }

    fn shift(&self, span: &Range<usize>) -> Range<usize> {
        span.start + self.offset..span.end + self.offset
    }

    fn shift_table<'a>(&self, table: Tree<'a>) -> Tree<'a> {
        let shifted = table.into_iter().map(|(key, value)| {
            let (key_span, span) = (self.shift(&key.span()), self.shift(&value.span()));
            let value = self.shift_value(value.into_inner());
            (Spanned::new(key_span, key.into_inner()), Spanned::new(span, value))
        });
        shifted.collect()
    }

    fn shift_value<'a>(&self, value: DeValue<'a>) -> DeValue<'a> {
        match value {
            DeValue::Table(table) => DeValue::Table(self.shift_table(table)),
            DeValue::Array(mut array) => {
                for one in array.iter_mut() {
                    let span = self.shift(&one.span());
                    let taken = std::mem::replace(one.get_mut(), DeValue::Boolean(false));
                    *one = Spanned::new(span, self.shift_value(taken));
                }
                DeValue::Array(array)
            }
            plain => plain,
        }
    }
}

/// The value of a dotted key.
fn find<'t, 'a>(tree: &'t Tree<'a>, key: &[String]) -> Option<&'t DeValue<'a>> {
    let (first, rest) = key.split_first()?;
    let value = tree.iter().find(|(name, _)| name.get_ref() == first).map(|(_, v)| v.get_ref())?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

/// Puts `layer` over `tree`: tables are merged, anything else is replaced.
fn overlay<'a>(tree: &mut Tree<'a>, layer: Tree<'a>) {
    for (key, value) in layer {
        let span = value.span();
        match (tree.get_mut(&key).map(Spanned::get_mut), value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => overlay(below, above),
            (_, value) => {
                tree.insert(key, Spanned::new(span, value));
            }
        }
    }
}

/// Rejects unknown keys of `layer` in this section, and values of another kind than the default. A
/// section that is empty in the defaults accepts any keys.
fn check(
    all: &Tree<'_>,
    (known, name): (&Tree<'_>, &str),
    layer: &Tree<'_>,
) -> Result<(), LayerError> {
    for (key, value) in layer {
        let dotted = join(name, key.get_ref());
        // The file of a secret has the kind of the secret, a text.
        let secret = secret_files::secret_of(&dotted).and_then(|secret| secret.rsplit('.').next());
        let default = match secret {
            Some(secret) => known.get(secret).filter(|default| default.get_ref().is_str()),
            None => known.get(key),
        };
        let Some(default) = default else {
            return Err(LayerError {
                span: key.span(),
                text: unknown_key(all, name, key.get_ref()),
            });
        };
        match (default.get_ref(), value.get_ref()) {
            (DeValue::Table(known), DeValue::Table(_)) if known.is_empty() => {}
            (DeValue::Table(known), DeValue::Table(layer)) => {
                check(all, (known, &dotted), layer)?;
            }
            (DeValue::Float(_), DeValue::Integer(_)) => {}
            (default, value) if default.same_type(value) => {}
            (default, got) => {
                let text = format!("{dotted}: expected {}, got {}", kind(default), kind(got));
                return Err(LayerError { span: value.span(), text });
            }
        }
    }
    Ok(())
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text in quotes",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// The dotted key of the value at `span`.
fn key_at(tree: &Tree<'_>, span: &Range<usize>, prefix: &str) -> Option<String> {
    tree.iter().find_map(|(key, value)| {
        let dotted = join(prefix, key.get_ref());
        if let DeValue::Table(table) = value.get_ref()
            && let Some(found) = key_at(table, span, &dotted)
        {
            return Some(found);
        }
        let own = value.span();
        let is_leaf = !value.get_ref().is_table();
        (is_leaf && own.start <= span.start && span.end <= own.end).then_some(dotted)
    })
}
