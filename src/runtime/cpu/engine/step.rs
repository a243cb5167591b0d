//! One run of a program.

use super::launch::{Batched, First, Ready, offset};
use super::memory::{Memory, Written};
use super::plan::{Plan, bytes, evaluated};
use super::tensor::{self, Spot, spot};
use super::{Engine, record};
use crate::error::{Error, Result};
use crate::ir::{DataType, NodeId, Tensor, ValueId};
use crate::lower::{
    Argument, Attention, BufferId, From, Launch, Origin, Place, Product, Split, Step, Work,
};
use crate::ops::{Value, numbers};
use crate::runtime::cpu::attention::{self, Head};
use crate::runtime::cpu::gemm::{Matrix, MatrixMut, Right, gemm, gemm_batch};
use crate::runtime::interpret;
use crate::runtime::profile::Recorder;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Memory of a buffer: where it is, and how many elements it has.
#[derive(Clone, Copy)]
struct Area {
    pointer: *mut u8,
    elements: usize,
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
            run.has(buffer, tensor.clone().into())?;
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

    /// A buffer holds a value.
    fn has(&mut self, buffer: BufferId, value: Value) -> Result<()> {
        let about = &self.engine.program.buffers[buffer];
        let value = match value {
            Value::Tensor(tensor) => Value::Tensor(tensor::aligned(&tensor)?),
            other => other,
        };
        if let Value::Tensor(tensor) = &value
            && tensor.dtype == about.dtype
            && let Some(bytes) = tensor.bytes()
        {
            let elements = bytes.len() / tensor::size(tensor.dtype);
            let pointer = bytes.as_ptr().cast_mut();
            self.areas[buffer] = Some(Area { pointer, elements });
        }
        self.values[buffer] = Some(value);
        Ok(())
    }

    /// The memory of a buffer, which is made now where its size was not known before.
    fn area(&mut self, buffer: BufferId) -> Result<Area> {
        if let Some(area) = self.areas[buffer] {
            return Ok(area);
        }
        let program = &self.engine.program;
        if !matches!(program.buffers[buffer].origin, Origin::Made) {
            return Err(Error::bug("a value is of another type than was inferred"));
        }
        let memory = Memory::new(bytes(program, &self.sizes, buffer)?);
        let area = Area { pointer: memory.pointer(), elements: self.elements(buffer)? };
        self.owned.insert(buffer, memory);
        self.areas[buffer] = Some(area);
        Ok(area)
    }

    /// The sizes of a place as numbers, and where it begins.
    pub(super) fn spot(&mut self, place: &Place) -> Result<(Spot, *mut u8)> {
        let spot = spot(&self.sizes, place)?;
        let area = self.area(place.buffer)?;
        if !spot.is_inside(area.elements) {
            return Err(Error::bug(format!(
                "a place of sizes {:?} is outside of its {} elements",
                spot.dims, area.elements
            )));
        }
        let size = tensor::size(self.engine.program.buffers[place.buffer].dtype);
        let pointer = area.pointer.wrapping_offset(spot.offset as isize * size as isize);
        Ok((spot, pointer))
    }

    /// Runs all steps: the outputs.
    pub(super) fn all(&mut self, recorder: Option<&Recorder>) -> Result<Vec<Value>> {
        let engine = self.engine;
        for (number, step) in engine.program.steps.iter().enumerate() {
            let graph = &engine.model.graph;
            let start = recorder.map(Recorder::now);
            self.step(number, step).map_err(|e| e.within(graph.describe(step.node)))?;
            if let (Some(recorder), Some(start)) = (recorder, start) {
                recorder.record(record::event(engine, &self.sizes, step, start, recorder.now()));
            }
            self.bind(number)?;
        }
        engine.program.outputs.iter().map(|argument| self.output(argument)).collect()
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
        self.sizes[id].ok_or_else(|| Error::bug("a size is not known yet"))
    }

    fn numbers(&self, ids: &[usize]) -> Result<Vec<i64>> {
        ids.iter().map(|&id| self.number(id)).collect()
    }

    /// A kernel with its memory; all places of its loops have been checked.
    fn ready(&mut self, launch: &Launch) -> Result<Ready<'r>> {
        let engine = self.engine;
        let loops = self.numbers(&launch.loops)?;
        let given = self.numbers(&launch.given)?;
        let count = launch.operands.len();
        let mut ready = Ready {
            kernel: &engine.kernels[launch.kernel],
            pointers: Vec::with_capacity(count),
            lengths: Vec::with_capacity(count),
            steps: Vec::with_capacity(count),
            given,
            loops,
            split: launch.split,
        };
        for operand in &launch.operands {
            let area = self.area(operand.buffer)?;
            let offset = self.number(operand.offset)?;
            let strides = self.numbers(&operand.strides)?;
            let size = tensor::size(engine.program.buffers[operand.buffer].dtype);
            let spot = Spot { offset, dims: ready.loops.clone(), strides };
            let is_all = spot.strides.len() == spot.dims.len();
            if is_all && !spot.is_inside(area.elements) {
                return Err(Error::bug(format!(
                    "a kernel's loops {:?} lead outside of {} elements",
                    spot.dims, area.elements
                )));
            }
            let step = spot.strides.last().copied().unwrap_or(0);
            ready.pointers.push(area.pointer.wrapping_offset(offset as isize * size as isize));
            ready.lengths.push(area.elements as i64 - offset);
            ready.steps.push(step as isize * size as isize);
        }
        Ok(ready)
    }

    fn product(&mut self, number: usize, product: &Product) -> Result<()> {
        let engine = self.engine;
        let (a, a_pointer) = self.spot(&product.a)?;
        let (c, c_pointer) = self.spot(&product.c)?;
        let packed = engine.packed.get(&number);
        let (b, b_pointer) = match packed {
            Some(_) => (spot(&self.sizes, &product.b)?, std::ptr::null_mut()),
            None => self.spot(&product.b)?,
        };
        let tail = product.tail.as_ref().map(|tail| self.ready(tail)).transpose()?;
        let rank = a.dims.len();
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
            gemm_batch(&engine.pool, engine.tiles, products, &matrices, &|_, _, _| ());
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
        let sizes = attention::Sizes {
            heads: batch.iter().product::<i64>() as usize,
            queries: q.dims[rank - 2] as usize,
            keys: k.dims[rank - 2] as usize,
            depth: q.dims[rank - 1] as usize,
            width: v.dims[rank - 1] as usize,
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

    /// A kernel that is run on tiles, with its memory; in attention the tile is its first operand.
    pub(super) fn batched(
        &mut self,
        launch: &Launch,
        batch: &[i64],
        is_score: bool,
    ) -> Result<Batched<'r>> {
        let engine = self.engine;
        let loops = self.numbers(&launch.loops)?;
        let mut batched = Batched {
            kernel: &engine.kernels[launch.kernel],
            batch: batch.to_vec(),
            given: self.numbers(&launch.given)?,
            pointers: Vec::new(),
            lengths: Vec::new(),
            strides: Vec::new(),
        };
        for (number, operand) in launch.operands.iter().enumerate() {
            if is_score && number == 0 {
                batched.pointers.push(std::ptr::null_mut());
                batched.lengths.push(i64::MAX);
                batched.strides.push(None);
                continue;
            }
            let area = self.area(operand.buffer)?;
            let offset = self.number(operand.offset)?;
            let strides = self.numbers(&operand.strides)?;
            let size = tensor::size(engine.program.buffers[operand.buffer].dtype);
            let spot = Spot { offset, dims: [batch, &loops].concat(), strides };
            if !spot.is_inside(area.elements) {
                return Err(Error::bug("what a kernel reads of a tile is outside of its memory"));
            }
            batched.pointers.push(area.pointer.wrapping_offset(offset as isize * size as isize));
            batched.lengths.push(area.elements as i64 - offset);
            let strides = spot.strides.iter().map(|stride| stride * size as i64).collect();
            batched.strides.push(Some(strides));
        }
        Ok(batched)
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
            Argument::Value(buffer) => Ok(self.values[*buffer].clone()),
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

    /// Learns the sizes that a step has made known.
    fn bind(&mut self, number: usize) -> Result<()> {
        let engine = self.engine;
        let now = |step: Option<usize>| step == Some(number);
        if !engine.program.bound.iter().any(|bound| now(bound.step)) {
            return Ok(());
        }
        for (at, bound) in engine.program.bound.iter().enumerate() {
            if !now(bound.step) || self.atoms[at].is_some() {
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

    fn output(&mut self, argument: &Argument) -> Result<Value> {
        let missing = || Error::input("an output is missing");
        let Argument::Place { place, dtype } = argument else {
            return self.value(argument)?.ok_or_else(missing);
        };
        if !self.engine.given_out.contains(&place.buffer)
            || !tensor::is_whole(&self.engine.program, place)
        {
            return self.value(argument)?.ok_or_else(missing);
        }
        let (spot, _) = self.spot(place)?;
        if let Some(memory) = self.owned.remove(&place.buffer) {
            // SAFETY: the steps are over, and have written the whole buffer.
            let written = unsafe { Written::new(memory) };
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
