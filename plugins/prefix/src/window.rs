//! Sliding windows: the keys of a prefix stand before the first real one, at −l … −1, and leave the
//! window of later queries as real keys do.

use crate::graph::{Place, input, is_constant};
use peftc_plugin::{Attr, Mask, MaskKind, Result, Run, Value};
use std::collections::HashSet;

/// A comparison of the places of keys with those of queries less a constant.
pub(crate) struct Window<'r> {
    op_type: &'r str,
    /// The slot of the places of queries less the constant, `[queries, 1]`, with more axes before.
    slot: usize,
    bound: Value,
}

/// A mask is made of fewer nodes.
const MOST_NODES: usize = 256;

impl<'r> Window<'r> {
    /// The window of a mask, if it has one.
    pub(crate) fn of(run: &Run<'r>, mask: Value) -> Result<Option<Self>> {
        let (mut values, mut seen) = (vec![mask], HashSet::new());
        while let Some(value) = values.pop() {
            let Some(node) = run.value(value)?.producer else { continue };
            if seen.len() > MOST_NODES || !seen.insert(node) {
                continue;
            }
            let info = run.node(node)?;
            let slot = match info.op_type {
                "Greater" | "GreaterOrEqual" => Some(1),
                "Less" | "LessOrEqual" => Some(0),
                "Shape" => continue,
                _ => None,
            };
            if let Some(slot) = slot {
                let bound = input(run, node, slot)?;
                if is_less_constant(run, bound)? {
                    return Ok(Some(Self { op_type: info.op_type, slot, bound }));
                }
            }
            for slot in 0..info.input_count {
                values.extend(run.node_input(node, slot)?);
            }
        }
        Ok(None)
    }

    /// The mask, with columns in front for the keys of a prefix.
    pub(crate) fn widened(
        &self,
        run: &Run<'_>,
        place: &Place<'_>,
        mask: &Mask,
        value: Value,
        columns: i64,
    ) -> Result<Value> {
        let keys: Vec<i64> = (-columns..0).collect();
        let mut sides = [place.vector(run, "keys", &keys)?; 2];
        sides[self.slot] = self.bound;
        let seen = place.node(run, self.op_type, &sides, Vec::new())?;
        let seen = match mask.kind {
            MaskKind::Keep => seen,
            MaskKind::Drop => place.node(run, "Not", &[seen], Vec::new())?,
            MaskKind::Additive => {
                let zero = place.scalar(run, "seen", mask.dtype, 0)?;
                let never = place.lowest(run, mask.dtype)?;
                place.node(run, "Where", &[seen, zero, never], Vec::new())?
            }
        };
        let [_, shape] = place.sizes_with_columns(run, value, mask.rank, columns)?;
        let seen = place.node(run, "Expand", &[seen, shape], Vec::new())?;
        place.node(run, "Concat", &[seen, value], vec![("axis", Attr::Int(-1))])
    }
}

/// Whether a value is another one less a constant.
fn is_less_constant(run: &Run<'_>, value: Value) -> Result<bool> {
    let Some(node) = run.value(value)?.producer else { return Ok(false) };
    if run.node(node)?.op_type != "Sub" {
        return Ok(false);
    }
    is_constant(run, input(run, node, 1)?)
}
