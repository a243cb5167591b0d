//! From a graph to steps: what is known while it is lowered.

use super::group::{Group, Inst, InstId, Kind, Output};
use super::program::{Argument, Attention, Buffer, BufferId, Origin, Program, Work};
use super::view::{View, count};
use crate::error::{Error, Result};
use crate::ir::{DataType, Graph, Model, NodeId, NodeKind, Op, Tensor, ValueId};
use crate::kernel::Type;
use crate::ops::infer::{Fact, Facts};
use crate::ops::size::{Atom, Size};
use crate::ops::{self, Call, Operator, Value, schema::Schema};
use std::collections::{BTreeSet, HashMap, HashSet};

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
    Group(Group),
    /// It became a part of another group, whose values have numbers larger by this.
    Merged(ItemId, usize),
    /// A step as it is.
    Work(Box<Work>),
    /// An attention, and what is done with single scores.
    Attention(Box<(Attention, Group)>),
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
    done: HashSet<NodeId>,
    place: HashMap<NodeId, usize>,
    refused: HashSet<NodeId>,
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
        done: HashSet::new(),
        place,
        refused: HashSet::new(),
    };
    lowering.inputs()?;
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

    /// The operator of a node and its schema.
    pub(super) fn operator(&self, op: &Op) -> Result<(&'static Operator, &'static Schema)> {
        ops::operator(op, self.opsets)
    }

    /// A node's attributes, with defaults: its inputs are left out.
    pub(super) fn call<'c>(&self, op: &'c Op, schema: &'static Schema) -> Call<'c> {
        Call {
            op,
            schema,
            inputs: Vec::new(),
            outputs: 0,
            run_graph: &|_, _| Err(Error::bug("a graph is not run while it is lowered")),
        }
    }

    /// Nodes whose results are read, in order.
    fn needed(&self) -> Vec<NodeId> {
        let mut found = HashSet::new();
        let mut todo: Vec<ValueId> =
            self.graph.outputs().iter().filter_map(|&id| self.graph.node_input(id, 0)).collect();
        while let Some(value) = todo.pop() {
            let node = self.graph.value(value).producer();
            let NodeKind::Op(op) = &self.graph.node(node).kind else { continue };
            if !self.constants.contains_key(&value) && found.insert(node) {
                todo.extend(self.reads(node, op));
            }
        }
        let mut found: Vec<NodeId> =
            found.into_iter().filter(|id| !self.inside.contains(id)).collect();
        found.sort_by_key(|id| self.place[id]);
        found
    }

    /// The values that a node's lowering will most likely read.
    fn reads(&self, node: NodeId, op: &Op) -> Vec<ValueId> {
        let inputs = self.graph.node_inputs(node);
        let outputs: Vec<ValueId> =
            self.graph.node(node).outputs().iter().flatten().copied().collect();
        if outputs.iter().all(|&value| self.sizes_of(value).is_some()) {
            return Vec::new();
        }
        if let Some(found) = self.attentions.get(&node) {
            return found.reads();
        }
        let is_view = ["Reshape", "Expand", "Unsqueeze", "Squeeze", "Slice", "Split", "Flatten"]
            .contains(&op.op_type.as_str());
        let is_known = outputs.iter().all(|&value| self.known(value).is_some());
        match is_view && is_known {
            true => inputs.into_iter().take(1).flatten().collect(),
            false => inputs.into_iter().chain(self.graph.node_captures(node)).flatten().collect(),
        }
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

    /// Lowers what a value needs and is not lowered yet.
    pub(super) fn ensure(&mut self, value: ValueId) -> Result<()> {
        let mut missing = BTreeSet::new();
        let mut todo = vec![value];
        while let Some(value) = todo.pop() {
            let node = self.graph.value(value).producer();
            let is_there = self.homes.contains_key(&value) || self.constants.contains_key(&value);
            let NodeKind::Op(op) = &self.graph.node(node).kind else { continue };
            if !is_there && missing.insert((self.place[&node], node)) {
                todo.extend(self.reads(node, op));
            }
        }
        missing.into_iter().try_for_each(|(_, node)| self.node(node))
    }

    fn node(&mut self, id: NodeId) -> Result<()> {
        if !self.done.insert(id) {
            return Ok(());
        }
        let graph = self.graph;
        let NodeKind::Op(op) = &graph.node(id).kind else { return Ok(()) };
        let within = |e: Error| e.within(graph.describe(id));
        let is_lowered = self.folded(id, op)
            || self.written_sizes(id)
            || self.lowered(id, op).map_err(within)?.is_some();
        if is_lowered { Ok(()) } else { self.reference(id) }
    }

    /// Computes a node of constants now.
    fn folded(&mut self, id: NodeId, op: &Op) -> bool {
        let inputs = self.graph.node_inputs(id);
        let outputs = self.graph.node(id).outputs();
        let is_plain = op.subgraphs().next().is_none()
            && self.graph.node_captures(id).is_empty()
            && !["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"]
                .contains(&op.op_type.as_str())
            && !["Multinomial", "Bernoulli", "Dropout"].contains(&op.op_type.as_str());
        if !is_plain || !inputs.iter().flatten().all(|v| self.constants.contains_key(v)) {
            return false;
        }
        let Ok((operator, schema)) = self.operator(op) else { return false };
        let values: Vec<Option<Value>> =
            inputs.iter().map(|v| v.map(|v| self.constants[&v].clone().into())).collect();
        let call = Call {
            inputs: values.iter().map(Option::as_ref).collect(),
            outputs: outputs.len(),
            ..self.call(op, schema)
        };
        let Ok(made) = (operator.compute)(&call) else { return false };
        let tensors: Option<Vec<Tensor>> = made
            .into_iter()
            .map(|value| match value {
                Value::Tensor(tensor) => Some(tensor),
                _ => None,
            })
            .collect();
        let Some(tensors) = tensors else { return false };
        for (value, tensor) in outputs.iter().zip(tensors) {
            if let Some(value) = value {
                self.constants.insert(*value, tensor);
            }
        }
        true
    }

    /// Writes a node's results where sizes of the model say them.
    fn written_sizes(&mut self, id: NodeId) -> bool {
        let outputs = self.graph.node(id).outputs();
        let [Some(value)] = outputs else { return false };
        let (Some(elements), Some((dims, dtype))) = (self.sizes_of(*value), self.known(*value))
        else {
            return false;
        };
        let view = self.made(dtype, &dims);
        let to = self.program.sizes.place(&view);
        let elements = elements.iter().map(|size| self.program.sizes.id(size)).collect();
        self.work(id, Work::Sizes { to, elements }, &[], &[view.buffer]);
        self.homes.insert(*value, Home::View(view));
        true
    }

    /// Adds a step that reads and writes these buffers.
    pub(super) fn work(
        &mut self,
        node: NodeId,
        work: Work,
        reads: &[BufferId],
        writes: &[BufferId],
    ) {
        let needs = self.writers_of(reads);
        self.items.push(Item { node, needs, what: What::Work(Box::new(work)) });
        for &buffer in writes {
            self.writers.entry(buffer).or_default().push(self.items.len() - 1);
        }
    }

    pub(super) fn writers_of(&self, buffers: &[BufferId]) -> BTreeSet<ItemId> {
        let of = |buffer: &BufferId| self.writers.get(buffer).cloned().unwrap_or_default();
        buffers.iter().flat_map(of).map(|item| self.resolved(item, 0).0).collect()
    }

    /// A node by its operator's reference.
    fn reference(&mut self, id: NodeId) -> Result<()> {
        self.refused.insert(id);
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
        if let (Some(&Home::Value(buffer)), false) =
            (self.homes.get(&value), self.constants.contains_key(&value))
        {
            return Ok(Argument::Value(buffer));
        }
        if let Some(tensor) = self.constants.get(&value) {
            let buffer = self.constant(value, tensor.clone());
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
                let Some((dims, dtype)) = self.known(value) else { return Ok(None) };
                if let Some(view) = self.views.get(&value) {
                    return Ok(Some(view.clone()));
                }
                let whole = self.made(dtype, &dims);
                self.stored(item, inst, &whole);
                self.views.insert(value, whole.clone());
                Some(whole)
            }
            None => None,
        })
    }

    /// Stores a value of a group in a view that has its sizes.
    pub(super) fn stored(&mut self, item: ItemId, inst: InstId, view: &View) {
        let (item, shift) = self.resolved(item, 0);
        let view_over = over_space(view, &self.group(item).space);
        self.group_mut(item).outputs.push(Output { inst: inst + shift, view: view_over });
        self.writers.entry(view.buffer).or_default().push(item);
    }

    /// The group that an item has become a part of, and how much larger numbers of its values are.
    pub(super) fn resolved(&self, item: ItemId, shift: usize) -> (ItemId, usize) {
        match self.items[item].what {
            What::Merged(into, more) => self.resolved(into, shift + more),
            _ => (item, shift),
        }
    }

    pub(super) fn group(&self, item: ItemId) -> &Group {
        match &self.items[item].what {
            What::Group(group) => group,
            _ => unreachable!("a home of this kind is a group"),
        }
    }

    pub(super) fn group_mut(&mut self, item: ItemId) -> &mut Group {
        match &mut self.items[item].what {
            What::Group(group) => group,
            _ => unreachable!("a home of this kind is a group"),
        }
    }

    /// Begins a group.
    pub(super) fn begin(&mut self, node: NodeId, kind: Kind, space: Vec<Size>) -> ItemId {
        let needs = match &kind {
            Kind::Product { a, b } => self.writers_of(&[a.buffer, b.buffer]),
            Kind::Slide(slide) => self.writers_of(&slide.reads()),
            Kind::Map | Kind::Rows => BTreeSet::new(),
        };
        let what = What::Group(Group::new(kind, space));
        self.items.push(Item { node, needs, what });
        self.items.len() - 1
    }

    pub(super) fn push(&mut self, item: ItemId, inst: Inst) -> InstId {
        if let Inst::Operand(view) | Inst::Gathered { table: view, .. } = &inst {
            let writers = self.writers_of(&[view.buffer]);
            self.items[item].needs.extend(writers);
        }
        self.group_mut(item).push(inst)
    }

    /// Whether an item, or what it needs, is another.
    pub(super) fn depends(&self, item: ItemId, on: ItemId) -> bool {
        let mut seen = HashSet::new();
        let mut todo = vec![item];
        while let Some(item) = todo.pop() {
            let (item, _) = self.resolved(item, 0);
            if item == on {
                return true;
            }
            if seen.insert(item) {
                todo.extend(&self.items[item].needs);
            }
        }
        false
    }

    /// The only element of a constant, as a number.
    pub(super) fn scalar(&self, value: ValueId) -> Option<f64> {
        let tensor = self.constants.get(&value)?;
        match ops::numbers::reals(tensor).ok()?[..] {
            [number] if tensor.element_count() == Some(1) => Some(number),
            _ => None,
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
        let (dims, dtype) = self.known(value)?;
        Some((value, dims, dtype))
    }

    fn finish(mut self) -> Result<Program> {
        let mut outputs = Vec::new();
        for &id in self.graph.outputs() {
            let value = self.graph.node_input(id, 0);
            let value = value.ok_or_else(|| Error::input("an output is missing"))?;
            outputs.push((value, self.argument(value)?));
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

/// A view of a value's own sizes, over the space of its group: a value that is one a row has a last axis of
/// size 1, or none.
fn over_space(view: &View, space: &[Size]) -> View {
    let mut over = view.clone();
    if over.dims.len() < space.len() {
        over.dims.push(Size::from(1));
        over.strides.push(Size::from(0));
    }
    if let (Some(dim), Some(last)) = (over.dims.last(), space.last())
        && dim != last
    {
        over.strides.pop();
        over.strides.push(Size::from(0));
    }
    View { dims: space.to_vec(), ..over }
}
