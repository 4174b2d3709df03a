//! The root of a Merkle tree (RFC 6962, section 2.1) over a sequence of leaves. Only the roots of
//! the complete subtrees are in memory: one for each power of two.

use sha2::{Digest as _, Sha256};

/// A tree that grows at its right end.
#[derive(Clone, Debug, Default)]
pub(crate) struct MerkleTree {
    /// The heights and roots of complete subtrees, from left to right, each lower than the last.
    subtrees: Vec<(u32, [u8; 32])>,
}

impl MerkleTree {
    /// Adds the next leaf.
    pub(crate) fn add(&mut self, leaf: &[u8]) {
        let mut right = (0, digest(&[&[0], leaf]));
        while let Some((height, left)) = self.subtrees.pop_if(|(height, _)| *height == right.0) {
            right = (height + 1, digest(&[&[1], &left, &right.1]));
        }
        self.subtrees.push(right);
    }

    /// The root over all leaves; without leaves, the hash of the empty text.
    pub(crate) fn root(&self) -> [u8; 32] {
        let mut subtrees = self.subtrees.iter().rev().map(|(_, root)| *root);
        let Some(last) = subtrees.next() else { return digest(&[]) };
        subtrees.fold(last, |right, left| digest(&[&[1], &left, &right]))
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the RFC defines it.
    fn by_definition(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => digest(&[]),
            [leaf] => digest(&[&[0], leaf]),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                digest(&[&[1], &by_definition(left), &by_definition(right)])
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition_for_every_number_of_leaves() {
        let mut tree = MerkleTree::default();
        let mut leaves = Vec::new();
        for number in 0..200_u8 {
            assert_eq!(tree.root(), by_definition(&leaves), "{number} leaves");
            leaves.push(vec![number; usize::from(number % 5)]);
            tree.add(&leaves[leaves.len() - 1]);
        }
    }

    fn root(leaves: &[Vec<u8>]) -> [u8; 32] {
        let mut tree = MerkleTree::default();
        leaves.iter().for_each(|leaf| tree.add(leaf));
        tree.root()
    }

    /// The siblings of a leaf from the bottom to the top (RFC 6962, section 2.1.1), and whether
    /// each is on the left.
    fn audit_path(leaves: &[Vec<u8>], at: usize) -> Vec<([u8; 32], bool)> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        let (mut path, sibling) = if at < left.len() {
            (audit_path(left, at), (by_definition(right), false))
        } else {
            (audit_path(right, at - left.len()), (by_definition(left), true))
        };
        path.push(sibling);
        path
    }

    /// The root that follows from a leaf and its path.
    fn root_of_path(leaf: &[u8], path: &[([u8; 32], bool)]) -> [u8; 32] {
        path.iter().fold(digest(&[&[0], leaf]), |hash, (sibling, is_left)| {
            let (left, right) = if *is_left { (sibling, &hash) } else { (&hash, sibling) };
            digest(&[&[1], left, right])
        })
    }

    fn leaves() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn the_root_proves_each_leaf_and_no_other(
            leaves in leaves(), at in any::<prop::sample::Index>(), other: [u8; 3],
        ) {
            let at = at.index(leaves.len());
            let path = audit_path(&leaves, at);
            prop_assert_eq!(root_of_path(&leaves[at], &path), root(&leaves));
            let is_same = leaves[at] == other;
            prop_assert_eq!(root_of_path(&other, &path) == root(&leaves), is_same);
        }

        #[test]
        fn a_leaf_that_is_missing_added_or_moved_changes_the_root(
            leaves in leaves(), at in any::<prop::sample::Index>(), leaf: [u8; 3],
        ) {
            let at = at.index(leaves.len());
            let mut missing = leaves.clone();
            missing.remove(at);
            prop_assert_ne!(root(&missing), root(&leaves));
            let mut added = leaves.clone();
            added.insert(at, leaf.to_vec());
            prop_assert_ne!(root(&added), root(&leaves));
            let mut moved = leaves.clone();
            moved.rotate_left(at);
            prop_assert_eq!(root(&moved) == root(&leaves), moved == leaves);
        }
    }

    #[test]
    fn the_root_of_nothing_is_the_hash_of_nothing() {
        let hexadecimal = domain::Hash(MerkleTree::default().root()).to_string();
        // FIPS 180-4 of the empty text.
        assert_eq!(&hexadecimal[..16], "e3b0c44298fc1c14");
    }
}
