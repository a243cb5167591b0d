//! The parts of a program in an order, as steps.

use super::emit::{Surroundings, emit};
use super::group::{Group, Inst, Kind, Output};
use super::lowering::{Item, ItemId, Lowering, What};
use super::program::{
    Argument, Attention, Bound, Buffer, BufferId, From, Launch, Origin, Place, Product, Program,
    Sizes, Slide, Step, Work,
};
use super::simplify::simplify;
use super::view::{View, count};
use crate::error::{Error, Result};
use crate::ir::{DataType, NodeKind};
use crate::kernel::Kernel;
use crate::ops::size::{Atom, Size};
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The program, whose outputs are these values.
pub(super) fn finish(mut lowering: Lowering<'_>, outputs: Vec<Argument>) -> Result<Program> {
    let bound = bindings(&mut lowering)?;
    let roots: Vec<BufferId> = outputs
        .iter()
        .chain(bound.iter().filter_map(|(_, from)| from.argument()))
        .map(Argument::buffer)
        .collect();
    let order = order(&lowering, &roots)?;
    let makers = |(_, from): &(Atom, From)| {
        let buffer = from.argument().map(Argument::buffer);
        lowering.writers_of(buffer.as_slice())
    };
    let makers: Vec<BTreeSet<ItemId>> = bound.iter().map(makers).collect();
    let Lowering { mut program, mut items, .. } = lowering;
    let mut kernels = Kernels::default();
    // How many steps there are behind each item.
    let mut place: HashMap<ItemId, usize> = HashMap::new();
    for id in order {
        let node = items[id].node;
        let mut what = std::mem::replace(&mut items[id].what, What::Merged(id, 0));
        if let What::Group(group) = &mut what {
            simplify(group);
        }
        let works = works(what, &mut program, &mut kernels)
            .map_err(|e| Error::bug(format!("lowering: {e}")))?;
        if !works.is_empty() {
            program.steps.extend(works.into_iter().map(|work| Step { node, work }));
            place.insert(id, program.steps.len());
        }
    }
    program.kernels = kernels.all;
    let bound = bound.into_iter().zip(makers).map(|((atom, from), makers)| {
        let behind = makers.iter().filter_map(|maker| place.get(maker)).max();
        Bound { atom, from, step: behind.map(|steps| steps - 1) }
    });
    program.bound = bound.collect();
    program.outputs = outputs;
    Ok(program)
}

/// Distinct kernels.
#[derive(Default)]
struct Kernels {
    all: Vec<Kernel>,
    known: HashMap<String, usize>,
}

impl Kernels {
    fn id(&mut self, kernel: Kernel) -> usize {
        let text = kernel.to_string();
        *self.known.entry(text).or_insert_with(|| {
            self.all.push(kernel);
            self.all.len() - 1
        })
    }
}

/// What sizes depend on, and where each is found. Steps that need such sizes come behind what makes them.
fn bindings(lowering: &mut Lowering<'_>) -> Result<Vec<(Atom, From)>> {
    let mut bound: HashMap<Atom, From> = HashMap::new();
    let mut seen = 0;
    while seen < lowering.items.len() {
        let last = lowering.items.len();
        for item in seen..last {
            let sizes = sizes_of(&lowering.items[item], &lowering.program.sizes);
            for atom in sizes.iter().flat_map(atoms_of).collect::<BTreeSet<Atom>>() {
                if !bound.contains_key(&atom) {
                    let from = binding(lowering, &atom)?;
                    bound.insert(atom.clone(), from);
                }
                if let Some(argument) = bound[&atom].argument() {
                    let writers = lowering.writers_of(&[argument.buffer()]);
                    lowering.items[item].needs.extend(writers);
                }
            }
        }
        seen = last;
    }
    let rest: BTreeSet<Atom> = lowering.program.sizes.all.iter().flat_map(atoms_of).collect();
    for atom in rest {
        if let Entry::Vacant(entry) = bound.entry(atom) {
            let from = binding(lowering, entry.key())?;
            entry.insert(from);
        }
    }
    let mut bound: Vec<(Atom, From)> = bound.into_iter().collect();
    bound.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(bound)
}

/// The sizes that must be known before an item runs.
pub(super) fn sizes_of(item: &Item, sizes: &Sizes) -> Vec<Size> {
    let of_view = |view: &View| -> Vec<Size> { view.sizes().cloned().collect() };
    let of_places = |places: &[&Place]| -> Vec<Size> {
        places.iter().flat_map(|p| p.sizes()).map(|id| sizes.all[id].clone()).collect()
    };
    let of_group = |group: &Group| -> Vec<Size> {
        let mut all = group.space.clone();
        for inst in &group.insts {
            if let Inst::Operand(view) | Inst::Gathered { table: view, .. } = inst {
                all.extend(of_view(view));
            }
            if let Inst::Gathered { stride, length, .. } = inst {
                all.extend([stride.clone(), length.clone()]);
            }
        }
        all.extend(group.outputs.iter().flat_map(|output| of_view(&output.view)));
        match &group.kind {
            Kind::Map | Kind::Rows => {}
            Kind::Product { a, b } | Kind::Batch { a, b } => {
                all.extend(of_view(a).into_iter().chain(of_view(b)));
            }
            Kind::Attention(step) => {
                all.extend(of_places(&[&step.q, &step.k, &step.v, &step.out]));
            }
            Kind::Slide(slide) => {
                all.extend(slide.sizes().into_iter().map(|id| sizes.all[id].clone()));
            }
        }
        all
    };
    match &item.what {
        What::Group(group) => of_group(group),
        What::Merged(..) => Vec::new(),
        What::Work(work) => match &**work {
            Work::Sizes { elements, .. } => {
                elements.iter().map(|&id| sizes.all[id].clone()).collect()
            }
            Work::Reference { inputs, captures, .. } => {
                let places = inputs.iter().chain(captures).flatten().filter_map(|a| match a {
                    Argument::Place { place, .. } => Some(place),
                    Argument::Value(_) => None,
                });
                of_places(&places.collect::<Vec<_>>())
            }
            _ => Vec::new(),
        },
    }
}

/// The atoms of a size that are no operations.
pub(super) fn atoms_of(size: &Size) -> Vec<Atom> {
    let found = RefCell::new(Vec::new());
    size.mentions(&|atom| {
        found.borrow_mut().push(atom.clone());
        false
    });
    found.into_inner()
}

/// Where an atom is found.
fn binding(lowering: &mut Lowering<'_>, atom: &Atom) -> Result<From> {
    let missing = || Error::bug(format!("nothing says the size {atom:?}"));
    match atom {
        Atom::Name(name) => {
            let graph = lowering.graph;
            for (slot, &id) in graph.inputs().iter().enumerate() {
                let shape = graph.output(id).and_then(|value| lowering.fact(value).shape);
                let axis = shape.and_then(|shape| {
                    shape.iter().position(|size| *size == Size::from(Atom::Name(name.clone())))
                });
                if let Some(axis) = axis {
                    return Ok(From::Input { slot, axis });
                }
            }
            let (value, axis) = lowering.declared(atom).ok_or_else(missing)?;
            Ok(From::Axis { argument: lowering.argument(value)?, axis })
        }
        Atom::Axis(value, axis) => {
            let node = lowering.graph.value(*value).producer();
            if let NodeKind::Input { .. } = lowering.graph.node(node).kind {
                let slot = lowering.graph.inputs().iter().position(|&id| id == node);
                let slot = slot.ok_or_else(missing)?;
                return Ok(From::Input { slot, axis: *axis as usize });
            }
            let argument = lowering.argument(*value)?;
            Ok(From::Axis { argument, axis: *axis as usize })
        }
        Atom::Element(value, at) => {
            let argument = lowering.argument(*value)?;
            Ok(From::Element { argument, at: *at as usize })
        }
        _ => Err(missing()),
    }
}

/// Items that are needed, each behind those that it needs.
fn order(lowering: &Lowering<'_>, roots: &[BufferId]) -> Result<Vec<ItemId>> {
    let mut live = HashSet::new();
    let mut todo: Vec<ItemId> = lowering.writers_of(roots).into_iter().collect();
    let needs = |item: ItemId| {
        let all = lowering.items[item].needs.iter();
        all.map(|&need| lowering.resolved(need, 0).0).filter(move |&need| need != item)
    };
    while let Some(item) = todo.pop() {
        if live.insert(item) {
            todo.extend(needs(item));
        }
    }
    let mut waits: HashMap<ItemId, usize> = HashMap::new();
    let mut behind: HashMap<ItemId, Vec<ItemId>> = HashMap::new();
    for &item in &live {
        let all: BTreeSet<ItemId> = needs(item).collect();
        waits.insert(item, all.len());
        all.into_iter().for_each(|need| behind.entry(need).or_default().push(item));
    }
    let mut ready: BTreeSet<ItemId> =
        waits.iter().filter(|(_, count)| **count == 0).map(|(item, _)| *item).collect();
    let mut order = Vec::new();
    while let Some(item) = ready.pop_first() {
        order.push(item);
        for next in behind.remove(&item).unwrap_or_default() {
            if let Some(count) = waits.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    match order.len() == live.len() {
        true => Ok(order),
        false => Err(Error::bug("parts of the graph wait for each other")),
    }
}

fn works(what: What, program: &mut Program, kernels: &mut Kernels) -> Result<Vec<Work>, String> {
    Ok(match what {
        What::Work(work) => vec![*work],
        What::Merged(..) => Vec::new(),
        What::Group(group) => match &group.kind {
            Kind::Attention(attention) => {
                let score = match group.outputs.is_empty() {
                    true => None,
                    false => Some(launch(&group, None, program, kernels)?),
                };
                vec![Work::Attention(Attention { score, ..(**attention).clone() })]
            }
            _ if group.outputs.is_empty() => Vec::new(),
            Kind::Product { a, b } | Kind::Batch { a, b } => {
                product(&group, a, b, program, kernels)?
            }
            Kind::Slide(slide) => vec![sliding(&group, (**slide).clone(), program, kernels)?],
            Kind::Map | Kind::Rows => vec![Work::Kernel(launch(&group, None, program, kernels)?)],
        },
    })
}

fn launch(
    group: &Group,
    product: Option<View>,
    program: &mut Program,
    kernels: &mut Kernels,
) -> Result<Launch, String> {
    let Program { sizes, buffers, .. } = program;
    let mut scratches: Vec<(DataType, Size)> = Vec::new();
    let launch = emit(
        group,
        &mut Surroundings {
            sizes,
            dtypes: &|buffer| buffers.get(buffer).map_or(DataType::F32, |buffer| buffer.dtype),
            scratch: &mut |dtype, elements| {
                scratches.push((dtype, elements.clone()));
                buffers.len() + scratches.len() - 1
            },
            product,
        },
        |kernel| kernels.id(kernel),
    )?;
    for (dtype, elements) in scratches {
        let elements = sizes.id(&elements);
        buffers.push(Buffer { dtype, elements, origin: Origin::Made });
    }
    Ok(launch)
}

/// Where a product or a window writes: one of the group's outputs that fits, or memory of its own. And the
/// kernel that makes the outputs of it.
fn written(
    group: &Group,
    fits: impl Fn(&View) -> bool,
    program: &mut Program,
    kernels: &mut Kernels,
) -> Result<(View, Option<Launch>), String> {
    let is_fitting = |output: &&Output| {
        program.buffers[output.view.buffer].dtype == DataType::F32 && fits(&output.view)
    };
    let is_product = |output: &&Output| matches!(group.insts[output.inst], Inst::Product);
    let fitting = || group.outputs.iter().filter(is_fitting);
    let to = match fitting().find(is_product).or_else(|| fitting().next()) {
        Some(output) => output.view.clone(),
        None => {
            let elements = program.sizes.id(&count(&group.space));
            program.buffers.push(Buffer { dtype: DataType::F32, elements, origin: Origin::Made });
            View::whole(program.buffers.len() - 1, group.space.clone())
        }
    };
    let is_alone = group.outputs.len() == 1
        && matches!(group.insts[group.outputs[0].inst], Inst::Product)
        && group.outputs[0].view == to;
    let tail = match is_alone {
        true => None,
        false => Some(launch(group, Some(to.clone()), program, kernels)?),
    };
    Ok((to, tail))
}

/// A window, and what follows it.
fn sliding(
    group: &Group,
    slide: Slide,
    program: &mut Program,
    kernels: &mut Kernels,
) -> Result<Work, String> {
    let (y, tail) = written(group, View::is_contiguous, program, kernels)?;
    Ok(Work::Slide { slide, y: program.sizes.place(&y), tail })
}

/// A product, and what follows it.
fn product(
    group: &Group,
    a: &View,
    b: &View,
    program: &mut Program,
    kernels: &mut Kernels,
) -> Result<Vec<Work>, String> {
    let is_in_line = |view: &View| view.strides.last().is_some_and(|s| s.known() == Some(1));
    let (c, tail) = written(group, is_in_line, program, kernels)?;
    if a.dims.len() > 2 {
        let sizes = &mut program.sizes;
        let (a, b, c) = (sizes.place(a), sizes.place(b), sizes.place(&c));
        let product = Work::Product(Product { a, b, c, tail: None });
        return Ok(std::iter::once(product).chain(tail.map(Work::Kernel)).collect());
    }
    let c = c.rows().ok_or("a product's rows do not lie in line")?;
    let sizes = &mut program.sizes;
    let (a, b, c) = (sizes.place(a), sizes.place(b), sizes.place(&c));
    Ok(vec![Work::Product(Product { a, b, c, tail })])
}
