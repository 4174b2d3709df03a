//! Fuzzing in ordinary tests: the inputs of a corpus, and seeded random mutations of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use crate::entropy::SeededEntropy;
use crate::process::environment;

/// Runs other mutations than the fixed ones.
pub const FUZZ_SEED_VARIABLE: &str = "OPENBELL_FUZZ_SEED";
/// Sets the number of mutations.
pub const FUZZ_RUNS_VARIABLE: &str = "OPENBELL_FUZZ_RUNS";

const FIXED_SEED: u64 = 1;
/// The most changes of an input.
const CHANGES_MAX: usize = 6;
/// The most bytes that a change removes or repeats.
const SPAN_MAX: usize = 32;

/// A corpus and the tokens that its mutations insert.
#[derive(Debug)]
pub struct Fuzzer {
    corpus: Vec<Vec<u8>>,
    tokens: &'static [&'static str],
}

impl Fuzzer {
    /// Reads the files of a folder.
    ///
    /// # Panics
    /// If the folder has no file or cannot be read.
    pub fn new(folder: impl AsRef<Path>, tokens: &'static [&'static str]) -> Self {
        let files = std::fs::read_dir(&folder).expect("the folder of the corpus");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        paths.sort();
        let read = |path: &std::path::PathBuf| std::fs::read(path).expect("a file");
        let corpus: Vec<Vec<u8>> = paths.iter().map(read).collect();
        assert!(!corpus.is_empty(), "{} has no file", folder.as_ref().display());
        Self { corpus, tokens }
    }

    /// The same with each line as an input.
    #[must_use]
    pub fn by_line(self) -> Self {
        let lines = self.corpus.iter().flat_map(|file| file.split(|byte| *byte == b'\n'));
        Self { corpus: lines.map(<[u8]>::to_vec).collect(), tokens: self.tokens }
    }

    /// Runs `check` on each input of the corpus, then on `runs` mutations, which are the same in
    /// every run unless the environment sets another seed or number.
    ///
    /// # Panics
    /// If `check` does; the message has the input.
    pub fn run(&self, runs: u64, check: impl FnMut(&[u8])) {
        let seed = variable(FUZZ_SEED_VARIABLE).unwrap_or(FIXED_SEED);
        self.run_with(seed, variable(FUZZ_RUNS_VARIABLE).unwrap_or(runs), check);
    }

    fn run_with(&self, seed: u64, runs: u64, mut check: impl FnMut(&[u8])) {
        for input in &self.corpus {
            check_input(input, seed, &mut check);
        }
        let entropy = SeededEntropy::new(seed);
        for _ in 0..runs {
            check_input(&self.mutation(&entropy), seed, &mut check);
        }
    }

    fn mutation(&self, entropy: &SeededEntropy) -> Vec<u8> {
        let mut input = self.any_input(entropy).to_vec();
        for _ in 0..=below(entropy, CHANGES_MAX) {
            self.change(&mut input, entropy);
        }
        input
    }

    fn any_input(&self, entropy: &SeededEntropy) -> &[u8] {
        &self.corpus[below(entropy, self.corpus.len())]
    }

    /// Changes, inserts, removes or repeats bytes, inserts a token, cuts the end, or appends the
    /// end of another input.
    fn change(&self, input: &mut Vec<u8>, entropy: &SeededEntropy) {
        let at = below(entropy, input.len() + 1);
        let end = (at + below(entropy, SPAN_MAX)).min(input.len());
        let byte = entropy.next_u64().to_le_bytes()[0];
        match below(entropy, 8) {
            0 if at < input.len() => input[at] = byte,
            1 => input.insert(at, byte),
            2 => drop(input.drain(at..end)),
            3 => {
                let repeated = input[at..end].to_vec();
                input.splice(at..at, repeated);
            }
            4 => input.truncate(at),
            5 => {
                let other = self.any_input(entropy);
                let from = below(entropy, other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ if self.tokens.is_empty() => input.insert(at, b'0'),
            _ => {
                let token = self.tokens[below(entropy, self.tokens.len())];
                input.splice(at..end, token.bytes());
            }
        }
    }
}

fn check_input(input: &[u8], seed: u64, check: &mut impl FnMut(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
        let what = panic.downcast_ref::<String>().cloned();
        let what = what.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let Some(what) = what else { resume_unwind(panic) };
        let input = input.escape_ascii();
        panic!("{what}\ninput of {FUZZ_SEED_VARIABLE}={seed}: b\"{input}\"");
    }
}

fn below(entropy: &SeededEntropy, end: usize) -> usize {
    usize::try_from(entropy.next_u64() % end.max(1) as u64).expect("below a usize")
}

fn variable(name: &str) -> Option<u64> {
    let text = environment(name)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a whole number: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: &[&str] = &["token"];

    fn fuzzer() -> Fuzzer {
        Fuzzer { corpus: vec![b"one,two\nthree".to_vec(), Vec::new()], tokens: TOKENS }
    }

    fn inputs(fuzzer: &Fuzzer) -> Vec<Vec<u8>> {
        let mut inputs = Vec::new();
        fuzzer.run_with(1, 200, |input| inputs.push(input.to_vec()));
        inputs
    }

    #[test]
    fn the_corpus_comes_first_and_mutations_repeat() {
        let (one, two) = (inputs(&fuzzer()), inputs(&fuzzer()));
        assert_eq!(one, two);
        assert_eq!(one[..2], fuzzer().corpus);
        assert!(one.iter().any(|input| input.windows(5).any(|five| five == b"token")));
        assert!(one.iter().collect::<std::collections::BTreeSet<_>>().len() > 100);
        assert_eq!(inputs(&fuzzer().by_line())[1], b"three");
    }

    #[test]
    #[should_panic(expected = "it failed\ninput of OPENBELL_FUZZ_SEED=1: b\"one,two\\nthree\"")]
    fn a_failure_names_its_input() {
        fuzzer().run_with(1, 0, |input| assert!(input.is_empty(), "it failed"));
    }
}
