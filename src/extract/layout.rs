//! How a checkpoint stores the weights of linear layers.

use super::difference::Difference;
use crate::ir::Tensor;
use peftc_delta::Rows;
use rayon::prelude::*;

/// A layer's weight in the base, as it is stored, and in a checkpoint.
pub(super) struct Pair<'a> {
    pub(super) before: &'a Tensor,
    /// Whether the base has it as `[in, out]`.
    pub(super) is_transposed: bool,
    pub(super) after: &'a Tensor,
    /// An output head is a Linear where all other layers are Conv1D.
    pub(super) is_output_head: bool,
}

/// Whether the checkpoint has each of them as `[in, out]`, as a Conv1D has it, and not as `[out, in]`.
/// Where neither sizes nor distances to the base tell, it is as in most of the others; `[out, in]` where
/// there are none.
pub(super) fn transposed(pairs: &[Pair<'_>]) -> Vec<bool> {
    let told: Vec<Option<bool>> = pairs.par_iter().map(Pair::tells).collect();
    let votes = |for_what: bool| {
        let layers = pairs.iter().zip(&told).filter(|(pair, _)| !pair.is_output_head);
        layers.filter(|(_, told)| **told == Some(for_what)).count()
    };
    let most = votes(true) > votes(false);
    let of = |(pair, told): (&Pair<'_>, Option<bool>)| told.unwrap_or(most && !pair.is_output_head);
    pairs.iter().zip(told).map(of).collect()
}

impl Pair<'_> {
    /// Whether it is `[in, out]`, by its sizes, or as it is at least twice as near to the base so.
    fn tells(&self) -> Option<bool> {
        let as_stored = |is_transposed: bool| {
            Difference::of(self.before, self.after, is_transposed != self.is_transposed)
        };
        match (as_stored(false), as_stored(true)) {
            (Ok(linear), Ok(conv1d)) => {
                // Squares: a quarter.
                let (linear, conv1d) = (linear.energy(), conv1d.energy());
                let is_clear = 4.0 * linear.min(conv1d) <= linear.max(conv1d);
                (is_clear && linear != conv1d).then_some(conv1d < linear)
            }
            (Ok(_), Err(_)) => Some(false),
            (Err(_), Ok(_)) => Some(true),
            (Err(_), Err(_)) => None,
        }
    }
}
