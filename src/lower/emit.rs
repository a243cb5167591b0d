//! A group as a kernel.

mod order;
mod pass;

use super::group::{Element, Group, Inst, InstId, Kind};
use super::loops::{Loop, Shape, loops};
use super::program::{BufferId, Launch, Operand, SizeId, Sizes, Split};
use super::view::View;
use crate::ir::DataType;
use crate::kernel::{
    Amount, AxisId, BufferId as KernelBuffer, Builder, Index, Kernel, Term, Type, ValueId,
};
use crate::ops;
use crate::ops::size::Size;
use std::collections::{BTreeMap, HashMap};

/// Elements between the rows of a tile of attention's scores.
pub(crate) const SCORE_STRIDE: usize = 256;

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
///
/// `number` gives the kernel its number.
pub(super) fn emit(
    group: &Group,
    around: &mut Surroundings<'_>,
    number: impl FnOnce(Kernel) -> usize,
) -> Result<Launch, String> {
    let mut emitter = Emitter::new(group, around)?;
    emitter.passes(around)?;
    let split = emitter.split();
    let operands = emitter.operands(around);
    let given = emitter.given.iter().map(|size| around.sizes.id(size)).collect();
    let loops = emitter.loops.iter().map(|one| around.sizes.id(&one.extent)).collect();
    let indices = emitter.indices(around)?;
    let kernel = number(emitter.builder.finish()?);
    Ok(Launch { kernel, operands, given, loops, indices, split })
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
            Kind::Attention(_) => "score",
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
        emitter.shape()?;
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
        let is_tile = is_output && matches!(self.group.kind, Kind::Attention(_));
        let dtype = if is_tile { DataType::F32 } else { (around.dtypes)(view.buffer) };
        let buffer = self.builder.buffer(name, dtype, is_output);
        self.accesses.push(Access { view: view.clone(), is_output, buffer });
        self.accesses.len() - 1
    }

    /// Whether it runs on tiles of a batch: the last two axes of the space are its loops.
    fn is_batched(&self) -> bool {
        matches!(self.group.kind, Kind::Attention(_) | Kind::Slide(_))
    }

    /// Whether values depend on where they stand.
    fn has_index(&self) -> bool {
        let needed = self.group.insts.iter().zip(&self.needed).filter(|(_, needed)| **needed);
        needed.into_iter().any(|(inst, _)| matches!(inst, Inst::Index(_)))
    }

    /// Loops, and the integers that are given for them.
    fn shape(&mut self) -> Result<(), String> {
        let group = self.group;
        let views: Vec<&View> = self.accesses.iter().map(|access| &access.view).collect();
        let found = match group.kind {
            Kind::Attention(_) | Kind::Slide(_) => {
                loops(&group.space, &views, Shape::Axes).map(|all| all[all.len() - 2..].to_vec())
            }
            Kind::Product { .. } => loops(&group.space, &views, Shape::Matrix),
            Kind::Batch { .. } => loops(&group.space, &views, Shape::Rows),
            _ if self.has_index() => loops(&group.space, &views, Shape::Axes),
            Kind::Rows => loops(&group.space, &views, Shape::Rows),
            Kind::Map => loops(&group.space, &views, Shape::Any),
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

    fn split(&self) -> Split {
        let last = self.loops.len() - 1;
        match (&self.group.kind, last) {
            (Kind::Map, 0) if !self.has_index() => Split::Columns(last),
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
        let is_batched = self.is_batched();
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
