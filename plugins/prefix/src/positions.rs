//! Real tokens come behind the prefix: their positions are larger by its length.

use crate::graph::{Place, input};
use peftc_plugin::{Position, Result, Run, Value};
use std::collections::HashMap;

/// Adds `by` to positions where they become angles or embeddings; what compares positions, as
/// causal masks do, reads them as they were.
pub(crate) fn shift(run: &Run<'_>, positions: &[Position], by: i64) -> Result<()> {
    let mut shifted: HashMap<Value, Value> = HashMap::new();
    let mut done: Vec<Position> = Vec::new();
    for &position in positions {
        if done.iter().any(|p| (p.node, p.slot) == (position.node, position.slot)) {
            continue;
        }
        done.push(position);
        let value = input(run, position.node, position.slot)?;
        let place = Place { role: "prefix.position", module: "", part: "prefix/position" };
        let sum = match shifted.get(&value) {
            Some(&sum) => sum,
            None => {
                let length = place.scalar(run, "length", position.dtype, by as i32)?;
                place.node(run, "Add", &[value, length], Vec::new())?
            }
        };
        shifted.insert(value, sum);
        run.replace_input(position.node, position.slot, sum)?;
    }
    Ok(())
}
