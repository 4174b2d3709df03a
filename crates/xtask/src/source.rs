//! Splits a Rust file into what the rules check: the code and the comment of each line, the string
//! literals, and which lines are test code. It scans comments, literals and braces only; `syntax`
//! has the items.

pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) lines: Vec<SourceLine<'a>>,
    /// The first line of each string literal and its content, escapes left as written.
    pub(crate) literals: Vec<(usize, String)>,
}

#[derive(Default)]
pub(crate) struct SourceLine<'a> {
    pub(crate) text: &'a str,
    /// Without comments and without the content of string and character literals.
    pub(crate) code: String,
    pub(crate) comment: String,
    /// The number of characters within string literals.
    pub(crate) literal_chars: usize,
    pub(crate) is_test: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn parse(path: &'a str, content: &'a str) -> Self {
        let lines =
            content.lines().map(|text| SourceLine { text, ..SourceLine::default() }).collect();
        let chars: Vec<char> = content.chars().collect();
        let source = Self { path, lines, literals: Vec::new() };
        let mut source = Scanner { chars, at: 0, line: 0, source }.scan();
        if is_test_path(path) {
            source.lines.iter_mut().for_each(|line| line.is_test = true);
        } else {
            source.mark_test_items();
        }
        source
    }

    /// Marks each item under `#[cfg(test)]`, from its attribute to its last brace or semicolon.
    fn mark_test_items(&mut self) {
        let mut first = 0;
        while first < self.lines.len() {
            let code = &self.lines[first].code;
            if !code.contains("#[cfg(test)]") && !code.contains("#[cfg(all(test") {
                first += 1;
                continue;
            }
            let last = self.end_of_item(first);
            self.lines[first..=last].iter_mut().for_each(|line| line.is_test = true);
            first = last + 1;
        }
    }

    fn end_of_item(&self, first: usize) -> usize {
        // The brackets of the attribute close before the item's brace or semicolon.
        let (mut braces, mut others) = (0, 0);
        for (number, line) in self.lines.iter().enumerate().skip(first) {
            for c in line.code.chars() {
                match c {
                    '{' => braces += 1,
                    '}' => braces -= 1,
                    '(' | '[' => others += 1,
                    ')' | ']' => others -= 1,
                    _ => continue,
                }
                if c == '}' && braces == 0 && others == 0 {
                    return number;
                }
            }
            if braces == 0 && others == 0 && line.code.trim_end().ends_with(';') {
                return number;
            }
        }
        self.lines.len() - 1
    }
}

fn is_test_path(path: &str) -> bool {
    let mut parts = path.split('/');
    parts
        .any(|part| matches!(part, "tests" | "benches" | "tests.rs") || part.ends_with("_tests.rs"))
}

struct Scanner<'a> {
    chars: Vec<char>,
    at: usize,
    line: usize,
    source: Source<'a>,
}

impl<'a> Scanner<'a> {
    fn scan(mut self) -> Source<'a> {
        while let Some(c) = self.peek(0) {
            let after_word = self.at > 0 && is_word(self.chars[self.at - 1]);
            match (c, self.peek(1)) {
                ('/', Some('/')) => self.comment_line(),
                ('/', Some('*')) => self.comment_block(),
                ('"', _) => self.string(),
                ('r', Some('"' | '#')) if self.raw_hashes(1).is_some() && !after_word => {
                    self.raw_string(1);
                }
                ('b' | 'c', Some('r')) if self.raw_hashes(2).is_some() && !after_word => {
                    self.raw_string(2);
                }
                ('\'', _) => self.quote(),
                _ => self.take_code(),
            }
        }
        self.source
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Moves past a character and passes it, with its line, to `keep`.
    fn take(&mut self, keep: impl FnOnce(&mut SourceLine<'a>, char)) {
        let c = self.chars[self.at];
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        } else if c != '\r'
            && let Some(line) = self.source.lines.get_mut(self.line)
        {
            keep(line, c);
        }
    }

    fn take_code(&mut self) {
        self.take(|line, c| line.code.push(c));
    }

    fn take_comment(&mut self) {
        self.take(|line, c| line.comment.push(c));
    }

    fn comment_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.take_comment();
        }
    }

    fn comment_block(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.take_comment();
                    continue;
                }
            }
            self.take_comment();
            self.take_comment();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take_code();
        let (line, start) = (self.line, self.at);
        while let Some(c) = self.peek(0).filter(|&c| c != '"') {
            if c == '\\' && self.peek(1).is_some() {
                self.take(|line, _| line.literal_chars += 1);
            }
            self.take(|line, _| line.literal_chars += 1);
        }
        self.end_literal(line, start);
    }

    /// The number of hashes of the raw string whose `r` ends `ahead` characters from here.
    fn raw_hashes(&self, ahead: usize) -> Option<usize> {
        let rest = self.chars.get(self.at + ahead..)?;
        let hashes = rest.iter().take_while(|&&c| c == '#').count();
        (rest.get(hashes) == Some(&'"')).then_some(hashes)
    }

    fn raw_string(&mut self, prefix: usize) {
        let hashes = self.raw_hashes(prefix).unwrap_or(0);
        (0..prefix + hashes + 1).for_each(|_| self.take_code());
        let (line, start) = (self.line, self.at);
        let closes = |rest: &[char]| {
            rest[0] == '"' && rest.iter().skip(1).take_while(|&&c| c == '#').count() >= hashes
        };
        while self.peek(0).is_some() && !closes(&self.chars[self.at..]) {
            self.take(|line, _| line.literal_chars += 1);
        }
        self.end_literal(line, start);
    }

    fn end_literal(&mut self, line: usize, start: usize) {
        let content: String = self.chars[start..self.at].iter().collect();
        self.source.literals.push((line + 1, content));
        if self.peek(0).is_some() {
            self.take_code();
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let is_escape = self.peek(1) == Some('\\');
        if !is_escape && self.peek(2) != Some('\'') {
            return self.take_code();
        }
        self.take_code();
        // The first character may be a quote; an escaped one follows its backslash.
        let inside = if is_escape { 2 } else { 1 };
        (0..inside).for_each(|_| self.take(|_, _| ()));
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.take(|_, _| ());
        }
        if self.peek(0).is_some() {
            self.take_code();
        }
    }
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(content: &str) -> Vec<String> {
        Source::parse("src/x.rs", content).lines.into_iter().map(|line| line.code).collect()
    }

    fn test_lines(path: &str, content: &str) -> Vec<bool> {
        Source::parse(path, content).lines.into_iter().map(|line| line.is_test).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(code("let a = \"x // y\"; // z"), ["let a = \"\"; "]);
        assert_eq!(code("a(/* { /* } */ { */ b)"), ["a( b)"]);
        assert_eq!(code("('{', '\\'', '\\u{7b}', b'\"', &'a str)"), ["('', '', '', b'', &'a str)"]);
        assert_eq!(code("r#\"a \" }\"#, br\"\\\", r#type"), ["r#\"\"#, br\"\", r#type"]);
        assert_eq!(code("\"one\n{ two\" + x"), ["\"", "\" + x"]);
    }

    #[test]
    fn a_literal_is_kept_with_its_first_line() {
        let source = Source::parse("src/x.rs", "f(\n    \"a\n     b\",\n)");
        assert_eq!(source.literals, [(2, "a\n     b".to_owned())]);
    }

    #[test]
    fn only_items_under_cfg_test_are_test_code() {
        let content = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { \"}\"; }\n}\nfn c() {}";
        assert_eq!(test_lines("src/x.rs", content), [false, true, true, true, true, false]);
        let content = "#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nfn a() {}";
        assert_eq!(test_lines("src/x.rs", content), [true, true, true, false]);
    }

    #[test]
    fn files_in_test_directories_are_test_code() {
        assert_eq!(test_lines("crates/x/tests/a.rs", "fn a() {}"), [true]);
        assert_eq!(test_lines("crates/x/src/a/tests.rs", "fn a() {}"), [true]);
        assert_eq!(test_lines("crates/x/src/contests.rs", "fn a() {}"), [false]);
    }
}
