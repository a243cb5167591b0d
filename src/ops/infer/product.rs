//! Products.

use super::elementwise::broadcast_shapes;
use super::{Made, Site};
use crate::ops::product::einsum_labels;
use crate::ops::size::Size;

/// Products of the matrices that two inputs are.
fn of_inputs(site: &Site<'_>, a: usize, b: usize) -> Option<Vec<Made>> {
    Some(vec![Made::of(product(site.shape(a)?, site.shape(b)?)?)])
}

/// The shape that `numpy.matmul` has.
fn product(a: &[Size], b: &[Size]) -> Option<Vec<Size>> {
    let (a_batch, row) = match a {
        [] => return None,
        [_] => (&[][..], None),
        [batch @ .., row, _] => (batch, Some(row)),
    };
    let (b_batch, column) = match b {
        [] => return None,
        [_] => (&[][..], None),
        [batch @ .., _, column] => (batch, Some(column)),
    };
    let mut shape = broadcast_shapes(&[a_batch, b_batch]);
    shape.extend([row, column].into_iter().flatten().cloned());
    Some(shape)
}

/// MatMul, and others of the first two inputs.
pub(in crate::ops) fn matmul(site: &Site<'_>) -> Option<Vec<Made>> {
    of_inputs(site, 0, 1)
}

/// MatMulIntegerToFloat: in the type of the scale.
pub(in crate::ops) fn matmul_to_float(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(of_inputs(site, 0, 1)?.into_iter().map(|made| made.typed(site.dtype(2))).collect())
}

/// QLinearMatMul.
pub(in crate::ops) fn qlinear_matmul(site: &Site<'_>) -> Option<Vec<Made>> {
    of_inputs(site, 0, 3)
}

/// FusedMatMul.
pub(in crate::ops) fn fused_matmul(site: &Site<'_>) -> Option<Vec<Made>> {
    let side = |slot: usize, swap: &str, batch: &str| {
        let mut shape = site.shape(slot)?.to_vec();
        let rank = shape.len();
        if rank > 1 && site.flag(batch)? {
            shape[..rank - 1].rotate_left(1);
        }
        if rank > 1 && site.flag(swap)? {
            shape.swap(rank - 2, rank - 1);
        }
        Some(shape)
    };
    let (a, b) = (side(0, "transA", "transBatchA")?, side(1, "transB", "transBatchB")?);
    Some(vec![Made::of(product(&a, &b)?)])
}

/// MatMulNBits and MatMulBnb4: attributes say the sizes of the weight.
pub(in crate::ops) fn packed_matmul(site: &Site<'_>) -> Option<Vec<Made>> {
    let (n, k) = (Size::from(site.int("N")?), Size::from(site.int("K")?));
    let is_transposed = site.call.op.op_type != "MatMulBnb4" || site.flag("transB")?;
    let weight = if is_transposed { [k, n] } else { [n, k] };
    Some(vec![Made::of(product(site.shape(0)?, &weight)?)])
}

/// Gemm.
pub(in crate::ops) fn gemm(site: &Site<'_>) -> Option<Vec<Made>> {
    let side = |slot: usize, flag: &str, axis: usize| {
        let is_transposed = site.flag(flag)?;
        Some(site.shape(slot)?.get(if is_transposed { 1 - axis } else { axis }).cloned())
    };
    let sizes = [side(0, "transA", 0).flatten(), side(1, "transB", 1).flatten()];
    Some(vec![Made::sizes(sizes)])
}

/// Einsum.
pub(in crate::ops) fn einsum(site: &Site<'_>) -> Option<Vec<Made>> {
    let shapes: Vec<&[Size]> =
        (0..site.inputs.len()).map(|slot| site.shape(slot)).collect::<Option<_>>()?;
    let ranks: Vec<usize> = shapes.iter().map(|shape| shape.len()).collect();
    let (inputs, output) = einsum_labels(&site.call.string("equation").ok()?, &ranks).ok()?;
    let axes = || inputs.iter().flatten().zip(shapes.iter().copied().flatten());
    let size = |label: &usize| {
        let own = axes().filter(|(own, _)| *own == label);
        broadcast_shapes(&own.map(|(_, size)| std::slice::from_ref(size)).collect::<Vec<_>>())
    };
    Some(vec![Made::of(output.iter().flat_map(size).collect::<Vec<_>>())])
}

/// Det.
pub(in crate::ops) fn det(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batch @ .., _, _] = site.shape(0)? else { return None };
    Some(vec![Made::of(batch)])
}
