//! What behind a value would be wrong if the value were longer.

use super::{Known, Shapes, Size, Stated, grow, infer, literal, matching};
use crate::error::{Error, Result};
use crate::ir::{Graph, NodeId, Slot, ValueId};
use std::collections::{HashMap, HashSet};

/// An end of a Slice that is beyond any axis.
const NO_END: i64 = 1 << 31;

/// The shapes behind a value that would say a wrong length once it has grown along `axis`. What
/// comes in by the slots `apart` stays as long as it was: the caller sees to it.
///
/// # Errors
/// An operator that does not follow: it keeps the old length, or how its result grows is not known.
pub fn lengths_behind(
    graph: &Graph,
    value: ValueId,
    axis: usize,
    apart: &[(NodeId, usize)],
) -> Result<Vec<Stated>> {
    let shapes = Shapes::of(graph);
    let mut walk = Walk {
        shapes: &shapes,
        begin: value,
        apart,
        longer: HashMap::new(),
        vague: HashSet::new(),
        stated: Vec::new(),
    };
    let mut known = shapes.known.get(&value).cloned().unwrap_or_default();
    if known.sizes.as_ref().is_none_or(|sizes| sizes.len() <= axis) {
        return Err(Error::input(format!(
            "{:?} has no axis {axis} that is known to be there",
            graph.value(value).name()
        )));
    }
    grow(&mut known, axis);
    walk.longer.insert(value, known);
    for &node in &shapes.order {
        walk.step(node).map_err(|why| {
            Error::input(format!("{} does not follow a longer input: {why}", graph.describe(node)))
        })?;
    }
    Ok(walk.stated)
}

struct Walk<'w, 'g> {
    shapes: &'w Shapes<'g>,
    begin: ValueId,
    apart: &'w [(NodeId, usize)],
    /// What is known of values that have a grown size, or say one.
    longer: HashMap<ValueId, Known>,
    /// Integers that are computed from a grown size.
    vague: HashSet<ValueId>,
    stated: Vec<Stated>,
}

/// Why an operator does not follow.
type Followed = std::result::Result<(), &'static str>;

impl Walk<'_, '_> {
    fn step(&mut self, node: NodeId) -> Followed {
        let graph = self.shapes.graph;
        let Some(op) = graph.node(node).op() else { return Ok(()) };
        let inputs = self.inputs(node)?;
        if !inputs.iter().flatten().any(|v| self.longer.contains_key(v) || self.vague.contains(v)) {
            return Ok(());
        }
        let name = op.op_type.as_str();
        let lookup = |value: ValueId| self.known(value);
        let mut outputs = infer::outputs(graph, node, &lookup);
        match name {
            _ if infer::BROADCAST.contains(&name) => self.broadcast(&inputs)?,
            "MatMul" => self.product(&inputs)?,
            "Gather" => self.picked(node, &inputs)?,
            "Concat" => self.joined(node, &inputs, &mut outputs)?,
            "Slice" => self.cut(&inputs, &mut outputs)?,
            "Reshape" | "Expand" => self.reshaped(node, &inputs, &mut outputs)?,
            "Range" if inputs.iter().flatten().any(|&v| self.says_grown(v)) => {
                for (_, known) in &mut outputs {
                    known.sizes = Some(vec![Size::Grown]);
                }
            }
            _ => {}
        }
        let has_grown_input = inputs.iter().flatten().any(|&v| self.grown_axis(v).is_some());
        if has_grown_input && outputs.iter().any(|(_, known)| known.sizes.is_none()) {
            return Err("how the shape of its result follows is not known");
        }
        for (value, known) in outputs {
            if is_vague(value, known.elements.as_deref()) && !has_grown_input {
                self.vague.insert(value);
            }
            let lists = [&known.sizes, &known.elements];
            if lists.into_iter().flatten().any(|list| list.contains(&Size::Grown)) {
                self.longer.insert(value, known);
            }
        }
        Ok(())
    }

    /// The inputs, without those that stay apart.
    fn inputs(&self, node: NodeId) -> std::result::Result<Vec<Option<ValueId>>, &'static str> {
        let graph = self.shapes.graph;
        let is_captured = |v: &ValueId| {
            graph.uses(*v).iter().any(|at| at.node == node && matches!(at.slot, Slot::Capture(_)))
        };
        if graph.node(node).op().is_some_and(|op| op.subgraphs().next().is_some())
            && self.longer.keys().any(is_captured)
        {
            return Err("its subgraph reads it");
        }
        let mut inputs = graph.node_inputs(node);
        for (slot, input) in inputs.iter_mut().enumerate() {
            if self.apart.contains(&(node, slot)) {
                if input.is_some_and(|v| v != self.begin && self.grown_axis(v).is_some()) {
                    return Err("its mask is made of it");
                }
                *input = None;
            }
        }
        Ok(inputs)
    }

    fn known(&self, value: ValueId) -> Option<&Known> {
        self.longer.get(&value).or_else(|| self.shapes.known.get(&value))
    }

    fn sizes(&self, value: ValueId) -> Option<&[Size]> {
        self.known(value)?.sizes.as_deref()
    }

    fn elements(&self, value: ValueId) -> Option<&[Size]> {
        self.known(value)?.elements.as_deref()
    }

    fn grown_axis(&self, value: ValueId) -> Option<usize> {
        self.longer.get(&value)?.sizes.as_deref()?.iter().position(|s| *s == Size::Grown)
    }

    fn says_grown(&self, value: ValueId) -> bool {
        self.elements(value).is_some_and(|e| e.contains(&Size::Grown))
    }

    /// Each axis has grown in all inputs that have more than one element there.
    fn broadcast(&self, inputs: &[Option<ValueId>]) -> Followed {
        let all: Vec<&[Size]> = inputs.iter().flatten().filter_map(|&v| self.sizes(v)).collect();
        let rank = all.iter().map(|s| s.len()).max().unwrap_or(0);
        let at = |sizes: &[Size], axis: usize| {
            (axis + sizes.len()).checked_sub(rank).map(|i| sizes[i].clone())
        };
        let is_torn = |axis: usize| {
            let sizes = all.iter().filter_map(|sizes| at(sizes, axis));
            let (grown, other): (Vec<_>, Vec<_>) =
                sizes.filter(|s| *s != Size::Known(1)).partition(|s| *s == Size::Grown);
            !grown.is_empty() && !other.is_empty()
        };
        match (0..rank).any(is_torn) {
            true => Err("it combines it with a value of the old length"),
            false => Ok(()),
        }
    }

    fn product(&self, inputs: &[Option<ValueId>]) -> Followed {
        let sizes = |slot: usize| self.sizes((*inputs.get(slot)?)?);
        let last =
            |slot: usize, back: usize| sizes(slot).and_then(|s| s.get(s.len().checked_sub(back)?));
        let is_grown = |size: Option<&Size>| size == Some(&Size::Grown);
        match is_grown(last(0, 1)) == is_grown(last(1, 2)) {
            true => Ok(()),
            false => Err("it multiplies it with a value of the old length"),
        }
    }

    /// Tokens are picked by constants: those in front and behind stay where they are.
    fn picked(&self, node: NodeId, inputs: &[Option<ValueId>]) -> Followed {
        let graph = self.shapes.graph;
        let (Some(Some(data)), Some(Some(index))) = (inputs.first(), inputs.get(1)) else {
            return Ok(());
        };
        let Some(sizes) = self.sizes(*data) else { return Ok(()) };
        let axis = graph.node(node).op().and_then(|op| op.int("axis")).unwrap_or(0);
        let axis = if axis < 0 { axis + sizes.len() as i64 } else { axis };
        let picks = sizes.get(axis as usize) == Some(&Size::Grown);
        match picks && literal(graph, *index).is_none() {
            true => Err("it picks a token by a computed number"),
            false => Ok(()),
        }
    }

    /// Joined along the grown axis, the result grows; along another one, all have to.
    fn joined(
        &self,
        node: NodeId,
        inputs: &[Option<ValueId>],
        outputs: &mut [(ValueId, Known)],
    ) -> Followed {
        let Some(axis) = inputs.iter().flatten().find_map(|&v| self.grown_axis(v)) else {
            return Ok(());
        };
        let rank = inputs.iter().flatten().find_map(|&v| self.sizes(v)).map_or(0, <[Size]>::len);
        let along = self.shapes.graph.node(node).op().and_then(|op| op.int("axis")).unwrap_or(0);
        let is_along = along == axis as i64 || along + rank as i64 == axis as i64;
        if !is_along && !inputs.iter().flatten().all(|&v| self.grown_axis(v) == Some(axis)) {
            return Err("it joins it with a value of the old length");
        }
        outputs.iter_mut().for_each(|(_, known)| grow(known, axis));
        Ok(())
    }

    /// What is cut off in front or behind stays; what counts to the end is longer.
    fn cut(&self, inputs: &[Option<ValueId>], outputs: &mut [(ValueId, Known)]) -> Followed {
        let Some(Some(data)) = inputs.first() else { return Ok(()) };
        let Some(axis) = self.grown_axis(*data) else { return Ok(()) };
        let numbers = |slot: usize| -> Option<Vec<i64>> {
            let number = |size: &Size| match size {
                Size::Known(n) => Some(*n),
                _ => None,
            };
            self.elements((*inputs.get(slot)?)?)?.iter().map(number).collect()
        };
        let rank = self.sizes(*data).map_or(0, <[Size]>::len) as i64;
        let axes = numbers(3).unwrap_or_else(|| (0..rank).collect());
        let Some(at) = axes.iter().position(|&a| a == axis as i64 || a + rank == axis as i64)
        else {
            return Ok(());
        };
        let has_steps = numbers(4).is_some_and(|steps| steps.get(at) != Some(&1));
        let bound = |slot| numbers(slot)?.get(at).copied();
        let (Some(start), Some(end), false) = (bound(1), bound(2), has_steps) else {
            return Err("it cuts it at a computed place");
        };
        let old = self.shapes.sizes(*data).and_then(|sizes| sizes.get(axis));
        let takes_all = matches!(old, Some(Size::Known(n)) if (*n..NO_END).contains(&end));
        if takes_all || end < 0 && start < 0 {
            return Err("it cuts it at a fixed place");
        }
        if start >= 0 && (end >= NO_END || end < 0) {
            outputs.iter_mut().for_each(|(_, known)| grow(known, axis));
        }
        Ok(())
    }

    /// The axes of the result that the grown ones become, and what says their length.
    fn reshaped(
        &mut self,
        node: NodeId,
        inputs: &[Option<ValueId>],
        outputs: &mut [(ValueId, Known)],
    ) -> Followed {
        let (Some(Some(data)), [(made, known)]) = (inputs.first(), outputs) else { return Ok(()) };
        let Some(grown) = self.longer.get(data).and_then(|k| k.sizes.clone()) else {
            return Ok(());
        };
        let count = |sizes: &[Size]| sizes.iter().filter(|size| **size == Size::Grown).count();
        if known.sizes.as_deref().map(count) == Some(count(&grown)) {
            return Ok(());
        }
        let lost = "which axis of its result is longer is not known";
        let (Some(from), Some(to)) = (self.shapes.sizes(*data), self.shapes.sizes(*made)) else {
            return Err(lost);
        };
        for (axis, _) in grown.iter().enumerate().filter(|(_, size)| **size == Size::Grown) {
            let is_named = !matches!(from[axis], Size::Known(_));
            let target = (0..to.len())
                .find(|&to_axis| matching(from, to, to_axis) == Some(axis))
                .or_else(|| to.iter().position(|size| is_named && *size == from[axis]))
                .ok_or(lost)?;
            if let Some(stated) = self.shapes.states(node, target, &self.longer) {
                if inputs.get(1).copied().flatten().is_some_and(|shape| self.vague.contains(&shape))
                {
                    return Err("its shape is computed from the length");
                }
                self.stated.push(stated);
            }
            grow(known, target);
        }
        Ok(())
    }
}

/// Whether integers are of a computation that was not followed.
fn is_vague(value: ValueId, elements: Option<&[Size]>) -> bool {
    elements
        .is_none_or(|e| e.iter().any(|size| matches!(size, Size::Element(of, _) if *of == value)))
}
