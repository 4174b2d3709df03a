//! Pairwise testing: a subset of a test matrix in which every pair of values of two dimensions
//! occurs.

use std::collections::BTreeSet;

use crate::process::environment;

/// Set to anything, it selects whole test matrices; `./test long` sets it.
pub const LONG_VARIABLE: &str = "OPENBELL_TEST_LONG";

/// The whole matrix where [`LONG_VARIABLE`] is set, otherwise its [`pairwise`] subset.
pub fn select_combinations<const N: usize>(matrix: Vec<[usize; N]>) -> Vec<[usize; N]> {
    if is_long_run() { matrix } else { pairwise(&matrix) }
}

/// Whether [`LONG_VARIABLE`] is set.
pub fn is_long_run() -> bool {
    environment(LONG_VARIABLE).is_some()
}

/// A small subset of a matrix, in its order, in which every pair of values of two dimensions occurs
/// that occurs in the matrix. It depends on the matrix alone.
pub fn pairwise<const N: usize>(matrix: &[[usize; N]]) -> Vec<[usize; N]> {
    let mut missing: BTreeSet<Pair> = matrix.iter().flat_map(pairs).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let gain = |row: &usize| pairs(&matrix[*row]).filter(|pair| missing.contains(pair)).count();
        // The first of those with the largest gain.
        let Some(best) = (0..matrix.len()).rev().max_by_key(gain) else { break };
        pairs(&matrix[best]).for_each(|pair| _ = missing.remove(&pair));
        chosen.push(best);
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|row| matrix[row]).collect()
}

/// Two dimensions, each with its value.
type Pair = [(usize, usize); 2];

fn pairs<const N: usize>(row: &[usize; N]) -> impl Iterator<Item = Pair> {
    (0..N)
        .flat_map(move |one| (one + 1..N).map(move |other| [(one, row[one]), (other, row[other])]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of so many values.
    fn product<const N: usize>(sizes: [usize; N]) -> Vec<[usize; N]> {
        let count = sizes.iter().product();
        let digits = |mut number: usize| {
            sizes.map(|size| {
                let digit = number % size;
                number /= size;
                digit
            })
        };
        (0..count).map(digits).collect()
    }

    #[test]
    fn every_pair_occurs() {
        for sizes in [[3, 3, 3, 2, 20], [2, 2, 2, 2, 2], [1, 3, 1, 4, 1], [7, 5, 3, 2, 1]] {
            let matrix = product(sizes);
            let all = |rows: &[[usize; 5]]| rows.iter().flat_map(pairs).collect::<BTreeSet<_>>();
            assert_eq!(all(&pairwise(&matrix)), all(&matrix), "{sizes:?}");
        }
    }

    #[test]
    fn the_subset_is_small_ordered_and_repeatable() {
        let matrix = product([3, 3, 3, 2, 20]);
        let chosen = pairwise(&matrix);
        // Each of 20 values needs each of 3.
        assert!((60..=66).contains(&chosen.len()), "{} of {}", chosen.len(), matrix.len());
        let positions = chosen.iter().map(|row| matrix.iter().position(|other| other == row));
        assert!(positions.is_sorted(), "{chosen:?}");
        assert_eq!(pairwise(&matrix), chosen);
        assert!(pairwise::<3>(&[]).is_empty());
    }

    #[test]
    fn only_combinations_of_the_matrix_are_chosen() {
        let mut matrix = product([3, 3, 3, 2, 4]);
        matrix.retain(|[mode, .., page]| *page != 3 || *mode == 2);
        let chosen = pairwise(&matrix);
        assert!(chosen.iter().all(|row| matrix.contains(row)));
        assert!(chosen.iter().any(|[mode, .., page]| (*mode, *page) == (2, 3)));
    }
}
