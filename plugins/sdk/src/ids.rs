//! Ids: plain numbers that the host understands during one run.

use peftc_abi::*;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($raw:ident);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub(crate) $raw);
    )*};
}

ids! {
    /// An operator of the graph.
    Node(PeftcNode);
    /// A value of the graph, or one that an edit adds.
    Value(PeftcValue);
    /// A linear site: a place where the graph multiplies by a weight.
    Site(PeftcSite);
    /// A block site: an attention or feed-forward sublayer.
    BlockSite(PeftcBlockSite);
    /// An attention site: a place where the graph computes softmax(Q·Kᵀ·scale + mask)·V.
    Attention(PeftcAttention);
    /// A parameter of a module: a constant, and the uses that are the module's own.
    Parameter(PeftcParameter);
}
