//! The items of a Rust file that the rules look at: types, functions, and paths within the crate.
//! Reads tokens instead of a syntax tree, so that paths within macro calls are found as well.

use std::iter::Peekable;
use std::vec::IntoIter;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What a file declares and refers to, in the order of its lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) types: Vec<TypeItem>,
    pub(crate) variants: Vec<Name>,
    pub(crate) functions: Vec<Function>,
    /// The paths of `use` items, and those of expressions that begin with `crate` or `super`.
    pub(crate) paths: Vec<UsedPath>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) line: usize,
    pub(crate) name: String,
}

/// A struct, enum, trait or type alias; associated types are left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TypeItem {
    pub(crate) name: Name,
    pub(crate) is_public: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: Name,
    /// From `fn` to the closing brace.
    pub(crate) lines: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsedPath {
    pub(crate) line: usize,
    /// `super` is repeated as in the source, without those that lead out of an inline module.
    pub(crate) segments: Vec<String>,
    /// The name that a `use` item gives the path's end.
    pub(crate) alias: Option<String>,
}

impl Syntax {
    /// A file that is not Rust has no items; the compiler reports it.
    pub(crate) fn parse(content: &str) -> Self {
        let mut syntax = Self::default();
        if let Ok(tokens) = content.parse::<TokenStream>() {
            Walker { syntax: &mut syntax, inline_modules: 0 }.walk(tokens, false);
        }
        syntax
    }
}

type Tokens = Peekable<IntoIter<TokenTree>>;

struct Walker<'a> {
    syntax: &'a mut Syntax,
    inline_modules: usize,
}

impl Walker<'_> {
    /// `associated` is set within the braces of an `impl` or `trait`.
    fn walk(&mut self, tokens: TokenStream, associated: bool) {
        let mut tokens = stream(tokens);
        let (mut is_public, mut next_is_associated, mut next_is_module) = (false, false, false);
        while let Some(token) = tokens.next() {
            let word = match &token {
                TokenTree::Ident(word) => word.to_string(),
                TokenTree::Group(group) => {
                    let braces = group.delimiter() == Delimiter::Brace;
                    let depth = usize::from(braces && next_is_module);
                    self.inline_modules += depth;
                    self.walk(group.stream(), braces && next_is_associated);
                    self.inline_modules -= depth;
                    if braces {
                        (is_public, next_is_associated, next_is_module) = (false, false, false);
                    }
                    continue;
                }
                TokenTree::Punct(punct) => {
                    if matches!(punct.as_char(), ';' | ',') {
                        (is_public, next_is_associated, next_is_module) = (false, false, false);
                    }
                    continue;
                }
                TokenTree::Literal(_) => continue,
            };
            match word.as_str() {
                "pub" => is_public = true,
                "mod" => next_is_module = true,
                "impl" => next_is_associated = true,
                "struct" | "enum" | "trait" | "type" => {
                    next_is_associated |= word == "trait";
                    if let Some(name) = next_name(&mut tokens)
                        && !(associated && word == "type")
                    {
                        self.syntax.types.push(TypeItem { name, is_public });
                        if word == "enum" {
                            self.variants(&tokens);
                        }
                    }
                }
                "fn" => self.function(&mut tokens),
                "use" => {
                    self.use_tree(&mut tokens, &[]);
                    is_public = false;
                }
                "crate" | "super" | "self" => self.path(&token, &mut tokens),
                _ => {}
            }
        }
    }

    /// The variants of the braces that come next.
    fn variants(&mut self, tokens: &Tokens) {
        let Some(group) = next_braces(tokens) else { return };
        let mut tokens = stream(group.stream());
        while let Some(token) = tokens.next() {
            if let TokenTree::Ident(_) = &token {
                self.syntax.variants.push(name(&token));
                tokens.by_ref().find(|token| is_punct(token, ','));
            }
        }
    }

    fn function(&mut self, tokens: &mut Tokens) {
        let Some(name) = next_name(tokens) else { return };
        if let Some(body) = next_braces(tokens) {
            let lines = body.span_close().end().line - name.line + 1;
            self.syntax.functions.push(Function { name, lines });
        }
    }

    /// One path of an expression or a type, from `crate`, `self` or `super` on.
    fn path(&mut self, first: &TokenTree, tokens: &mut Tokens) {
        let line = name(first).line;
        let mut segments = vec![first.to_string()];
        while skip_colons(tokens)
            && let Some(TokenTree::Ident(word)) = tokens.peek()
        {
            segments.push(word.to_string());
            tokens.next();
        }
        self.push_path(line, segments, None);
    }

    /// One branch of a `use` item, up to the comma or semicolon that ends it.
    fn use_tree(&mut self, tokens: &mut Tokens, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        let (mut line, mut is_glob) = (0, false);
        while let Some(token) = tokens.next() {
            match &token {
                TokenTree::Group(group) => {
                    let mut branches = stream(group.stream());
                    while branches.peek().is_some() {
                        self.use_tree(&mut branches, &segments);
                    }
                    line = 0;
                }
                TokenTree::Ident(word) if word == "as" => {
                    let alias = next_name(tokens).map(|alias| alias.name);
                    self.push_path(line, std::mem::take(&mut segments), alias);
                    line = 0;
                }
                TokenTree::Ident(word) => {
                    line = name(&token).line;
                    segments.push(word.to_string());
                }
                token if is_punct(token, '*') => {
                    (line, is_glob) = (token.span().start().line, true);
                }
                token if is_punct(token, ';') || is_punct(token, ',') => break,
                _ => {}
            }
        }
        if line > 0 {
            // `use a::{self}` names `a` itself.
            if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
                segments.pop();
            }
            let alias = segments.last().filter(|_| !is_glob).cloned();
            self.push_path(line, segments, alias);
        }
    }

    fn push_path(&mut self, line: usize, mut segments: Vec<String>, alias: Option<String>) {
        let supers = segments.iter().take_while(|segment| *segment == "super").count();
        segments.drain(..supers.min(self.inline_modules));
        if segments.len() > 1 {
            self.syntax.paths.push(UsedPath { line, segments, alias });
        }
    }
}

fn stream(tokens: TokenStream) -> Tokens {
    tokens.into_iter().collect::<Vec<_>>().into_iter().peekable()
}

fn name(token: &TokenTree) -> Name {
    Name { line: token.span().start().line, name: token.to_string() }
}

/// The identifier that comes next; other tokens stay.
fn next_name(tokens: &mut Tokens) -> Option<Name> {
    tokens.next_if(|token| matches!(token, TokenTree::Ident(_))).map(|token| name(&token))
}

/// The body of the item whose name was read; `None` where a semicolon comes first.
fn next_braces(tokens: &Tokens) -> Option<Group> {
    let mut rest = tokens.clone().take_while(|token| !is_punct(token, ';'));
    rest.find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    })
}

fn skip_colons(tokens: &mut Tokens) -> bool {
    let mut colons = 0;
    while tokens.next_if(|token| is_punct(token, ':')).is_some() {
        colons += 1;
    }
    colons == 2
}

fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(content: &str) -> Vec<String> {
        Syntax::parse(content).paths.iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn types_are_found_with_their_visibility() {
        let content = "pub struct A(u8);\nstruct B;\npub(crate) enum C { D, #[x] E(u8), F = 1 }\n\
                       impl A { type G = u8; fn h() { struct I; } }\npub type J = u8;\n\
                       pub trait K { type L; }";
        let syntax = Syntax::parse(content);
        let types: Vec<_> =
            syntax.types.iter().map(|item| (item.name.name.as_str(), item.is_public)).collect();
        let expected =
            [("A", true), ("B", false), ("C", true), ("I", false), ("J", true), ("K", true)];
        assert_eq!(types, expected);
        let variants: Vec<_> = syntax.variants.iter().map(|name| name.name.as_str()).collect();
        assert_eq!(variants, ["D", "E", "F"]);
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_brace() {
        let content = "trait A {\n  fn a();\n  fn b() -> [u8; 2] {\n  }\n}\nfn c() { d(); }";
        let functions = Syntax::parse(content).functions;
        let measured: Vec<_> = functions.iter().map(|f| (f.name.line, f.lines)).collect();
        assert_eq!(measured, [(3, 2), (6, 1)]);
    }

    #[test]
    fn paths_are_found_in_use_items_and_macros() {
        let content = "use crate::a::{self, b::{C, D as E}, f::*};\nuse super::g;";
        let expected = ["crate::a", "crate::a::b::C", "crate::a::b::D", "crate::a::f", "super::g"];
        assert_eq!(paths(content), expected);
        assert_eq!(paths("fn a() { format!(\"{}\", crate::b::C) }"), ["crate::b::C"]);
        assert_eq!(paths("mod a { use super::b; use super::super::c::D; }"), ["super::c::D"]);
    }

    #[test]
    fn a_use_item_names_what_it_imports() {
        let paths = Syntax::parse("use crate::a::B as C;\nuse crate::{d, e::F};").paths;
        let names: Vec<_> = paths.iter().map(|path| path.alias.as_deref()).collect();
        assert_eq!(names, [Some("C"), Some("d"), Some("F")]);
    }
}
