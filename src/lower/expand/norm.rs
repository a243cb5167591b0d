//! Normalizations of sums.

use super::site::Site;
use crate::ir::{AttributeValue, ValueId};

pub(super) fn skip(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    let beta = site.input(3);
    normalized(site, "LayerNormalization", beta, 4)
}

pub(super) fn skip_simplified(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    if site.is_read(1) {
        return None;
    }
    normalized(site, "SimplifiedLayerNormalization", None, 3)
}

/// Input + skip + bias, normalized; means, inverse deviations, and the sum.
fn normalized(
    site: &mut Site<'_, '_>,
    op_type: &str,
    beta: Option<ValueId>,
    bias: usize,
) -> Option<Vec<Option<ValueId>>> {
    let (x, skip, gamma) = (site.input(0)?, site.input(1)?, site.input(2)?);
    let mut sum = site.make("Add", &[x, skip])?;
    if let Some(bias) = site.input(bias) {
        sum = site.make("Add", &[sum, bias])?;
    }
    let epsilon = site.float("epsilon")?;
    let has_statistics = site.is_read(1) || site.is_read(2);
    let mut made = layer(site, op_type, [Some(sum), Some(gamma), beta], epsilon, has_statistics)?;
    let y = made.remove(0);
    let inverse = made.pop();
    Some(vec![Some(y), made.pop(), inverse, Some(sum)])
}

/// A normalization of the last axis of an input by a scale and a bias, with or without statistics.
pub(super) fn layer(
    site: &mut Site<'_, '_>,
    op_type: &str,
    inputs: [Option<ValueId>; 3],
    epsilon: f64,
    has_statistics: bool,
) -> Option<Vec<ValueId>> {
    let attributes =
        [("axis", AttributeValue::Int(-1)), ("epsilon", AttributeValue::Float(epsilon as f32))];
    let inputs = if inputs[2].is_some() { &inputs[..] } else { &inputs[..2] };
    let outputs = match (has_statistics, op_type) {
        (false, _) => 1,
        (true, "LayerNormalization") => 3,
        (true, _) => 2,
    };
    site.node("", op_type, inputs, &attributes, outputs)
}
