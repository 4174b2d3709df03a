//! A batch whose COMMIT got no response, with the mark that resolves it (see `batch::mark`).

use std::collections::BTreeSet;

use domain::{Entropy, UnixMicros};

/// The mark of one attempt to commit a batch; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMark(pub(crate) [u8; 16]);

impl BatchMark {
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }
}

/// A batch whose COMMIT got no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCommit {
    pub(crate) mark: BatchMark,
    pub(crate) made_at: UnixMicros,
    /// [`Committed::conflicted`](crate::Committed::conflicted) if the batch was committed.
    pub conflicted: BTreeSet<i64>,
}
