//! Real tokens come behind the prefix: their positions are larger by its length. Relative positions
//! get columns for the prefix.

use crate::graph::{Place, input};
use peftc_plugin::{Attr, DataType, Error, Position, Relative, Result, Run, TensorType, Value};
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

/// Gives the relative positions of keys the places 0, 1, … of the prefix in front; real keys come
/// behind, and so do queries where `shifts_queries`.
pub(crate) fn extend(
    run: &Run<'_>,
    relative: &Relative,
    by: i64,
    shifts_queries: bool,
) -> Result<()> {
    let place = Place { role: "prefix.position", module: "", part: "prefix/relative" };
    if relative.dtype != DataType::I64 {
        return Err(Error::unsupported(format!(
            "relative positions are {}: i64 is accepted",
            relative.dtype
        )));
    }
    let mut dims = vec![1; relative.rank];
    dims[relative.rank - 1] = by;
    let bytes: Vec<u8> = (0..by).flat_map(|n| n.to_le_bytes()).collect();
    let ours =
        run.add_tensor(&place.name("prefix"), &TensorType::new(relative.dtype, dims), &bytes)?;
    let length = place.scalar(run, "length", relative.dtype, by as i32)?;
    let keys = input(run, relative.node, relative.key_slot)?;
    let behind = place.node(run, "Add", &[keys, length], Vec::new())?;
    let all = place.node(run, "Concat", &[ours, behind], vec![("axis", Attr::Int(-1))])?;
    run.replace_input(relative.node, relative.key_slot, all)?;
    if shifts_queries {
        let queries = input(run, relative.node, relative.query_slot)?;
        let behind = place.node(run, "Add", &[queries, length], Vec::new())?;
        run.replace_input(relative.node, relative.query_slot, behind)?;
    }
    Ok(())
}
