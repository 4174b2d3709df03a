//! The root of a Merkle tree (RFC 6962, section 2.1) over leaves that come one after the other.
//! Only the roots of the complete subtrees so far are kept: one for each power of two.

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

    /// The root over all leaves; of none, the hash of nothing.
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

    #[test]
    fn the_root_of_nothing_is_the_hash_of_nothing() {
        let hexadecimal = domain::Hash(MerkleTree::default().root()).to_string();
        // FIPS 180-4 of the empty text.
        assert_eq!(&hexadecimal[..16], "e3b0c44298fc1c14");
    }
}
