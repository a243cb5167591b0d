//! From a graph to steps: what is known while it is lowered.

use super::group::{Group, Inst, InstId, Kind, Output};
use super::program::{Argument, Attention, Buffer, BufferId, Origin, Program, Work};
use super::schedule::atoms_of;
use super::view::{View, count};
use crate::error::{Error, Result};
use crate::ir::{DataType, Graph, Model, NodeId, NodeKind, Op, Tensor, ValueId};
use crate::kernel::Type;
use crate::ops::infer::{Fact, Facts};
use crate::ops::size::{Atom, Size};
use crate::ops::{self, Call, Operator, Value, schema::Schema};
use std::collections::{BTreeSet, HashMap, HashSet};

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
    /// An attention, and what is done with single scores.
    Attention(Box<Attention>, Box<Group>),
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
        self.settle(id)?;
        let outputs = graph.node(id).outputs();
        let is_constant = outputs.iter().flatten().all(|value| self.constants.contains_key(value));
        let is_lowered = is_constant
            || self.same_as_before(id, op)
            || self.written_sizes(id)
            || self.lowered(id, op).map_err(within)?.is_some();
        if is_lowered { Ok(()) } else { self.reference(id) }
    }

    /// Whether another node computes the same of the same values: exporters write a mask for each layer.
    fn same_as_before(&mut self, id: NodeId, op: &Op) -> bool {
        let [Some(value)] = self.graph.node(id).outputs() else { return false };
        let is_plain = op.subgraphs().next().is_none() && !is_random(op);
        if !is_plain || self.attentions.contains_key(&id) {
            return false;
        }
        let inputs = self.graph.node_inputs(id);
        let inputs: Vec<String> = inputs.into_iter().map(|input| self.identity(input)).collect();
        let key = format!("{} {} {:?} {inputs:?}", op.domain, op.op_type, op.attributes);
        let Some(&first) = self.computed.get(&key) else {
            self.computed.insert(key, *value);
            return false;
        };
        self.same.insert(*value, first);
        match self.homes.get(&first).cloned() {
            Some(home) => {
                self.homes.insert(*value, home);
                true
            }
            None => false,
        }
    }

    /// What stands for a value where nodes are compared: small constants by what they are.
    fn identity(&self, value: Option<ValueId>) -> String {
        let Some(value) = value else { return String::new() };
        let value = self.same.get(&value).copied().unwrap_or(value);
        match self.constants.get(&value) {
            Some(tensor) if tensor.element_count().is_some_and(|count| count <= 8) => {
                format!("{} {:?} {:?}", tensor.dtype, tensor.dims, tensor.bytes())
            }
            _ => format!("{value:?}"),
        }
    }

    /// Computes all that is made of constants, and of sizes that are known.
    fn fold_constants(&mut self) -> Result<()> {
        for (id, op) in self.graph.ops() {
            let outputs = self.graph.node(id).outputs();
            let mut is_known = !outputs.is_empty();
            for value in outputs.iter().flatten() {
                let sizes = self.sizes_of(*value).unwrap_or_default();
                let numbers: Option<Vec<i64>> = sizes.iter().map(Size::known).collect();
                match (numbers, self.known(*value)) {
                    (Some(numbers), Some((dims, dtype))) if !numbers.is_empty() => {
                        let dims: Option<Vec<i64>> = dims.iter().map(Size::known).collect();
                        let wide: Vec<i128> = numbers.into_iter().map(i128::from).collect();
                        let tensor =
                            ops::numbers::of_integers(dtype, &dims.unwrap_or_default(), &wide)?;
                        self.constants.insert(*value, tensor);
                    }
                    _ => is_known = false,
                }
            }
            if !is_known {
                self.folded(id, op);
            }
        }
        Ok(())
    }

    /// Computes a node of constants now.
    fn folded(&mut self, id: NodeId, op: &Op) -> bool {
        let inputs = self.graph.node_inputs(id);
        let outputs = self.graph.node(id).outputs();
        let is_plain = op.subgraphs().next().is_none()
            && self.graph.node_captures(id).is_empty()
            && !is_random(op);
        let moves = ["Transpose", "Reshape", "Expand", "Slice", "Split", "Squeeze", "Unsqueeze"];
        let elements = |v: &ValueId| self.constants.get(v).and_then(Tensor::element_count);
        let is_large = inputs.iter().flatten().filter_map(elements).any(|count| count > LARGE);
        if is_large && moves.contains(&op.op_type.as_str()) {
            // A view does it without a copy.
            return false;
        }
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
        let mut item = Item { node, needs, what: What::Work(Box::new(work)) };
        let sizes = super::schedule::sizes_of(&item, &self.program.sizes);
        item.needs.extend(self.makers_of(&sizes));
        self.items.push(item);
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
                let is_stored = self.stored(item, inst, &whole);
                self.views.insert(value, whole.clone());
                is_stored.then_some(whole)
            }
            None => None,
        })
    }

    /// Stores a value of a group in a view that has its sizes, where strides can say it: a whole buffer always
    /// can.
    pub(super) fn stored(&mut self, item: ItemId, inst: InstId, view: &View) -> bool {
        let (item, shift) = self.resolved(item, 0);
        let Some(over) = self.group(item).over(view) else { return false };
        let late = self.makers_of(over.sizes());
        if late.iter().any(|&maker| self.depends(maker, item)) {
            return false;
        }
        self.items[item].needs.extend(late);
        self.group_mut(item).outputs.push(Output { inst: inst + shift, view: over });
        self.writers.entry(view.buffer).or_default().push(item);
        true
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
        let mut needs = self.makers_of(&space);
        match &kind {
            Kind::Product { a, b } | Kind::Batch { a, b } => {
                needs.extend(self.needs_of(a));
                needs.extend(self.needs_of(b));
            }
            Kind::Slide(slide) => needs.extend(self.writers_of(&slide.reads())),
            Kind::Map | Kind::Rows => {}
        }
        let what = What::Group(Box::new(Group::new(kind, space)));
        self.items.push(Item { node, needs, what });
        self.items.len() - 1
    }

    pub(super) fn push(&mut self, item: ItemId, inst: Inst) -> InstId {
        if let Inst::Operand(view) | Inst::Gathered { table: view, .. } = &inst {
            let needs = self.needs_of(view);
            self.items[item].needs.extend(needs);
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
            outputs.push((value, self.argument(value)?));
        }
        super::schedule::finish(self, outputs)
    }
}

/// Whether two runs may give other results.
fn is_random(op: &Op) -> bool {
    let names = ["Multinomial", "Bernoulli", "Dropout"];
    op.op_type.starts_with("Random") || names.contains(&op.op_type.as_str())
}

/// How elements are stored between steps: those of 16 bits as float32, so that they are rounded once.
pub(super) fn stored(dtype: DataType) -> DataType {
    match dtype {
        DataType::F16 | DataType::BF16 => DataType::F32,
        other => other,
    }
}
