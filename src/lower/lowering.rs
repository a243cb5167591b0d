//! From a graph to steps: what is known while it is lowered.

mod constants;
mod demand;
mod items;

use super::group::{Group, InstId};
use super::program::{Argument, Buffer, BufferId, Origin, Program, Work};
use super::schedule::atoms_of;
use super::view::{View, count};
use crate::error::{Error, Result};
use crate::ir::{DataType, Graph, Model, NodeId, NodeKind, Op, Tensor, ValueId};
use crate::kernel::Type;
use crate::ops::infer::{Fact, Facts};
use crate::ops::numbers::{Numbers, numbers};
use crate::ops::size::{Atom, Size};
use crate::ops::{self, Call};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Operators whose first input is moved, and the others say how.
const MOVES: &[&str] =
    &["Reshape", "Expand", "Unsqueeze", "Squeeze", "Slice", "Split", "Flatten", "Transpose"];

/// Constants of more elements are moved by views.
const LARGE: u64 = 4096;

/// A part of the program while it is made, by its number.
pub(super) type ItemId = usize;

/// A part of the program while it is made.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) node: NodeId,
    /// What must run before.
    pub(super) needs: BTreeSet<ItemId>,
    pub(super) what: What,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum What {
    Group(Box<Group>),
    /// It became a part of another group, whose values have numbers larger by this.
    Merged(ItemId, usize),
    /// A step as it is.
    Work(Box<Work>),
}

/// Where a value is found.
#[derive(Clone, Debug)]
pub(super) enum Home {
    View(View),
    /// A value of a group, which is stored when someone asks for it.
    Inst(ItemId, InstId),
    /// A buffer whose sizes and type may not be known.
    Value(BufferId),
}

pub(super) struct Lowering<'m> {
    pub(super) graph: &'m Graph,
    pub(super) opsets: &'m [(String, i64)],
    pub(super) facts: Facts,
    pub(super) program: Program,
    pub(super) items: Vec<Item>,
    pub(super) homes: HashMap<ValueId, Home>,
    /// Values of groups that are stored.
    views: HashMap<ValueId, View>,
    pub(super) constants: HashMap<ValueId, Tensor>,
    /// What writes a buffer.
    pub(super) writers: HashMap<BufferId, Vec<ItemId>>,
    /// Nodes that a match found to be parts of an attention, but its last.
    pub(super) inside: HashSet<NodeId>,
    pub(super) attentions: HashMap<NodeId, super::attention::Match>,
    /// What nodes compute of what, with the first such value; and the values that are the same as one.
    computed: HashMap<String, ValueId>,
    same: HashMap<ValueId, ValueId>,
    done: HashSet<NodeId>,
    /// The atoms that graph inputs say.
    pub(super) early: HashSet<Atom>,
    place: HashMap<NodeId, usize>,
}

/// The graph of a model as steps.
///
/// # Errors
/// An operator is not known: see [`ops::operator`].
pub(crate) fn lower(model: &Model) -> Result<Program> {
    let graph = &model.graph;
    let facts = ops::infer::infer(graph, &model.opset_imports);
    let place = graph.ops().iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let mut lowering = Lowering {
        graph,
        opsets: &model.opset_imports,
        facts,
        program: Program::default(),
        items: Vec::new(),
        homes: HashMap::new(),
        views: HashMap::new(),
        constants: HashMap::new(),
        writers: HashMap::new(),
        inside: HashSet::new(),
        attentions: HashMap::new(),
        computed: HashMap::new(),
        same: HashMap::new(),
        done: HashSet::new(),
        early: HashSet::new(),
        place,
    };
    lowering.inputs()?;
    lowering.fold_constants()?;
    lowering.match_attentions();
    for id in lowering.needed() {
        lowering.node(id)?;
    }
    lowering.finish()
}

impl<'m> Lowering<'m> {
    fn inputs(&mut self) -> Result<()> {
        for (slot, &id) in self.graph.inputs().iter().enumerate() {
            let Some(value) = self.graph.output(id) else { continue };
            let dtype = self.fact(value).dtype.unwrap_or(DataType::F32);
            let buffer = self.buffer(dtype, &Size::from(0), Origin::Input(slot));
            if let Some(shape) = self.fact(value).shape {
                self.program.buffers[buffer].elements = self.elements(&shape);
                self.early.extend(shape.iter().flat_map(atoms_of));
            }
            self.program.inputs.push(Some(buffer));
            self.homes.insert(value, Home::Value(buffer));
        }
        for (value, tensor) in self.graph.stored_tensors() {
            let is_input = matches!(
                self.graph.node(self.graph.value(value).producer()).kind,
                NodeKind::Input { .. }
            );
            if !is_input {
                let tensor =
                    ops::dense(tensor).map_err(|e| e.within(self.graph.value(value).name()))?;
                self.constants.insert(value, tensor);
            }
        }
        Ok(())
    }

    fn elements(&mut self, dims: &[Size]) -> usize {
        self.program.sizes.id(&count(dims))
    }

    pub(super) fn buffer(&mut self, dtype: DataType, elements: &Size, origin: Origin) -> BufferId {
        let elements = self.program.sizes.id(elements);
        self.program.buffers.push(Buffer { dtype, elements, origin });
        self.program.buffers.len() - 1
    }

    /// A new buffer for elements of this type; those of 16 bits are held in float32.
    pub(super) fn made(&mut self, dtype: DataType, dims: &[Size]) -> View {
        let buffer = self.buffer(stored(dtype), &count(dims), Origin::Made);
        View::whole(buffer, dims.to_vec())
    }

    pub(super) fn fact(&self, value: ValueId) -> Fact {
        self.facts.get(&value).cloned().unwrap_or_default()
    }

    /// Sizes and type of a value that kernels can compute.
    pub(super) fn known(&self, value: ValueId) -> Option<(Vec<Size>, DataType)> {
        let fact = self.facts.get(&value)?;
        let dtype = fact.dtype?;
        Type::of_stored(dtype)?;
        Some((fact.shape.clone()?, dtype))
    }

    /// A node's attributes, with defaults: its inputs are left out.
    pub(super) fn call<'c>(&self, op: &'c Op) -> Result<Call<'c>> {
        let (_, schema) = ops::operator(op, self.opsets)?;
        Ok(Call::without_inputs(op, schema))
    }

    /// The elements of a vector of integers, where sizes of the model say them.
    pub(super) fn sizes_of(&self, value: ValueId) -> Option<Vec<Size>> {
        let fact = self.facts.get(&value)?;
        let elements = fact.elements.as_ref()?;
        let is_plain = matches!(fact.dtype?, DataType::I64 | DataType::I32)
            && elements.iter().all(|size| {
                !size.mentions(&|atom| matches!(atom, Atom::Element(of, _) if *of == value))
            });
        is_plain.then(|| elements.clone())
    }

    fn node(&mut self, id: NodeId) -> Result<()> {
        if !self.done.insert(id) {
            return Ok(());
        }
        let graph = self.graph;
        let NodeKind::Op(op) = &graph.node(id).kind else { return Ok(()) };
        let within = |e: Error| e.within(graph.describe(id));
        self.settle(id)?;
        let outputs = graph.node(id).outputs();
        let is_constant = outputs.iter().flatten().all(|value| self.constants.contains_key(value));
        let is_lowered = is_constant
            || self.same_as_before(id, op)
            || self.written_sizes(id)
            || self.lowered(id, op).map_err(within)?.is_some();
        if is_lowered { Ok(()) } else { self.reference(id) }
    }

    /// A node by its operator's reference.
    fn reference(&mut self, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let mut arguments = |values: Vec<Option<ValueId>>| -> Result<Vec<Option<Argument>>> {
            values.into_iter().map(|value| value.map(|v| self.argument(v)).transpose()).collect()
        };
        let inputs = arguments(graph.node_inputs(id))?;
        let captures = arguments(graph.node_captures(id))?;
        let all = || inputs.iter().chain(&captures).flatten();
        let reads: Vec<BufferId> = all().map(Argument::buffer).collect();
        let mut outputs = Vec::new();
        for &value in graph.node(id).outputs() {
            let Some(value) = value else {
                outputs.push(None);
                continue;
            };
            let fact = self.fact(value);
            let buffer =
                self.buffer(fact.dtype.unwrap_or(DataType::F32), &Size::from(0), Origin::Value);
            if let Some(shape) = fact.shape {
                self.program.buffers[buffer].elements = self.elements(&shape);
            }
            self.homes.insert(value, Home::Value(buffer));
            outputs.push(Some((buffer, value)));
        }
        let writes: Vec<BufferId> = outputs.iter().flatten().map(|(buffer, _)| *buffer).collect();
        self.work(id, Work::Reference { inputs, captures, outputs }, &reads, &writes);
        Ok(())
    }

    /// A value as a reference, or an output, reads it.
    pub(super) fn argument(&mut self, value: ValueId) -> Result<Argument> {
        self.ensure(value)?;
        if let Some(tensor) = self.constants.get(&value) {
            return Ok(Argument::Value(self.constant(value, tensor.clone())));
        }
        if let Some(&Home::Value(buffer)) = self.homes.get(&value) {
            return Ok(Argument::Value(buffer));
        }
        let dtype = self.fact(value).dtype.unwrap_or(DataType::F32);
        let view = self.view(value)?;
        let view = view.ok_or_else(|| {
            Error::bug(format!("{:?} was not made", self.graph.value(value).name()))
        })?;
        Ok(Argument::Place { place: self.program.sizes.place(&view), dtype })
    }

    pub(super) fn constant(&mut self, value: ValueId, tensor: Tensor) -> BufferId {
        if let Some(&Home::Value(buffer)) = self.homes.get(&value) {
            return buffer;
        }
        let elements = tensor.element_count().unwrap_or(0) as i64;
        let buffer = self.buffer(tensor.dtype, &elements.into(), Origin::Constant(tensor));
        self.homes.insert(value, Home::Value(buffer));
        buffer
    }

    /// A value as a part of a buffer; none where its sizes or type are not known, or no kernel has them.
    pub(super) fn view(&mut self, value: ValueId) -> Result<Option<View>> {
        self.ensure(value)?;
        if let Some(tensor) = self.constants.get(&value).cloned() {
            if Type::of_stored(tensor.dtype).is_none() {
                return Ok(None);
            }
            let dims = tensor.dims.iter().map(|&size| size.into()).collect();
            return Ok(Some(View::whole(self.constant(value, tensor), dims)));
        }
        Ok(match self.homes.get(&value).cloned() {
            Some(Home::View(view)) => Some(view),
            Some(Home::Value(buffer)) => {
                self.known(value).map(|(dims, _)| View::whole(buffer, dims))
            }
            Some(Home::Inst(item, inst)) => {
                // Sizes of the first are those of the group.
                let value = self.same.get(&value).copied().unwrap_or(value);
                let Some((dims, dtype)) = self.known(value) else { return Ok(None) };
                if let Some(view) = self.views.get(&value) {
                    return Ok(Some(view.clone()));
                }
                let whole = self.made(dtype, &dims);
                let is_stored = self.stored(item, inst, &whole);
                self.views.insert(value, whole.clone());
                is_stored.then_some(whole)
            }
            None => None,
        })
    }

    /// The only element of a constant, where it is a number that float64 holds.
    pub(super) fn scalar(&self, value: ValueId) -> Option<f64> {
        let tensor = self.constants.get(&value).filter(|t| t.element_count() == Some(1))?;
        match numbers(tensor).ok()? {
            Numbers::Floats(all) => all.first().copied(),
            Numbers::Integers(all) => {
                all.first().filter(|x| **x as f64 as i128 == **x).map(|x| *x as f64)
            }
        }
    }

    /// A slot of a node's inputs.
    pub(super) fn slot(&self, id: NodeId, slot: usize) -> Option<ValueId> {
        self.graph.node_inputs(id).get(slot).copied().flatten()
    }

    /// The elements of an input of integers.
    pub(super) fn slot_sizes(&self, id: NodeId, slot: usize) -> Option<Vec<Size>> {
        self.facts.get(&self.slot(id, slot)?)?.elements.clone()
    }

    /// The first output of a node, with what is known of it.
    pub(super) fn result(&self, id: NodeId) -> Option<(ValueId, Vec<Size>, DataType)> {
        let value = self.graph.output(id)?;
        let (dims, dtype) = self.made_known(value)?;
        Some((value, dims, dtype))
    }

    /// Sizes and type of a value, where it need not be made to know them.
    pub(super) fn made_known(&self, value: ValueId) -> Option<(Vec<Size>, DataType)> {
        let is_own = |atom: &Atom| matches!(atom, Atom::Axis(of, _) if *of == value);
        self.known(value).filter(|(dims, _)| !dims.iter().any(|size| size.mentions(&is_own)))
    }

    fn finish(mut self) -> Result<Program> {
        let mut outputs = Vec::new();
        for &id in self.graph.outputs() {
            let value = self.graph.node_input(id, 0);
            let value = value.ok_or_else(|| Error::input("an output is missing"))?;
            outputs.push(self.argument(value)?);
        }
        super::schedule::finish(self, outputs)
    }
}

/// How elements are stored between steps: those of 16 bits as float32, so that they are rounded once.
pub(super) fn stored(dtype: DataType) -> DataType {
    match dtype {
        DataType::F16 | DataType::BF16 => DataType::F32,
        other => other,
    }
}
