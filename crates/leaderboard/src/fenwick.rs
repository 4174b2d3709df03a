//! `Fenwick`: the sizes of a list of chunks with prefix sums in O(log n). It does not grow: when
//! chunks are added or removed it is rebuilt, in one pass over their sizes.

/// Sizes by place, as a binary indexed tree: node `i` (from 1) holds the sum of the
/// `i & -i` sizes that end at place `i - 1`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fenwick {
    tree: Vec<usize>,
    total: usize,
}

impl Fenwick {
    /// The tree of these sizes.
    pub(crate) fn from_sizes(sizes: impl Iterator<Item = usize>) -> Self {
        let mut tree: Vec<usize> = sizes.collect();
        let total = tree.iter().sum();
        for node in 1..=tree.len() {
            let parent = node + lowest_bit(node);
            if parent <= tree.len() {
                tree[parent - 1] += tree[node - 1];
            }
        }
        Self { tree, total }
    }

    /// The sum of all sizes.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// The sum of the sizes before `place`.
    pub(crate) fn before(&self, place: usize) -> usize {
        let mut sum = 0;
        let mut node = place;
        while node > 0 {
            sum += self.tree[node - 1];
            node -= lowest_bit(node);
        }
        sum
    }

    /// The place that holds the `offset`-th element (from 0) and its position there; past the end
    /// the place is the number of places.
    pub(crate) fn find(&self, offset: usize) -> (usize, usize) {
        let mut place = 0;
        let mut rest = offset;
        let mut step = self.tree.len().checked_ilog2().map_or(0, |log| 1 << log);
        while step > 0 {
            let node = place + step;
            if node <= self.tree.len() && self.tree[node - 1] <= rest {
                rest -= self.tree[node - 1];
                place = node;
            }
            step /= 2;
        }
        (place, rest)
    }

    /// Adds one element at `place`.
    pub(crate) fn increment(&mut self, place: usize) {
        self.total += 1;
        self.walk_up(place, |size| *size += 1);
    }

    /// Removes one element at `place`, which has at least one.
    pub(crate) fn decrement(&mut self, place: usize) {
        self.total -= 1;
        self.walk_up(place, |size| *size -= 1);
    }

    /// Bytes taken on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.tree.capacity() * size_of::<usize>()
    }

    fn walk_up(&mut self, place: usize, change: impl Fn(&mut usize)) {
        let mut node = place + 1;
        while node <= self.tree.len() {
            change(&mut self.tree[node - 1]);
            node += lowest_bit(node);
        }
    }
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_and_places_equal_those_of_the_plain_sizes(
            mut sizes in prop::collection::vec(0usize..5, 0..40),
            bumps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..20),
        ) {
            let mut tree = Fenwick::from_sizes(sizes.iter().copied());
            for (index, up) in bumps {
                if sizes.is_empty() {
                    break;
                }
                let place = index.index(sizes.len());
                if up {
                    sizes[place] += 1;
                    tree.increment(place);
                } else if sizes[place] > 0 {
                    sizes[place] -= 1;
                    tree.decrement(place);
                }
            }
            let places: Vec<(usize, usize)> = sizes
                .iter()
                .enumerate()
                .flat_map(|(place, size)| (0..*size).map(move |at| (place, at)))
                .collect();
            prop_assert_eq!(tree.total(), places.len());
            for place in 0..=sizes.len() {
                prop_assert_eq!(tree.before(place), sizes[..place].iter().sum::<usize>());
            }
            for (offset, place) in places.iter().enumerate() {
                prop_assert_eq!(tree.find(offset), *place);
            }
            prop_assert_eq!(tree.find(places.len()).0, sizes.len());
        }
    }
}
