//! One run of a program.

use super::launch::{First, offset};
use super::memory::{Memory, Written, take};
use super::plan::{Plan, bytes, evaluated};
use super::tensor::{self, Spot, not_negative};
use super::{Engine, record};
use crate::error::{Error, Result};
use crate::ir::{DataType, NodeId, Tensor, ValueId};
use crate::lower::{
    Argument, Attention, BufferId, From, Origin, Place, Product, Split, Step, Work,
};
use crate::ops::{Value, numbers};
use crate::runtime::cpu::attention::{self, Head};
use crate::runtime::cpu::gemm::{Matrix, MatrixMut, Right, gemm, gemm_batch};
use crate::runtime::interpret;
use crate::runtime::profile::Recorder;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// No memory holds a factor of a product with more elements.
const LARGEST: i64 = 1 << 40;

/// Memory of a buffer: where it is, and how many elements it has.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) pointer: *mut u8,
    pub(super) elements: usize,
}

/// One run.
pub(super) struct Run<'r> {
    pub(super) engine: &'r Engine,
    sizes: Cow<'r, [Option<i64>]>,
    atoms: Cow<'r, [Option<i64>]>,
    areas: Vec<Option<Area>>,
    /// Values of reference operators and inputs.
    values: Vec<Option<Value>>,
    /// Memory of buffers that are not in the arena.
    owned: HashMap<BufferId, Memory>,
}

// Kernels are compiled for tiles of scores with rows so far apart.
const _: () = assert!(attention::KEYS == crate::lower::SCORE_STRIDE);

/// A pointer that threads share.
#[derive(Clone, Copy)]
struct Shared(*mut u8);
// SAFETY: who uses it says why.
unsafe impl Sync for Shared {}

impl<'r> Run<'r> {
    pub(super) fn new(
        engine: &'r Engine,
        plan: &'r Plan,
        arena: &Memory,
        inputs: &[Option<Value>],
    ) -> Result<Self> {
        let program = &engine.program;
        let count = program.buffers.len();
        let mut run = Self {
            engine,
            sizes: Cow::Borrowed(&plan.sizes),
            atoms: Cow::Borrowed(&plan.key),
            areas: vec![None; count],
            values: vec![None; count],
            owned: HashMap::new(),
        };
        for (slot, buffer) in program.inputs.iter().enumerate() {
            let Some(buffer) = *buffer else { continue };
            if engine.lives[buffer].is_none() && !program.is_given(buffer) {
                continue;
            }
            if let Some(value) = inputs.get(slot).cloned().flatten() {
                run.has(buffer, value)?;
            }
        }
        for (&buffer, tensor) in &engine.constants {
            run.areas[buffer] = run.area_of(buffer, tensor);
        }
        for (buffer, offset) in plan.offsets.iter().enumerate() {
            if let Some(offset) = *offset {
                let pointer = arena.pointer().wrapping_add(offset);
                let elements = run.elements(buffer)?;
                run.areas[buffer] = Some(Area { pointer, elements });
            }
        }
        Ok(run)
    }

    fn elements(&self, buffer: BufferId) -> Result<usize> {
        let about = &self.engine.program.buffers[buffer];
        Ok(bytes(&self.engine.program, &self.sizes, buffer)? / tensor::size(about.dtype))
    }

    /// A buffer holds a value, whose elements begin where their type may.
    fn has(&mut self, buffer: BufferId, value: Value) -> Result<()> {
        let value = match value {
            Value::Tensor(tensor) => {
                let tensor = tensor::aligned(&tensor)?;
                if let Some(area) = self.area_of(buffer, &tensor) {
                    self.areas[buffer] = Some(area);
                }
                Value::Tensor(tensor)
            }
            other => other,
        };
        self.values[buffer] = Some(value);
        Ok(())
    }

    /// The memory of a tensor, where it is of the type that the buffer is to have.
    fn area_of(&self, buffer: BufferId, tensor: &Tensor) -> Option<Area> {
        let bytes =
            tensor.bytes().filter(|_| tensor.dtype == self.engine.program.buffers[buffer].dtype)?;
        let elements = bytes.len() / tensor::size(tensor.dtype);
        Some(Area { pointer: bytes.as_ptr().cast_mut(), elements })
    }

    /// The memory of a buffer, which is made now where its size was not known before.
    pub(super) fn area(&mut self, buffer: BufferId) -> Result<Area> {
        if let Some(area) = self.areas[buffer] {
            let elements = self.sizes[self.engine.program.buffers[buffer].elements];
            if elements.is_some_and(|elements| usize::try_from(elements) != Ok(area.elements)) {
                return Err(Error::input("a value has other sizes than the model says"));
            }
            return Ok(area);
        }
        let program = &self.engine.program;
        if !matches!(program.buffers[buffer].origin, Origin::Made) {
            return Err(Error::bug("a value is of another type than was inferred"));
        }
        let memory = take(&self.engine.spare, bytes(program, &self.sizes, buffer)?)?;
        let area = Area { pointer: memory.pointer(), elements: self.elements(buffer)? };
        self.owned.insert(buffer, memory);
        self.areas[buffer] = Some(area);
        Ok(area)
    }

    /// The sizes of a place as numbers.
    fn sized(&self, place: &Place) -> Result<Spot> {
        Ok(Spot {
            offset: self.number(place.offset)?,
            dims: not_negative(self.numbers(&place.dims)?)?,
            strides: self.numbers(&place.strides)?,
        })
    }

    /// The same, and where it begins.
    pub(super) fn spot(&mut self, place: &Place) -> Result<(Spot, *mut u8)> {
        let spot = self.sized(place)?;
        let area = self.area(place.buffer)?;
        if !spot.is_inside(area.elements) {
            return Err(Error::bug(format!(
                "a place of sizes {:?} is outside of its {} elements",
                spot.dims, area.elements
            )));
        }
        let size = tensor::size(self.engine.program.buffers[place.buffer].dtype);
        let offset = (spot.offset as isize).wrapping_mul(size as isize);
        let pointer = area.pointer.wrapping_offset(offset);
        Ok((spot, pointer))
    }

    /// Runs all steps: the outputs.
    pub(super) fn all(&mut self, recorder: Option<&Recorder>) -> Result<Vec<Value>> {
        let engine = self.engine;
        self.bind(None)?;
        for (number, step) in engine.program.steps.iter().enumerate() {
            let graph = &engine.model.graph;
            let start = recorder.map(Recorder::now);
            self.step(number, step).map_err(|e| e.within(graph.describe(step.node)))?;
            if let (Some(recorder), Some(start)) = (recorder, start) {
                recorder.record(record::event(engine, &self.sizes, step, start, recorder.now()));
            }
            self.bind(Some(number))?;
        }
        let outputs = engine.program.outputs.iter().zip(&engine.is_whole);
        outputs.map(|(argument, is_whole)| self.output(argument, *is_whole)).collect()
    }

    fn step(&mut self, number: usize, step: &Step) -> Result<()> {
        let pool = &self.engine.pool;
        match &step.work {
            Work::Kernel(launch) => {
                let ready = self.ready(launch)?;
                // SAFETY: `ready` has checked all places.
                unsafe { ready.all(pool) }
            }
            Work::Product(product) => self.product(number, product),
            Work::Attention(attention) => self.attention(attention),
            Work::Slide { slide, y, tail } => self.slide(number, slide, y, tail.as_ref()),
            Work::Sizes { to, elements } => self.written(to, elements),
            Work::Reference { inputs, captures, outputs } => {
                self.reference(step.node, inputs, captures, outputs)
            }
        }
    }

    pub(super) fn number(&self, id: usize) -> Result<i64> {
        self.sizes[id].ok_or_else(|| {
            let size = &self.engine.program.sizes.all[id];
            let bound = self.engine.program.bound.iter().zip(&*self.atoms);
            let unknown: Vec<_> = bound.filter(|(_, number)| number.is_none()).collect();
            match size.mentions(&|atom| unknown.iter().any(|(bound, _)| bound.atom == *atom)) {
                true => Error::bug(format!("the size {size} is not known yet")),
                false => Error::input(format!("the size {size} is no number that can be")),
            }
        })
    }

    pub(super) fn numbers(&self, ids: &[usize]) -> Result<Vec<i64>> {
        ids.iter().map(|&id| self.number(id)).collect()
    }

    fn product(&mut self, number: usize, product: &Product) -> Result<()> {
        let engine = self.engine;
        let (a, a_pointer) = self.spot(&product.a)?;
        let (c, c_pointer) = self.spot(&product.c)?;
        let packed = engine.packed.get(&number);
        let (b, b_pointer) = match packed {
            Some(_) => (self.sized(&product.b)?, std::ptr::null_mut()),
            None => self.spot(&product.b)?,
        };
        let tail = product.tail.as_ref().map(|tail| self.ready(tail)).transpose()?;
        let rank = a.dims.len();
        let [m, k, n] = [a.dims[rank - 2], a.dims[rank - 1], b.dims[rank - 1]];
        let batch = &a.dims[..rank - 2];
        let fits =
            [&b, &c].iter().all(|spot| spot.dims.len() == rank && spot.dims.starts_with(batch))
                && b.dims[rank - 2] == k
                && c.dims[rank - 2..] == [m, n]
                && (n < 2 || c.strides[rank - 1] == 1)
                && tail.as_ref().is_none_or(|tail| rank == 2 && tail.loops == [m, n])
                && packed.is_none_or(|b| (b.rows() as i64, b.columns() as i64) == (k, n));
        let floats = [Some(&product.a), packed.is_none().then_some(&product.b), Some(&product.c)];
        if !fits || !self.are_floats(&floats) {
            return Err(Error::bug("the matrices of a product do not fit to each other"));
        }
        // With strides of 0 a factor may have any size, but is copied into panels.
        if m.saturating_mul(k).max(k.saturating_mul(n)) > LARGEST {
            let what = format!("a product of {m}×{k} and {k}×{n} elements is too large");
            return Err(Error::input(what));
        }
        let matrix = |spot: &Spot, pointer: *mut u8| Matrix {
            pointer: pointer.cast_const().cast::<f32>(),
            rows: spot.dims[rank - 2] as usize,
            columns: spot.dims[rank - 1] as usize,
            row_stride: spot.strides[rank - 2] as isize,
            column_stride: spot.strides[rank - 1] as isize,
        };
        let c_of = |pointer: *mut u8| MatrixMut {
            pointer: pointer.cast(),
            row_stride: c.strides[rank - 2] as isize,
        };
        if rank == 2 {
            let right = match packed {
                Some(packed) => Right::Packed(packed),
                None => Right::Plain(matrix(&b, b_pointer)),
            };
            let first = First::default();
            let done = |rows: Range<usize>, columns: Range<usize>| {
                let Some(tail) = &tail else { return };
                let range = |r: Range<usize>| r.start as i64..r.end as i64;
                let Split::Tiles(given) = tail.split else { return };
                // SAFETY: `ready` has checked the places of all rows and columns.
                first.keep(unsafe { tail.tile(given, range(rows), range(columns)) });
            };
            // SAFETY: `spot` has checked all three, and nothing else writes C.
            unsafe {
                gemm(
                    &engine.pool,
                    engine.tiles,
                    matrix(&a, a_pointer),
                    right,
                    c_of(c_pointer),
                    &done,
                );
            }
            return first.result();
        }
        let batch = &c.dims[..rank - 2];
        let products = batch.iter().product::<i64>() as usize;
        let pointers = [Shared(a_pointer), Shared(b_pointer), Shared(c_pointer)];
        let matrices = |index: usize| {
            let at = |spot: &Spot, pointer: Shared| {
                let places = offset(index, batch, &spot.strides) * size_of::<f32>() as isize;
                pointer.0.wrapping_offset(places)
            };
            let shared = &pointers;
            (
                matrix(&a, at(&a, shared[0])),
                Right::Plain(matrix(&b, at(&b, shared[1]))),
                c_of(at(&c, shared[2])),
            )
        };
        // SAFETY: as above.
        unsafe {
            gemm_batch(&engine.pool, engine.tiles, products, &matrices);
        }
        Ok(())
    }

    fn attention(&mut self, step: &Attention) -> Result<()> {
        let engine = self.engine;
        let (q, q_pointer) = self.spot(&step.q)?;
        let (k, k_pointer) = self.spot(&step.k)?;
        let (v, v_pointer) = self.spot(&step.v)?;
        let (out, out_pointer) = self.spot(&step.out)?;
        let rank = q.dims.len();
        let batch = out.dims[..rank - 2].to_vec();
        let all = [&q, &k, &v, &out];
        let fits = all.iter().all(|spot| {
            let is_row = spot.dims.last() < Some(&2) || spot.strides.last() == Some(&1);
            spot.dims.len() == rank && spot.dims.starts_with(&batch) && is_row
        }) && q.dims[rank - 1] == k.dims[rank - 1]
            && k.dims[rank - 2] == v.dims[rank - 2]
            && out.dims[rank - 2..] == [q.dims[rank - 2], v.dims[rank - 1]];
        let floats = [&step.q, &step.k, &step.v, &step.out].map(Some);
        if !fits || !self.are_floats(&floats) {
            return Err(Error::bug("the matrices of an attention do not fit to each other"));
        }
        let sizes = attention::Sizes {
            heads: batch.iter().product::<i64>() as usize,
            queries: q.dims[rank - 2] as usize,
            keys: k.dims[rank - 2] as usize,
            depth: q.dims[rank - 1] as usize,
            width: v.dims[rank - 1] as usize,
            is_guarded: step.is_guarded,
        };
        let pointers = [q_pointer, k_pointer, v_pointer, out_pointer].map(Shared);
        let pointers = &pointers;
        let at = |head: usize, spot: &Spot, pointer: &Shared| {
            let place = offset(head, &batch, &spot.strides) * size_of::<f32>() as isize;
            pointer.0.wrapping_offset(place).cast::<f32>()
        };
        let head = |head: usize, spot: &Spot, pointer: &Shared| Head {
            pointer: at(head, spot, pointer).cast_const(),
            row_stride: spot.strides[rank - 2] as isize,
        };
        let score =
            step.score.as_ref().map(|score| self.batched(score, &batch, true)).transpose()?;
        let queries = [q.dims[rank - 2], k.dims[rank - 2]];
        if score.as_ref().is_some_and(|score| score.given[..2] != queries) {
            return Err(Error::bug("a kernel of scores has other queries or keys"));
        }
        let first = First::default();
        let changed = |head: usize, queries: Range<usize>, keys: Range<usize>, tile: *mut f32| {
            if let Some(score) = &score {
                // SAFETY: `batched` has checked the places of all heads, queries and keys.
                first.keep(unsafe { score.tile(head, queries, keys, tile.cast()) });
            }
        };
        // SAFETY: `spot` has checked all places, and nothing else writes the output.
        unsafe {
            attention::attention(
                &engine.pool,
                engine.tiles,
                &sizes,
                &|n| head(n, &q, &pointers[0]),
                &|n| head(n, &k, &pointers[1]),
                &|n| head(n, &v, &pointers[2]),
                &|n| (at(n, &out, &pointers[3]), out.strides[rank - 2] as isize),
                score.is_some().then_some(&changed),
            );
        }
        first.result()
    }

    /// Whether all of these are held in float32.
    fn are_floats(&self, places: &[Option<&Place>]) -> bool {
        let buffers = places.iter().flatten().map(|place| place.buffer);
        buffers.map(|buffer| self.engine.program.buffers[buffer].dtype).all(|d| d == DataType::F32)
    }

    fn written(&mut self, to: &Place, elements: &[usize]) -> Result<()> {
        let numbers = self.numbers(elements)?;
        let dtype = self.engine.program.buffers[to.buffer].dtype;
        let area = self.area(to.buffer)?;
        if area.elements != numbers.len() {
            return Err(Error::bug("sizes have another number than was inferred"));
        }
        for (at, number) in numbers.into_iter().enumerate() {
            // SAFETY: the buffer has so many elements, and this step alone writes them.
            unsafe {
                match dtype {
                    DataType::I64 => area.pointer.cast::<i64>().add(at).write(number),
                    _ => area.pointer.cast::<i32>().add(at).write(number as i32),
                }
            }
        }
        Ok(())
    }

    /// A value as the model's type says.
    fn value(&mut self, argument: &Argument) -> Result<Option<Value>> {
        match argument {
            Argument::Value(buffer) => {
                let constant = || self.engine.constants.get(buffer).cloned().map(Value::from);
                Ok(self.values[*buffer].clone().or_else(constant))
            }
            Argument::Place { place, dtype } => {
                let (spot, _) = self.spot(place)?;
                let held = self.engine.program.buffers[place.buffer].dtype;
                let area = self.area(place.buffer)?;
                // SAFETY: `spot` has checked that its elements are inside.
                let tensor = unsafe { tensor::tensor(area.pointer, held, &spot, *dtype)? };
                Ok(Some(tensor.into()))
            }
        }
    }

    fn reference(
        &mut self,
        node: NodeId,
        inputs: &[Option<Argument>],
        captures: &[Option<Argument>],
        outputs: &[Option<(BufferId, ValueId)>],
    ) -> Result<()> {
        let mut values = |arguments: &[Option<Argument>]| -> Result<Vec<Option<Value>>> {
            let one = |argument: &Option<Argument>| match argument {
                None => Ok(None),
                Some(argument) => self.value(argument),
            };
            arguments.iter().map(one).collect()
        };
        let inputs = values(inputs)?;
        let captures = values(captures)?;
        let made = interpret::one(&self.engine.model, node, &inputs, &captures)?;
        for (output, value) in outputs.iter().zip(made) {
            if let (Some((buffer, _)), Some(value)) = (output, value) {
                self.has(*buffer, value)?;
            }
        }
        Ok(())
    }

    /// Learns the sizes that a step has made known, or that are known before all.
    fn bind(&mut self, step: Option<usize>) -> Result<()> {
        let engine = self.engine;
        let all = || engine.program.bound.iter().enumerate();
        let is_now = |run: &Self, at: usize| {
            let bound = &engine.program.bound[at];
            bound.step == step && bound.from.argument().is_some() && run.atoms[at].is_none()
        };
        if !all().any(|(at, _)| is_now(self, at)) {
            return Ok(());
        }
        for (at, bound) in all() {
            if !is_now(self, at) {
                continue;
            }
            let number = match &bound.from {
                From::Input { .. } => None,
                From::Axis { argument, axis } => match self.value(argument)? {
                    Some(Value::Tensor(tensor)) => tensor.dims.get(*axis).copied(),
                    _ => None,
                },
                From::Element { argument, at } => match self.value(argument)? {
                    Some(Value::Tensor(tensor)) => numbers::i64s(&tensor)?.get(*at).copied(),
                    _ => None,
                },
            };
            self.atoms.to_mut()[at] = number;
        }
        self.sizes = Cow::Owned(evaluated(&engine.program, &self.atoms)?);
        Ok(())
    }

    fn output(&mut self, argument: &Argument, is_whole: bool) -> Result<Value> {
        let missing = || Error::input("an output is missing");
        let (true, Argument::Place { place, dtype }) = (is_whole, argument) else {
            return self.value(argument)?.ok_or_else(missing);
        };
        let engine = self.engine;
        let (spot, _) = self.spot(place)?;
        let size = bytes(&engine.program, &self.sizes, place.buffer)?;
        if let Some(memory) = self.owned.remove(&place.buffer) {
            // SAFETY: the steps are over, and have written the whole buffer.
            let written = unsafe { Written::new(memory, size, Arc::downgrade(&engine.spare)) };
            let bytes = bytes::Bytes::from_owner(written);
            let data = crate::ir::TensorData::Bytes(bytes);
            self.values[place.buffer] = Some(Tensor::new(*dtype, spot.dims.clone(), data).into());
        }
        let whole = self.values[place.buffer].clone().ok_or_else(missing)?;
        Ok(match whole {
            Value::Tensor(tensor) => Tensor { dims: spot.dims, ..tensor }.into(),
            other => other,
        })
    }
}
