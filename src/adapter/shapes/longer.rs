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
        computed: HashSet::new(),
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

/// Operators whose result may have no longer axis, though they read one: what they pick or sum up is
/// as much as it was.
const ENDS: &[&str] =
    &["Gather", "MatMul", "ReduceMax", "ReduceMean", "ReduceSum", "Shape", "Slice"];

/// The axes that have grown.
fn axes(sizes: &[Size]) -> Vec<usize> {
    (0..sizes.len()).filter(|&axis| sizes[axis] == Size::Grown).collect()
}

fn says_grown(known: &Known) -> bool {
    known.elements.as_ref().is_some_and(|elements| elements.contains(&Size::Grown))
}

struct Walk<'w, 'g> {
    shapes: &'w Shapes<'g>,
    begin: ValueId,
    apart: &'w [(NodeId, usize)],
    /// What is known of values whose sizes or elements are others than before.
    longer: HashMap<ValueId, Known>,
    /// Values that are computed from a grown size in a way that was not followed.
    computed: HashSet<ValueId>,
    stated: Vec<Stated>,
}

/// Why an operator does not follow.
type Followed = std::result::Result<(), &'static str>;

impl Walk<'_, '_> {
    fn step(&mut self, node: NodeId) -> Followed {
        let graph = self.shapes.graph;
        let Some(op) = graph.node(node).op() else { return Ok(()) };
        let inputs = self.inputs(node)?;
        if !inputs.iter().flatten().any(|v| self.longer.contains_key(v)) {
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
            "Range"
                if inputs.iter().flatten().filter_map(|v| self.longer.get(v)).any(says_grown) =>
            {
                for (_, known) in &mut outputs {
                    known.sizes = Some(vec![Size::Grown]);
                }
            }
            _ => {}
        }
        let most = inputs.iter().flatten().map(|&v| self.grown_axes(v).len()).max().unwrap_or(0);
        for (value, mut known) in outputs {
            let left = known.sizes.as_deref().map(|sizes| axes(sizes).len());
            let is_lost = left.is_some_and(|left| left < most) && !ENDS.contains(&name);
            if most > 0 && (left.is_none() || is_lost) {
                return Err("how the shape of its result follows is not known");
            }
            if most == 0 {
                self.settle(value, &mut known);
            }
            let is_longer = left > Some(0) || says_grown(&known);
            if is_longer || self.computed.contains(&value) {
                self.longer.insert(value, known);
            }
        }
        Ok(())
    }

    /// Marks the elements that are computed from a grown size in a way that was not followed.
    fn settle(&mut self, value: ValueId, known: &mut Known) {
        let before = self.shapes.known.get(&value).and_then(|k| k.elements.as_ref());
        let count = known.elements.as_ref().or(before).map_or(0, Vec::len);
        let is_followed = |i: usize, size: &Size| match size {
            Size::Grown => true,
            Size::Element(of, _) if *of == value || self.computed.contains(of) => false,
            size => before.and_then(|elements| elements.get(i)) == Some(size),
        };
        let followed =
            |i: usize| known.elements.as_ref()?.get(i).filter(|size| is_followed(i, size)).cloned();
        let elements: Vec<Option<Size>> = (0..count).map(followed).collect();
        if count == 0 || elements.contains(&None) {
            self.computed.insert(value);
        }
        let own = |(i, size): (usize, Option<Size>)| size.unwrap_or(Size::Element(value, i));
        known.elements = (count > 0).then(|| elements.into_iter().enumerate().map(own).collect());
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
                if input.is_some_and(|v| v != self.begin && !self.grown_axes(v).is_empty()) {
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

    fn grown_axes(&self, value: ValueId) -> Vec<usize> {
        self.longer.get(&value).and_then(|k| k.sizes.as_deref()).map(axes).unwrap_or_default()
    }

    /// Whether an element of a shape is computed from a grown size in a way that was not followed.
    fn says_computed(&self, shape: Option<ValueId>, axis: usize) -> bool {
        let element = shape.and_then(|shape| self.longer.get(&shape)?.elements.as_ref()?.get(axis));
        matches!(element, Some(Size::Element(of, _)) if self.computed.contains(of))
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
        let grown: Vec<Vec<usize>> = inputs.iter().flatten().map(|&v| self.grown_axes(v)).collect();
        let rank = inputs.iter().flatten().find_map(|&v| self.sizes(v)).map_or(0, <[Size]>::len);
        let along = self.shapes.graph.node(node).op().and_then(|op| op.int("axis")).unwrap_or(0);
        for axis in 0..rank {
            let count = grown.iter().filter(|axes| axes.contains(&axis)).count();
            let is_along = along == axis as i64 || along + rank as i64 == axis as i64;
            if count > 0 && count < grown.len() && !is_along {
                return Err("it joins it with a value of the old length");
            }
            if count > 0 {
                outputs.iter_mut().for_each(|(_, known)| grow(known, axis));
            }
        }
        Ok(())
    }

    /// What is cut off in front or behind stays; what counts to the end is longer.
    fn cut(&self, inputs: &[Option<ValueId>], outputs: &mut [(ValueId, Known)]) -> Followed {
        let Some(Some(data)) = inputs.first() else { return Ok(()) };
        let numbers = |slot: usize| -> Option<Vec<i64>> {
            let number = |size: &Size| match size {
                Size::Known(n) => Some(*n),
                _ => None,
            };
            self.elements((*inputs.get(slot)?)?)?.iter().map(number).collect()
        };
        let rank = self.sizes(*data).map_or(0, <[Size]>::len) as i64;
        let cut = numbers(3).unwrap_or_else(|| (0..rank).collect());
        for axis in self.grown_axes(*data) {
            let is_axis = |&a: &i64| a == axis as i64 || a + rank == axis as i64;
            let Some(at) = cut.iter().position(is_axis) else { continue };
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
            if start >= 0 && !(0..NO_END).contains(&end) {
                outputs.iter_mut().for_each(|(_, known)| grow(known, axis));
            }
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
        if known.sizes.as_deref().map(|sizes| axes(sizes).len()) == Some(axes(&grown).len()) {
            return Ok(());
        }
        let lost = "which axis of its result is longer is not known";
        let (Some(from), Some(to)) = (self.shapes.sizes(*data), self.shapes.sizes(*made)) else {
            return Err(lost);
        };
        for axis in axes(&grown) {
            let is_named = !matches!(from[axis], Size::Known(_));
            let target = (0..to.len())
                .find(|&to_axis| matching(from, to, to_axis) == Some(axis))
                .or_else(|| to.iter().position(|size| is_named && *size == from[axis]))
                .ok_or(lost)?;
            if let Some(stated) = self.shapes.states(node, target, &self.longer) {
                if self.says_computed(inputs.get(1).copied().flatten(), stated.axis) {
                    return Err("its shape is computed from the length");
                }
                self.stated.push(stated);
            }
            grow(known, target);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text;

    /// What is said of operators behind `%x: f32[b, n, 8]`: the nodes that state a length with the
    /// element, or why one does not follow.
    fn behind(nodes: &str) -> String {
        let source = format!(
            "model ir=8 opset \"\"=17
             graph g(%ids: i64[b, n], %x: f32[b, n, 8], %other: f32[b, n, 8], %at: i64[b]) -> (%y) {{
             const %split = i64[4] {{0, 5, 2, 4}}
             const %kept = i64[4] {{0, -1, 2, 4}}
             const %flat = i64[2] {{-1, 8}}
             const %one = i64[1] {{1}}
             const %two = i64[1] {{2}}
             const %five = i64[1] {{5}}
             const %zero = i64[1] {{0}}
             const %end = i64[1] {{9223372036854775807}}
             const %last = i64[] {{-1}}
             const %rest = i64[2] {{2, 4}}
             const %positions = f32[1, 5, 8] {{{}}}
             {nodes}}}",
            vec!["0"; 40].join(", ")
        );
        let model = text::parse(&source).unwrap_or_else(|e| panic!("{e}: {source}"));
        let graph = &model.graph;
        let x = graph.output(graph.inputs()[1]).expect("an input has a value");
        let describe = |at: &Stated| format!("{}: {}", graph.describe(at.node), at.axis);
        match lengths_behind(graph, x, 1, &[]) {
            Ok(stated) => stated.iter().map(describe).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn lengths_are_followed() {
        let of_ids = "%s = Shape(%ids)
             %b = Gather(%s, %zero)
             %n = Gather(%s, %one)
             %all = Concat(%b, %n, %rest) {axis: 0}
             %y = Reshape(%x, %all) name \"r\"\n";
        let cases = [
            ("%y = Reshape(%x, %split) name \"r\"\n", "node \"r\" (Reshape): 1"),
            ("%y = Reshape(%x, %kept) name \"r\"\n", ""),
            (of_ids, "node \"r\" (Reshape): 1"),
            (&of_ids.replace("%ids", "%x"), ""),
            ("%y = Slice(%x, %zero, %one, %one)\n", ""),
            ("%a = Slice(%x, %one, %end, %one)\n%y = Add(%a, %x)\n", ""),
            ("%y = Gather(%x, %last) {axis: 1}\n", ""),
            ("%a = ReduceMean(%x) {axes: ints [1]}\n%y = Add(%a, %other)\n", ""),
            ("%y = Relu(%other)\n", ""),
        ];
        for (nodes, expected) in cases {
            assert_eq!(behind(nodes), expected, "{nodes}");
        }
    }

    #[test]
    fn what_keeps_the_old_length_is_an_error() {
        let vague = "%s = Shape(%x)
             %b = Gather(%s, %zero)
             %n = Gather(%s, %one)
             %m = Mul(%n, %two)
             %all = Concat(%b, %m, %rest) {axis: 0}
             %y = Reshape(%x, %all)\n";
        let cases = [
            ("%y = Add(%x, %other)\n", "combines it with a value of the old length"),
            ("%y = Add(%x, %positions)\n", "combines it with a value of the old length"),
            ("%y = Concat(%x, %other) {axis: 2}\n", "joins it with a value of the old length"),
            (
                "%t = Transpose(%x) {perm: ints [0, 2, 1]}\n%y = MatMul(%t, %other)\n",
                "multiplies it with a value of the old length",
            ),
            ("%y = Gather(%x, %at) {axis: 1}\n", "picks a token by a computed number"),
            ("%n = Shape(%ids)\n%y = Slice(%x, %zero, %n, %one)\n", "cuts it at a computed place"),
            ("%y = TopK(%x)\n", "how the shape of its result follows is not known"),
            ("%y = Reshape(%x, %flat)\n", "which axis of its result is longer is not known"),
            (vague, "its shape is computed from the length"),
        ];
        for (nodes, expected) in cases {
            let found = behind(nodes);
            assert!(found.contains(expected), "{nodes}: {found}");
        }
    }
}
