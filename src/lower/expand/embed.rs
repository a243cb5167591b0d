//! Sums of embeddings, normalized.

use super::norm::layer;
use super::site::Site;
use crate::ir::{DataType, ValueId};

pub(super) fn embed_layer_normalization(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let (ids, words, positions) = (site.input(0)?, site.input(2)?, site.input(3)?);
    let counts = if site.is_read(1) { Some(counts(site)?) } else { None };
    let words = site.gather(words, ids)?;
    let at = match site.input(8) {
        Some(given) => given,
        None => {
            let length = site.len(0, 1)?;
            site.range(&length)?
        }
    };
    let positions = site.gather(positions, at)?;
    let mut sum = site.make("Add", &[words, positions])?;
    match (site.input(1), site.input(4)) {
        (Some(segments), Some(table)) => {
            let segments = site.gather(table, segments)?;
            sum = site.make("Add", &[sum, segments])?;
        }
        (None, None) => {}
        _ => return None,
    }
    let inputs = [Some(sum), site.input(5), site.input(6)];
    let epsilon = site.float("epsilon")?;
    let y = layer(site, "LayerNormalization", inputs, epsilon, false)?[0];
    Some(vec![Some(y), counts, Some(sum)])
}

/// How many words of each sequence are not masked, i32 (batch).
fn counts(site: &mut Site<'_, '_>) -> Option<ValueId> {
    let mask = site.input(7)?;
    let mask = site.cast(mask, DataType::I64)?;
    let one = site.int_scalar(1);
    let is_one = site.make("Equal", &[mask, one])?;
    let ones = site.cast(is_one, DataType::I32)?;
    let axis = site.ints(&[1]);
    let keep = ("keepdims", crate::ir::AttributeValue::Int(0));
    site.with("ReduceSum", &[ones, axis], &[keep])
}
