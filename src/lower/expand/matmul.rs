//! Products of transposed operands.

use super::site::Site;
use crate::ir::ValueId;

pub(super) fn fused(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let a = transposed(site, 0, ["transA", "transBatchA"])?;
    let b = transposed(site, 1, ["transB", "transBatchB"])?;
    let mut y = site.make("MatMul", &[a, b])?;
    let alpha = site.float("alpha")?;
    if alpha != 1.0 {
        let dtype = site.dtype(0)?;
        let alpha = site.scalar(dtype, alpha)?;
        y = site.make("Mul", &[y, alpha])?;
    }
    Some(vec![Some(y)])
}

/// An operand with the last two axes swapped, and before that the first axis moved behind the
/// batch, as attributes say; a vector as it is.
fn transposed(site: &mut Site<'_, '_>, slot: usize, names: [&str; 2]) -> Option<ValueId> {
    let x = site.input(slot)?;
    let [swap, batch] = names.map(|name| site.int_or_0(name) != 0);
    if !swap && !batch {
        return Some(x);
    }
    let rank = site.rank(slot)?;
    let mut order: Vec<i64> = (0..rank as i64).collect();
    if rank > 1 && batch {
        order[..rank - 1].rotate_left(1);
    }
    if rank > 1 && swap {
        order.swap(rank - 2, rank - 1);
    }
    site.transpose(x, &order)
}
