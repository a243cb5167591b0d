//! The operators of one adapter.

use crate::builder::Builder;
use crate::config::Config;
use crate::weights::{NormWeights, Projection, Weights};
use peftc_plugin::{Result, Value};

/// W_up·act(W_down·x) with what the configuration puts around it; `residual` is added in it, none
/// for a parallel adapter.
pub(crate) fn apply(
    b: &Builder<'_, '_>,
    config: &Config,
    weights: &Weights,
    x: Value,
    residual: Option<Value>,
) -> Result<Value> {
    let inner = normed(b, "norm_before", x, weights.norm_before.as_ref())?;
    let low = project(b, "down", inner, &weights.down)?;
    let active = config.activation.apply(b, low, weights.slope)?;
    let up = project(b, "up", active, &weights.up)?;
    let up = match &weights.gate {
        Some(gate) => gated(b, up, x, gate)?,
        None => up,
    };
    let add = |value| match residual {
        Some(residual) => b.node("residual", "Add", &[value, residual], Vec::new()),
        None => Ok(value),
    };
    let after = weights.norm_after.as_ref();
    match config.adapter_residual_before_ln {
        true => normed(b, "norm_after", add(up)?, after),
        false => add(normed(b, "norm_after", up, after)?),
    }
}

fn normed(
    b: &Builder<'_, '_>,
    part: &str,
    x: Value,
    weights: Option<&NormWeights>,
) -> Result<Value> {
    match weights {
        Some(norm) => b.layer_norm(part, x, norm.weight, norm.bias),
        None => Ok(x),
    }
}

fn project(b: &Builder<'_, '_>, part: &str, x: Value, weights: &Projection) -> Result<Value> {
    let product = b.node(part, "MatMul", &[x, weights.matrix], Vec::new())?;
    match weights.bias {
        Some(bias) => b.node(part, "Add", &[product, bias], Vec::new()),
        None => Ok(product),
    }
}

/// The gate is one number for each sequence: the mean over its tokens.
fn gated(b: &Builder<'_, '_>, up: Value, x: Value, gate: &Projection) -> Result<Value> {
    let open = b.node("gate", "Sigmoid", &[project(b, "gate", x, gate)?], Vec::new())?;
    let mean = b.mean("gate", open, 1)?;
    b.node("gate", "Mul", &[up, mean], Vec::new())
}
