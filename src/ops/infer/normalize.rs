//! Normalizations and losses, and quantization, which keep sizes but not all types.

use super::elementwise::{broadcast_shapes, like};
use super::{Made, Site};
use crate::ir::DataType;
use crate::ops::size::Size;

/// Sizes with 1 from an axis on.
fn statistics(own: &[Size], first: usize) -> Made {
    let size = |(axis, size): (usize, &Size)| if axis < first { size.clone() } else { 1.into() };
    Made::of(own.iter().enumerate().map(size).collect::<Vec<_>>())
}

/// LayerNormalization, RMSNormalization, SimplifiedLayerNormalization: in the type of the scale; and
/// statistics of rows.
pub(in crate::ops) fn layer(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let statistics = statistics(own, site.axis(own.len())?);
    let statistics = statistics.typed(site.named("stash_type"));
    Some(vec![like(site, 0)?.typed(site.dtype(1)), statistics.clone(), statistics])
}

/// SkipLayerNormalization, SkipSimplifiedLayerNormalization: also statistics of rows, and the sum.
pub(in crate::ops) fn skip_layer(site: &Site<'_>) -> Option<Vec<Made>> {
    let own = site.shape(0)?;
    let (y, statistics) =
        (Made::of(own).typed(site.dtype(0)), statistics(own, own.len().checked_sub(1)?));
    let statistics = statistics.typed(Some(DataType::F32));
    Some(vec![y.clone(), statistics.clone(), statistics, y])
}

/// EmbedLayerNormalization: the embeddings, how many words are not masked, the sum.
pub(in crate::ops) fn embed_layer(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batch, length] = site.shape(0)? else { return None };
    let width = site.shape(2).and_then(|table| table.get(1)).cloned();
    let y = Made::sizes([Some(batch.clone()), Some(length.clone()), width]).typed(site.dtype(2));
    let counts = Made::of([batch.clone()]).typed(Some(DataType::I32));
    Some(vec![y.clone(), counts, y])
}

/// BatchNormalization: also means and variances.
pub(in crate::ops) fn batch(site: &Site<'_>) -> Option<Vec<Made>> {
    let slots = [0, 3, 4, 3, 4];
    Some(slots.map(|slot| like(site, slot).unwrap_or_default().typed(site.dtype(slot))).to_vec())
}

/// NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss: also logarithms.
pub(in crate::ops) fn loss(site: &Site<'_>) -> Option<Vec<Made>> {
    let is_each = site.call.string("reduction").ok()? == "none";
    let loss = if is_each { like(site, 1).unwrap_or_default() } else { Made::of([]) };
    Some(vec![loss, like(site, 0).unwrap_or_default()])
}

/// QuantizeLinear.
pub(in crate::ops) fn quantize(site: &Site<'_>) -> Option<Vec<Made>> {
    let dtype = match site.has_input(2) {
        true => site.dtype(2),
        false => Some(site.named("output_dtype").unwrap_or(DataType::U8)),
    };
    Some(vec![like(site, 0).unwrap_or_default().typed(dtype)])
}

/// DequantizeLinear.
pub(in crate::ops) fn dequantize(site: &Site<'_>) -> Option<Vec<Made>> {
    let dtype = site.named("output_dtype").or(site.dtype(1));
    Some(vec![like(site, 0).unwrap_or_default().typed(dtype)])
}

/// DynamicQuantizeLinear: also a scale and a zero point.
pub(in crate::ops) fn dynamic_quantize(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![like(site, 0).unwrap_or_default(), Made::of([]), Made::of([])])
}

/// QLinearAdd and QLinearMul.
pub(in crate::ops) fn qlinear_elementwise(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![Made::of(broadcast_shapes(&[site.shape(0)?, site.shape(3)?]))])
}
