//! Names and categories of the made-up stocks of a simulation. They depend on the stock's position
//! only, not on the seed.

/// The categories, which are also the sectors whose stocks move together; with each the beginning
/// of its symbols and the end of its names.
pub(crate) const CATEGORIES: [(&str, &str, &str); 8] = [
    ("Tech", "TEC", "Systems"),
    ("Finance", "FIN", "Bank"),
    ("Energy", "ENE", "Power"),
    ("Health", "HEA", "Medical"),
    ("Food", "FOO", "Foods"),
    ("Shops", "SHO", "Stores"),
    ("Home", "HOM", "Household"),
    ("Industry", "IND", "Works"),
];

const STARTS: [&str; 32] = [
    "Alba", "Bori", "Cala", "Dova", "Elmi", "Fara", "Gali", "Hova", "Ivo", "Jara", "Kelo", "Lumi",
    "Mira", "Novi", "Orla", "Pavo", "Quli", "Riva", "Sola", "Tavi", "Ulmo", "Vela", "Wavo", "Xeno",
    "Yara", "Zeli", "Arno", "Brio", "Cori", "Delo", "Enzi", "Floro",
];

const ENDS: [&str; 40] = [
    "bay", "beck", "brix", "bridge", "cand", "cliff", "crest", "dale", "dell", "fern", "field",
    "ford", "gate", "glen", "grove", "haven", "helm", "hill", "kite", "lake", "lark", "leaf",
    "mill", "mont", "moor", "nest", "oak", "peak", "pine", "quay", "ridge", "shore", "spring",
    "stone", "tide", "vale", "wick", "wind", "wood", "zest",
];

/// The position in [`CATEGORIES`] of a stock's category.
pub(crate) fn category_of(stock: usize) -> usize {
    stock % CATEGORIES.len()
}

/// A stock's symbol, with digits in it so that it differs from real symbols: `TEC0001`.
pub(crate) fn symbol_of(stock: usize) -> String {
    format!("{}{:04}", CATEGORIES[category_of(stock)].1, stock + 1)
}

/// A stock's name; no two of the first 10,240 share one.
pub(crate) fn name_of(stock: usize) -> String {
    let category = category_of(stock);
    // A stride without a common factor with 1,280 visits every pair once, neighbors far apart.
    let pair = (stock / CATEGORIES.len() * 487 + category * 171) % (STARTS.len() * ENDS.len());
    let (start, end) = (STARTS[pair % STARTS.len()], ENDS[pair / STARTS.len()]);
    format!("{start}{end} {}", CATEGORIES[category].2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_symbols_are_all_different() {
        let names: HashSet<_> = (0..10_000).map(name_of).collect();
        let symbols: HashSet<_> = (0..10_000).map(symbol_of).collect();
        assert_eq!((names.len(), symbols.len()), (10_000, 10_000));
    }
}
