//! A group as a kernel.

use super::group::{Element, Group, Inst, InstId, Kind};
use super::loops::{Loop, Shape, loops};
use super::program::{BufferId, Launch, Operand, SizeId, Sizes, Split};
use super::view::{View, count};
use crate::ir::DataType;
use crate::kernel::{
    Amount, AxisId, AxisKind, BufferId as KernelBuffer, Builder, FoldKind, Index, Kernel, Term,
    Type, ValueId,
};
use crate::ops;
use crate::ops::size::Size;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Elements between the rows of a tile of attention's scores.
pub(crate) const SCORE_STRIDE: usize = 256;

/// A kernel and how it is launched, but for its number.
pub(super) struct Emitted {
    pub(super) kernel: Kernel,
    pub(super) launch: Launch,
}

/// What else the making of a kernel needs.
pub(super) struct Surroundings<'s> {
    pub(super) sizes: &'s mut Sizes,
    pub(super) dtypes: &'s dyn Fn(BufferId) -> DataType,
    /// Memory for so many elements, as long as the step runs.
    pub(super) scratch: &'s mut dyn FnMut(DataType, &Size) -> BufferId,
    /// Where a product's elements lie, over the space; none in attention, whose tiles are its own.
    pub(super) product: Option<View>,
}

/// Whether an element of a group can be computed by a kernel.
pub(super) fn is_lowered(element: &Element, group: &Group) -> bool {
    let mut builder = Builder::new("element");
    let mut value = |(from, inst): (&Option<DataType>, &Option<InstId>)| {
        if let Inst::Constant(ty, number) = group.insts[(*inst)?] {
            return Some(builder.constant(ty, number));
        }
        let buffer = builder.buffer("x", super::lowering::stored((*from)?), false);
        Some(builder.load(buffer, index(&[], &[])))
    };
    let arguments = element.from.iter().zip(&element.arguments);
    let values: Vec<Option<ValueId>> = arguments.map(&mut value).collect();
    lower(&mut builder, element, &values).is_some() && Type::of_stored(element.to).is_some()
}

fn lower(builder: &mut Builder, element: &Element, values: &[Option<ValueId>]) -> Option<ValueId> {
    let about = ops::Element {
        op: &element.op,
        schema: element.schema,
        from: &element.from,
        to: element.to,
    };
    element.lowering.lower(builder, &about, values)
}

/// A place in memory that the kernel reads or writes.
struct Access {
    view: View,
    is_output: bool,
    buffer: KernelBuffer,
}

struct Emitter<'g> {
    group: &'g Group,
    builder: Builder,
    accesses: Vec<Access>,
    /// The access of values that are loaded.
    loaded: HashMap<InstId, usize>,
    /// Those of outputs, in their order.
    stored: Vec<usize>,
    loops: Vec<Loop>,
    /// Strides of each access along each loop.
    strides: Vec<Vec<Option<Amount>>>,
    extents: Vec<Amount>,
    axes: Vec<AxisId>,
    /// Along a table's axis: the stride, and that of all elements.
    tables: HashMap<InstId, (Amount, Amount)>,
    varying: Vec<bool>,
    /// The pass along the rows in which a value is known, or behind which.
    ready: Vec<usize>,
    needed: Vec<bool>,
    given: Vec<Size>,
    defined: HashMap<InstId, ValueId>,
    /// Values that are kept from the pass that computes them to later ones.
    kept: BTreeMap<InstId, Kept>,
}

/// A value that is kept for later passes.
struct Kept {
    /// The pass that computes it.
    first: usize,
    /// The last that reads it.
    last: usize,
    /// Where it is kept, once it is known.
    at: Option<(KernelBuffer, Vec<Option<Amount>>)>,
}

/// The kernel of a group. In attention and of windows, the last two axes of the space are the loops.
pub(super) fn emit(group: &Group, around: &mut Surroundings<'_>) -> Result<Emitted, String> {
    let mut emitter = Emitter::new(group, around)?;
    emitter.passes(around)?;
    let split = emitter.split();
    let operands = emitter.operands(around);
    let given = emitter.given.iter().map(|size| around.sizes.id(size)).collect();
    let loops = emitter.loops.iter().map(|one| around.sizes.id(&one.extent)).collect();
    let indices = emitter.indices(around)?;
    let kernel = emitter.builder.finish()?;
    Ok(Emitted { kernel, launch: Launch { kernel: 0, operands, given, loops, indices, split } })
}

fn needed(group: &Group) -> Vec<bool> {
    let mut needed = vec![false; group.insts.len()];
    let mut todo: Vec<InstId> = group.outputs.iter().map(|output| output.inst).collect();
    while let Some(inst) = todo.pop() {
        if !std::mem::replace(&mut needed[inst], true) {
            todo.extend(group.insts[inst].arguments());
        }
    }
    needed
}

impl<'g> Emitter<'g> {
    fn new(group: &'g Group, around: &mut Surroundings<'_>) -> Result<Self, String> {
        let needed = needed(group);
        let name = match group.kind {
            Kind::Map => "map",
            Kind::Rows => "rows",
            Kind::Batch { .. } if around.product.is_none() => "score",
            Kind::Product { .. } | Kind::Batch { .. } | Kind::Slide(_) => "tail",
        };
        let mut emitter = Self {
            group,
            builder: Builder::new(name),
            accesses: Vec::new(),
            loaded: HashMap::new(),
            stored: Vec::new(),
            loops: Vec::new(),
            strides: Vec::new(),
            extents: Vec::new(),
            axes: Vec::new(),
            tables: HashMap::new(),
            varying: Vec::new(),
            ready: Vec::new(),
            needed,
            given: Vec::new(),
            defined: HashMap::new(),
            kept: BTreeMap::new(),
        };
        for (output, number) in group.outputs.iter().zip(0..) {
            let access = emitter.access(&output.view, true, &format!("y{number}"), around);
            emitter.stored.push(access);
        }
        for (inst, what) in group.insts.iter().enumerate() {
            let view = match what {
                _ if !emitter.needed[inst] => continue,
                Inst::Operand(view) | Inst::Gathered { table: view, .. } => view,
                Inst::Product => match &around.product {
                    Some(view) => view,
                    None => {
                        emitter.loaded.insert(inst, emitter.stored[0]);
                        continue;
                    }
                },
                _ => continue,
            };
            let is_there = emitter.accesses.iter().position(|access| {
                access.view == *view && (!access.is_output || matches!(what, Inst::Product))
            });
            let name = format!("x{}", emitter.accesses.len());
            let view = view.clone();
            let access = is_there.unwrap_or_else(|| emitter.access(&view, false, &name, around));
            emitter.loaded.insert(inst, access);
        }
        emitter.shape(around)?;
        emitter.order();
        Ok(emitter)
    }

    fn access(
        &mut self,
        view: &View,
        is_output: bool,
        name: &str,
        around: &Surroundings<'_>,
    ) -> usize {
        let is_tile = is_output && self.is_score(around);
        let dtype = if is_tile { DataType::F32 } else { (around.dtypes)(view.buffer) };
        let buffer = self.builder.buffer(name, dtype, is_output);
        self.accesses.push(Access { view: view.clone(), is_output, buffer });
        self.accesses.len() - 1
    }

    /// Whether it changes an attention's scores.
    fn is_score(&self, around: &Surroundings<'_>) -> bool {
        around.product.is_none() && matches!(self.group.kind, Kind::Batch { .. })
    }

    /// Whether it runs on tiles of a batch: the last two axes of the space are its loops.
    fn is_batched(&self, around: &Surroundings<'_>) -> bool {
        self.is_score(around) || matches!(self.group.kind, Kind::Slide(_))
    }

    /// Loops, and the integers that are given for them.
    fn shape(&mut self, around: &Surroundings<'_>) -> Result<(), String> {
        let group = self.group;
        let has_index =
            group.insts.iter().zip(&self.needed).any(|(i, n)| *n && matches!(i, Inst::Index(_)));
        let views: Vec<&View> = self.accesses.iter().map(|access| &access.view).collect();
        let found = match group.kind {
            _ if self.is_batched(around) => {
                loops(&group.space, &views, Shape::Axes).map(|all| all[all.len() - 2..].to_vec())
            }
            Kind::Product { .. } => loops(&group.space, &views, Shape::Matrix),
            Kind::Batch { .. } => loops(&group.space, &views, Shape::Rows),
            _ if has_index => loops(&group.space, &views, Shape::Axes),
            Kind::Rows => loops(&group.space, &views, Shape::Rows),
            Kind::Map | Kind::Slide(_) => loops(&group.space, &views, Shape::Any),
        };
        self.loops = found.ok_or("the tail of a product is no matrix")?;
        for (number, one) in self.loops.clone().into_iter().enumerate() {
            let extent = self.given(&format!("n{number}"), &one.extent);
            self.extents.push(extent);
        }
        let last = self.loops.len() - 1;
        for access in 0..self.accesses.len() {
            let name = self.accesses[access].buffer.0;
            let along: Vec<Size> = self.loops.iter().map(|l| l.strides[access].clone()).collect();
            let strides = along.iter().enumerate().map(|(number, stride)| match stride.known() {
                Some(0) => None,
                Some(1) if number == last => Some(Amount::Constant(1)),
                _ => Some(self.given(&format!("s{name}_{number}"), stride)),
            });
            let strides = strides.collect();
            self.strides.push(strides);
        }
        for (inst, what) in group.insts.iter().enumerate() {
            if let (true, Inst::Gathered { stride, length, .. }) = (self.needed[inst], what) {
                let along = self.given(&format!("t{inst}"), stride);
                let whole = self.given(&format!("w{inst}"), &(stride * length));
                self.tables.insert(inst, (along, whole));
            }
        }
        Ok(())
    }

    fn given(&mut self, name: &str, size: &Size) -> Amount {
        self.given.push(size.clone());
        self.builder.given(name)
    }

    /// What differs along the last loop, and in which pass of it each value is known.
    fn order(&mut self) {
        let last = self.loops.len() - 1;
        for (inst, what) in self.group.insts.iter().enumerate() {
            let arguments = what.arguments();
            let moves = self.loaded.get(&inst).is_some_and(|&a| self.strides[a][last].is_some());
            let varies = match what {
                Inst::Fold(..) => false,
                Inst::Index(axis) => *axis == last,
                _ => moves || arguments.iter().any(|&id| self.varying[id]),
            };
            let before = arguments.iter().map(|&id| self.ready[id]).max().unwrap_or(0);
            self.varying.push(varies);
            self.ready.push(before + usize::from(matches!(what, Inst::Fold(..))));
        }
        self.keep();
    }

    /// Finds what is kept: costly values that a later pass needs again.
    fn keep(&mut self) {
        let mut first: HashMap<InstId, usize> = HashMap::new();
        for pass in 0..=self.last_pass() {
            let mut seen = HashSet::new();
            let mut todo = self.roots(pass);
            while let Some(inst) = todo.pop() {
                if !self.varying[inst] || !seen.insert(inst) {
                    continue;
                }
                match first.get(&inst) {
                    Some(&first) if first < pass && self.group.insts[inst].is_costly() => {
                        let kept = self.kept.entry(inst);
                        kept.or_insert(Kept { first, last: pass, at: None }).last = pass;
                    }
                    _ => {
                        first.entry(inst).or_insert(pass);
                        todo.extend(self.group.insts[inst].arguments());
                    }
                }
            }
        }
    }

    fn last_pass(&self) -> usize {
        let needed = self.needed.iter().zip(&self.ready).filter(|(needed, _)| **needed);
        needed.map(|(_, ready)| *ready).max().unwrap_or(0)
    }

    fn folds(&self, pass: usize) -> Vec<(InstId, FoldKind, InstId)> {
        let all = self.group.insts.iter().enumerate().filter(|(inst, _)| self.needed[*inst]);
        all.filter_map(|(inst, what)| match what {
            Inst::Fold(kind, of) if self.ready[inst] == pass + 1 => Some((inst, *kind, *of)),
            _ => None,
        })
        .collect()
    }

    fn is_in_loop(&self, output: usize) -> bool {
        self.strides[self.stored[output]].last().is_some_and(Option::is_some)
    }

    /// What a pass along the rows must compute.
    fn roots(&self, pass: usize) -> Vec<InstId> {
        let stored = self.group.outputs.iter().enumerate();
        let stored = stored.filter(|(at, o)| self.is_in_loop(*at) && self.ready[o.inst] == pass);
        let folded = self.folds(pass).into_iter().map(|(_, _, of)| of);
        folded.chain(stored.map(|(_, output)| output.inst)).collect()
    }

    fn passes(&mut self, around: &mut Surroundings<'_>) -> Result<(), String> {
        let outer = self.loops.len() - 1;
        for number in 0..outer {
            let kind = if number == 0 { AxisKind::Grid } else { AxisKind::Sequence };
            let axis = self.builder.open(kind, self.extents[number]);
            self.axes.push(axis);
        }
        for pass in 0..=self.last_pass() {
            self.alone(pass)?;
            self.pass(pass, around)?;
        }
        for _ in 0..outer {
            self.builder.close();
        }
        Ok(())
    }

    /// Values that are one a row.
    fn alone(&mut self, pass: usize) -> Result<(), String> {
        for inst in 0..self.group.insts.len() {
            let is_fold = matches!(self.group.insts[inst], Inst::Fold(..));
            let is_now = self.needed[inst] && !self.varying[inst] && self.ready[inst] == pass;
            if is_now && !is_fold {
                let value = self.computed(inst, &HashMap::new())?;
                self.defined.insert(inst, value);
            }
        }
        for at in 0..self.group.outputs.len() {
            let inst = self.group.outputs[at].inst;
            if !self.is_in_loop(at) && self.ready[inst] == pass {
                self.store(self.stored[at], self.defined[&inst]);
            }
        }
        Ok(())
    }

    /// One loop along the rows.
    fn pass(&mut self, pass: usize, around: &mut Surroundings<'_>) -> Result<(), String> {
        let folds = self.folds(pass);
        let stores: Vec<usize> = (0..self.group.outputs.len())
            .filter(|&at| self.is_in_loop(at) && self.ready[self.group.outputs[at].inst] == pass)
            .collect();
        if folds.is_empty() && stores.is_empty() {
            return Ok(());
        }
        let axis = self.builder.open(AxisKind::Lane, self.extents[self.loops.len() - 1]);
        self.axes.push(axis);
        let mut made = HashMap::new();
        for inst in self.in_pass(pass) {
            let value = match self.kept.get(&inst) {
                Some(Kept { first, at: Some((buffer, strides)), .. }) if *first < pass => {
                    let at = index(&self.axes, strides);
                    self.builder.load(*buffer, at)
                }
                _ => self.computed(inst, &made)?,
            };
            made.insert(inst, value);
            if self.kept.get(&inst).is_some_and(|kept| kept.first == pass) {
                self.keep_value(inst, value, around);
            }
        }
        let value = |inst: InstId| made.get(&inst).or_else(|| self.defined.get(&inst)).copied();
        let missing = || "a value is used before it is known".to_owned();
        let folded: Option<Vec<_>> =
            folds.iter().map(|(_, kind, of)| value(*of).map(|value| (*kind, value))).collect();
        let stored: Option<Vec<_>> = stores
            .iter()
            .map(|&at| value(self.group.outputs[at].inst).map(|value| (self.stored[at], value)))
            .collect();
        for (access, value) in stored.ok_or_else(missing)? {
            self.store(access, value);
        }
        self.axes.pop();
        let folded = folded.ok_or_else(missing)?;
        match folded.is_empty() {
            true => self.builder.close(),
            false => {
                let results = self.builder.fold(&folded);
                self.defined.extend(folds.iter().map(|(inst, ..)| *inst).zip(results));
            }
        }
        Ok(())
    }

    /// The values that a pass computes or loads, in order.
    fn in_pass(&self, pass: usize) -> Vec<InstId> {
        let mut found = HashSet::new();
        let mut todo = self.roots(pass);
        while let Some(inst) = todo.pop() {
            if self.varying[inst] && found.insert(inst) {
                let is_loaded = self.kept.get(&inst).is_some_and(|kept| kept.first < pass);
                if !is_loaded {
                    todo.extend(self.group.insts[inst].arguments());
                }
            }
        }
        let mut found: Vec<InstId> = found.into_iter().collect();
        found.sort_unstable();
        found
    }

    /// Stores a value for later passes: in an output that is written later, or in memory of its own.
    fn keep_value(&mut self, inst: InstId, value: ValueId, around: &mut Surroundings<'_>) {
        let last = self.kept[&inst].last;
        let ty = self.builder.ty(value);
        let is_taken = |buffer: KernelBuffer| {
            self.kept.values().any(|kept| kept.at.as_ref().is_some_and(|(b, _)| *b == buffer))
        };
        let output = (0..self.group.outputs.len()).find(|&at| {
            let access = &self.accesses[self.stored[at]];
            let is_float = (around.dtypes)(access.view.buffer) == DataType::F32;
            self.is_in_loop(at)
                && ty == Type::F32
                && is_float
                && self.ready[self.group.outputs[at].inst] >= last
                && !is_taken(access.buffer)
        });
        let at = match output {
            Some(at) => {
                let access = self.stored[at];
                (self.accesses[access].buffer, self.strides[access].clone())
            }
            None => self.scratch(ty, around),
        };
        let place = index(&self.axes, &at.1);
        self.builder.store(at.0, place, value);
        if let Some(kept) = self.kept.get_mut(&inst) {
            kept.at = Some(at);
        }
    }

    fn scratch(
        &mut self,
        ty: Type,
        around: &mut Surroundings<'_>,
    ) -> (KernelBuffer, Vec<Option<Amount>>) {
        let dtype = match ty {
            Type::F32 => DataType::F32,
            Type::F64 => DataType::F64,
            Type::I64 => DataType::I64,
            Type::Bool => DataType::Bool,
        };
        let dims: Vec<Size> = self.loops.iter().map(|one| one.extent.clone()).collect();
        let buffer = (around.scratch)(dtype, &count(&dims));
        let view = View::whole(buffer, dims);
        let name = format!("kept{}", self.accesses.len());
        let own = self.builder.buffer(&name, dtype, true);
        let last = view.dims.len() - 1;
        let strides: Vec<Option<Amount>> = (0..view.dims.len())
            .map(|number| match number == last {
                true => Some(Amount::Constant(1)),
                false => Some(self.given(&format!("{name}_{number}"), &view.strides[number])),
            })
            .collect();
        for (one, stride) in self.loops.iter_mut().zip(&view.strides) {
            one.strides.push(stride.clone());
        }
        self.accesses.push(Access { view, is_output: true, buffer: own });
        self.strides.push(strides.clone());
        (own, strides)
    }

    fn store(&mut self, access: usize, value: ValueId) {
        let at = index(&self.axes, &self.strides[access]);
        self.builder.store(self.accesses[access].buffer, at, value);
    }

    /// Computes a value from those that are there.
    fn computed(
        &mut self,
        inst: InstId,
        made: &HashMap<InstId, ValueId>,
    ) -> Result<ValueId, String> {
        let group = self.group;
        let value = |inst: &InstId| {
            let found = made.get(inst).or_else(|| self.defined.get(inst)).copied();
            found.ok_or_else(|| "a value is used before it is known".to_owned())
        };
        Ok(match &group.insts[inst] {
            Inst::Operand(_) | Inst::Product => {
                let access = self.loaded[&inst];
                let at = index(&self.axes, &self.strides[access]);
                self.builder.load(self.accesses[access].buffer, at)
            }
            Inst::Gathered { index: place, turns, .. } => {
                let (place, turns) = (value(place)?, value(turns)?);
                let (access, (stride, turn)) = (self.loaded[&inst], self.tables[&inst]);
                let mut at = index(&self.axes, &self.strides[access]);
                at.terms.push((Term::Value(place), stride));
                at.terms.push((Term::Value(turns), turn));
                self.builder.load(self.accesses[access].buffer, at)
            }
            Inst::Constant(ty, number) => self.builder.constant(*ty, *number),
            Inst::Index(axis) => self.builder.index(self.axes[*axis]),
            Inst::Op(operation, arguments) => {
                let arguments = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                self.builder.op(*operation, &arguments)
            }
            Inst::Math(function, argument) => {
                let argument = value(argument)?;
                self.builder.compute([argument], |[x]| function(x))
            }
            Inst::Element(element) => {
                let all = element.arguments.iter();
                let values = all
                    .map(|argument| argument.as_ref().map(value).transpose())
                    .collect::<Result<Vec<_>, _>>()?;
                lower(&mut self.builder, element, &values)
                    .ok_or_else(|| format!("{} is not lowered", element.op.op_type))?
            }
            Inst::Fold(..) => return Err("a fold stands in a pass".to_owned()),
        })
    }

    fn split(&self) -> Split {
        let has_index = self.group.insts.iter().any(|inst| matches!(inst, Inst::Index(_)));
        let last = self.loops.len() - 1;
        match (&self.group.kind, last) {
            (Kind::Map, 0) if !has_index => Split::Columns(last),
            (Kind::Product { .. } | Kind::Slide(_), _) => Split::Tiles(last),
            (_, 0) => Split::None,
            _ => Split::Rows,
        }
    }

    /// Operands that are places along an axis.
    fn indices(&self, around: &mut Surroundings<'_>) -> Result<Vec<(usize, SizeId)>, String> {
        let mut indices = Vec::new();
        for (inst, what) in self.group.insts.iter().enumerate() {
            if let (true, Inst::Gathered { index, length, .. }) = (self.needed[inst], what) {
                let operand = self.loaded.get(index).ok_or("an index is no operand")?;
                indices.push((*operand, around.sizes.id(length)));
            }
        }
        Ok(indices)
    }

    fn operands(&self, around: &mut Surroundings<'_>) -> Vec<Operand> {
        let is_batched = self.is_batched(around);
        let of = |(number, access): (usize, &Access)| Operand {
            buffer: access.view.buffer,
            offset: around.sizes.id(&access.view.offset),
            strides: match is_batched {
                true => access.view.strides.iter().map(|s| around.sizes.id(s)).collect(),
                false => {
                    self.loops.iter().map(|one| around.sizes.id(&one.strides[number])).collect()
                }
            },
        };
        self.accesses.iter().enumerate().map(of).collect()
    }
}

fn index(axes: &[AxisId], strides: &[Option<Amount>]) -> Index {
    let terms = axes.iter().zip(strides);
    let terms = terms.filter_map(|(&axis, stride)| Some((Term::Axis(axis), (*stride)?)));
    Index { terms: terms.collect(), base: None }
}
