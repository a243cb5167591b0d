//! ALiBi: scores get slopes `[heads, 1]` times the places of their keys. Those of a prefix stand before
//! the first real one; only differences of places count, so the others stay as they are.
//!
//! Press et al., "Train Short, Test Long: Attention with Linear Biases Enables Input Length
//! Extrapolation", 2022.

use crate::graph::{Place, input, is_constant};
use peftc_plugin::{Attr, Error, Mask, Result, Run, Value};

/// Where a bias comes from.
pub(crate) struct Alibi {
    slopes: Value,
    /// What the bias is multiplied by besides.
    scales: Vec<Value>,
    /// What is taken off the running sum of the mask, so that it is places.
    first: Value,
}

/// A longer way from the mask to the bias is none.
const MOST_STEPS: usize = 16;

impl Alibi {
    /// The ALiBi that a bias is, if it is one of places that are a running sum less a constant.
    pub(crate) fn of(run: &Run<'_>, mut value: Value) -> Result<Option<Self>> {
        let mut factors = Vec::new();
        for _ in 0..MOST_STEPS {
            let Some(node) = run.value(value)?.producer else { break };
            value = match run.node(node)?.op_type {
                "Cast" | "Reshape" | "Unsqueeze" | "Identity" => input(run, node, 0)?,
                "Mul" => {
                    let sides = [input(run, node, 0)?, input(run, node, 1)?];
                    let slot = usize::from(!is_constant(run, sides[0])?);
                    if is_constant(run, sides[slot])? {
                        factors.push(sides[slot]);
                        sides[1 - slot]
                    } else {
                        // Places of masked tokens are 0.
                        sides[usize::from(!is_made_by(run, sides[0], "Sub")?)]
                    }
                }
                "Sub" => {
                    let first = input(run, node, 1)?;
                    let is_sum = is_made_by(run, input(run, node, 0)?, "CumSum")?;
                    let Some(slopes) = factors.pop().filter(|_| is_sum) else { break };
                    return Ok(is_constant(run, first)?.then_some(Self {
                        slopes,
                        scales: factors,
                        first,
                    }));
                }
                _ => break,
            };
        }
        Ok(None)
    }

    /// The bias, with columns in front for the keys of a prefix.
    pub(crate) fn widened(
        &self,
        run: &Run<'_>,
        place: &Place<'_>,
        mask: &Mask,
        (bias, heads): (Value, i64),
        columns: i64,
    ) -> Result<Value> {
        if run.opset("")?.unwrap_or(0) < 15 || mask.rank < 3 {
            return Err(Error::unsupported(format!(
                "{}: ALiBi of a model whose opset is less than 15, or whose bias is not known to have three axes or four",
                place.module
            )));
        }
        let node = |op_type, inputs: &[Value]| place.node(run, op_type, inputs, Vec::new());
        let concat = |values: &[Value], axis| {
            place.node(run, "Concat", values, vec![("axis", Attr::Int(axis))])
        };
        // A running sum that goes on from the prefix is larger by its length.
        let sums: Vec<i64> = (1 - columns..1).collect();
        let places = node("Sub", &[place.vector(run, "sums", &sums)?, self.first])?;
        let slopes = node("Reshape", &[self.slopes, place.vector(run, "column", &[-1, 1])?])?;
        let mut ours = node("Mul", &[slopes, node("CastLike", &[places, slopes])?])?;
        for &scale in self.scales.iter().rev() {
            ours = node("Mul", &[ours, node("CastLike", &[scale, ours])?])?;
        }
        let ours = node("CastLike", &[ours, bias])?;
        // [1, heads, 1, columns], as often as the bias has it.
        let ours = node("Reshape", &[ours, place.vector(run, "row", &[1, heads, 1, columns])?])?;
        let [before, shape] = place.sizes_with_columns(run, bias, mask.rank, columns)?;
        let ours = match mask.rank {
            3 => {
                // [batch · heads, 1, columns]
                let all = node("Gather", &[before, place.vector(run, "first", &[0])?])?;
                let batch = node("Div", &[all, place.vector(run, "heads", &[heads])?])?;
                let four = concat(&[batch, place.vector(run, "ones", &[1, 1, 1])?], 0)?;
                node("Reshape", &[node("Expand", &[ours, four])?, shape])?
            }
            _ => node("Expand", &[ours, shape])?,
        };
        concat(&[ours, bias], -1)
    }
}

fn is_made_by(run: &Run<'_>, mut value: Value, op_type: &str) -> Result<bool> {
    for _ in 0..MOST_STEPS {
        let Some(node) = run.value(value)?.producer else { break };
        match run.node(node)?.op_type {
            "Cast" | "Identity" => value = input(run, node, 0)?,
            found if found != op_type => break,
            _ => {
                let is_set = |name| Ok(matches!(run.attr(node, name)?, Some(Attr::Int(1))));
                return Ok(!is_set("exclusive")? && !is_set("reverse")?);
            }
        }
    }
    Ok(false)
}
