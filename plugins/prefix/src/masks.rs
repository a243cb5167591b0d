//! Masks get columns in front that everyone sees, or those within whose window they are.

use crate::alibi::Alibi;
use crate::graph::{Place, input};
use crate::window::Window;
use peftc_plugin::{Attr, Error, Mask, MaskKind, Node, Result, Run, Value};
use std::collections::{HashMap, HashSet};

/// The masks that were widened so far: sites share them.
#[derive(Default)]
pub(crate) struct Masks {
    widened: HashMap<(Value, MaskKind), Value>,
    /// Slots that are done: sites share the masks within a bias.
    done: HashSet<(Node, usize)>,
}

impl Masks {
    /// Widens a mask by `columns`.
    pub(crate) fn widen(
        &mut self,
        run: &Run<'_>,
        module: &str,
        mask: &Mask,
        heads: i64,
        columns: i64,
    ) -> Result<()> {
        if mask.is_one_column || !self.done.insert((mask.node, mask.slot)) {
            return Ok(());
        }
        let by = self.widened(run, module, mask, heads, columns)?;
        run.replace_input(mask.node, mask.slot, by)
    }

    /// The mask, wider by `columns`.
    pub(crate) fn widened(
        &mut self,
        run: &Run<'_>,
        module: &str,
        mask: &Mask,
        heads: i64,
        columns: i64,
    ) -> Result<Value> {
        let value = input(run, mask.node, mask.slot)?;
        if mask.is_one_column {
            return Ok(value);
        }
        if let Some(&by) = self.widened.get(&(value, mask.kind)) {
            return Ok(by);
        }
        let by = match (mask.has_bias, Alibi::of(run, value)?) {
            (false, _) => widened(run, module, mask, value, columns)?,
            (true, Some(alibi)) => {
                let place = Place { role: "prefix.mask", module, part: "prefix/alibi" };
                alibi.widened(run, &place, mask, (value, heads), columns)?
            }
            (true, None) => {
                return Err(Error::unsupported(format!(
                    "{module}: its scores have a bias of positions (learned, of slopes, or a window that is a constant) that \
                     is none of relative positions as T5's is, which this version cannot extend to a prefix"
                )));
            }
        };
        self.widened.insert((value, mask.kind), by);
        Ok(by)
    }
}

fn widened(run: &Run<'_>, module: &str, mask: &Mask, value: Value, columns: i64) -> Result<Value> {
    let place = Place { role: "prefix.mask", module, part: "prefix/mask" };
    let Some(last) = mask.rank.checked_sub(1) else {
        return Err(Error::unsupported(format!(
            "{module}: the rank of its mask {:?} is not known: export the model with shapes",
            run.value(value)?.name
        )));
    };
    if let Some(window) = Window::of(run, value)? {
        return window.widened(run, &place, mask, value, columns);
    }
    let mut pads = vec![0; 2 * mask.rank];
    pads[last] = columns;
    let pads = place.vector(run, "pads", &pads)?;
    let seen = place.scalar(run, "seen", mask.dtype, i32::from(mask.kind == MaskKind::Keep))?;
    place.node(run, "Pad", &[value, pads, seen], vec![("mode", Attr::Str("constant"))])
}
