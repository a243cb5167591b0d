//! Ids of nodes and values: an index and the generation of what stands there.
//!
//! petgraph reuses an index after a removal, so an index alone may name
//! another node than the one it was taken from. The generation tells.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            pub(crate) index: u32,
            pub(crate) generation: u32,
        }

        impl $name {
            pub(crate) fn new(index: usize, generation: u32) -> Self {
                Self { index: index as u32, generation }
            }

            /// The id as one number, never 0.
            pub fn to_raw(self) -> u64 {
                (u64::from(self.generation) << 32) | u64::from(self.index)
            }

            /// The id that [`Self::to_raw`] gave; none for 0.
            pub fn from_raw(raw: u64) -> Option<Self> {
                let generation = (raw >> 32) as u32;
                (generation != 0).then_some(Self { index: raw as u32, generation })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}.{}"), self.index, self.generation)
            }
        }
    };
}

id!(
    /// Names a node of one graph.
    NodeId,
    "n"
);
id!(
    /// Names a value of one graph.
    ValueId,
    "v"
);

impl ValueId {
    /// The generation of ids that an edit list hands out for what it adds.
    const ADDED: u32 = u32::MAX;

    /// The id of the `index`-th value an edit list adds.
    pub(crate) fn added(index: usize) -> Self {
        Self::new(index, Self::ADDED)
    }

    /// The index among the added values, where an edit list made the id.
    pub(crate) fn as_added(self) -> Option<usize> {
        (self.generation == Self::ADDED).then_some(self.index as usize)
    }
}
