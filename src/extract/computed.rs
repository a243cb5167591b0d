//! Norms that multiply by 1 + w, as Gemma's do: exporters leave that in the graph, and not w.

use crate::delta::numbers;
use crate::error::Result;
use crate::ir::Tensor;

/// Whether what the base has for a parameter is computed from it.
pub(super) enum Computed {
    /// It is the parameter.
    No,
    /// It is, from one that is equal to the tuned model's.
    Equal,
    /// It is, and what replaces a parameter cannot take its place.
    Yes,
}

/// Looks at the constant that the base has for a parameter, and at the parameter in the tuned model.
///
/// A constant that keeps the parameter's name is the parameter. Of another the tuned model's tensor tells,
/// if that is a checkpoint's: the parameter itself.
///
/// # Errors
/// They are no floats.
pub(super) fn find(
    constant: &str,
    name: &str,
    before: &Tensor,
    after: &Tensor,
    is_checkpoint: bool,
) -> Result<Computed> {
    if is_plain(constant, name) || !name.ends_with(".weight") {
        return Ok(Computed::No);
    }
    if !is_checkpoint {
        return Ok(Computed::Yes);
    }
    let (before, after) = (numbers::elements(before)?, numbers::elements(after)?);
    let distance = |shift: f64| {
        let pairs = before.iter().zip(&after);
        pairs.map(|(before, after)| (before - after - shift).powi(2)).sum::<f64>().sqrt()
    };
    if 2.0 * distance(1.0) > distance(0.0) {
        return Ok(Computed::No);
    }
    let is_equal =
        before.iter().zip(&after).all(|(before, after)| *before as f32 == (1.0 + after) as f32);
    Ok(if is_equal { Computed::Equal } else { Computed::Yes })
}

/// Whether a constant is named as the parameter, or as another's of its kind that it is shared with.
pub(super) fn is_plain(constant: &str, name: &str) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    constant == leaf || constant.strip_suffix(leaf).is_some_and(|module| module.ends_with('.'))
}
