//! Programs, run on this machine's processor.

mod launch;
mod memory;
mod plan;
mod reach;
mod record;
mod slide;
mod step;
mod tensor;
mod weight;

use super::conv::Filters;
use super::gemm::Tiles;
use super::jit::{Compiled, Compiler};
use super::pool::Pool;
use crate::error::Result;
use crate::ir::{Model, Tensor};
use crate::lower::{Argument, BufferId, From, Origin, Program, Work};
use crate::ops::Value;
use crate::runtime::profile::Recorder;
use memory::{Memory, Spare};
use plan::Plan;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use weight::Weight;

/// A program with its kernels compiled and its weights packed. Runs may be under way on several threads.
pub(crate) struct Engine {
    model: Arc<Model>,
    program: Program,
    kernels: Vec<Compiled>,
    /// Right factors that are constant, by step.
    packed: HashMap<usize, Arc<Weight>>,
    /// Filters of convolutions, by step.
    filters: HashMap<usize, Filters>,
    /// Constants that steps read as they are.
    constants: HashMap<BufferId, Tensor>,
    /// By output: whether it is just what its buffer holds, which then is given out.
    is_whole: Vec<bool>,
    /// The first and the last step of each buffer.
    lives: Vec<Option<(usize, usize)>>,
    pool: Pool,
    tiles: &'static Tiles,
    compile_time: Duration,
    /// Memory of outputs that are gone.
    spare: Arc<Spare>,
    /// What runs leave for others: the plan of the last, and its memory.
    idle: Mutex<Vec<State>>,
}

/// What a run needs besides its inputs.
struct State {
    plan: Arc<Plan>,
    arena: Memory,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("steps", &self.program.steps.len())
            .field("kernels", &self.kernels.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Compiles the kernels of a program and packs its weights.
    ///
    /// # Errors
    /// Cranelift does not know this machine.
    pub(crate) fn new(model: Arc<Model>, mut program: Program, threads: usize) -> Result<Self> {
        let started = Instant::now();
        let mut compiler = Compiler::new()?;
        for kernel in std::mem::take(&mut program.kernels) {
            compiler.add(kernel)?;
        }
        let kernels = compiler.finish()?;
        let compile_time = started.elapsed();
        let pool = Pool::new(threads);
        let tiles = Tiles::native();
        let (mut packed, mut filters) = (HashMap::new(), HashMap::new());
        let mut read: HashSet<BufferId> = program.outputs.iter().map(Argument::buffer).collect();
        read.extend(program.bound.iter().filter_map(|b| b.from.argument()).map(Argument::buffer));
        for (number, step) in program.steps.iter().enumerate() {
            let mut own = None;
            match &step.work {
                Work::Product(product) if product.a.dims.len() == 2 => {
                    if let Some(tensor) = constant(&program, product.b.buffer) {
                        let weight = weight::packed(tensor, &program, &product.b, tiles, &pool)?;
                        packed.insert(number, weight);
                        own = Some(product.b.buffer);
                    }
                }
                Work::Slide { slide, .. } => {
                    if let Some((buffer, all)) = slide::filters(&program, slide, tiles, &pool)? {
                        filters.insert(number, all);
                        own = Some(buffer);
                    }
                }
                _ => {}
            }
            let mut buffers = step.work.buffers();
            if let Some(at) = buffers.iter().position(|&buffer| Some(buffer) == own) {
                // What else the step does may read it as it is.
                buffers.swap_remove(at);
            }
            read.extend(buffers);
        }
        let mut constants = HashMap::new();
        let typed: HashSet<BufferId> = program.steps.iter().flat_map(|s| s.work.typed()).collect();
        for buffer in read {
            if let Some(tensor) = constant(&program, buffer) {
                // Compiled kernels read elements wherever they begin.
                let own = match typed.contains(&buffer) {
                    true => tensor::aligned(tensor)?,
                    false => tensor.clone(),
                };
                constants.insert(buffer, own);
            }
        }
        for buffer in &mut program.buffers {
            if let Origin::Constant(tensor) = &mut buffer.origin {
                *tensor = crate::ops::zero(tensor.dtype);
            }
        }
        let is_whole = program.outputs.iter().map(|o| is_whole(&program, o)).collect();
        let lives = lives(&program);
        Ok(Self {
            model,
            program,
            kernels,
            packed,
            filters,
            constants,
            is_whole,
            lives,
            pool,
            tiles,
            compile_time,
            spare: Arc::default(),
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Buffers that are given out.
    fn given_out(&self) -> HashSet<BufferId> {
        let outputs = self.program.outputs.iter().zip(&self.is_whole);
        outputs.filter(|(_, whole)| **whole).map(|(output, _)| output.buffer()).collect()
    }

    /// The kernels of the program.
    pub(crate) fn kernels(&self) -> impl Iterator<Item = &crate::kernel::Kernel> {
        self.kernels.iter().map(Compiled::kernel)
    }

    /// How long compiling kernels took.
    pub(crate) fn compile_time(&self) -> Duration {
        self.compile_time
    }

    /// Runs the program. Inputs are by slot, and of the types that the model says.
    ///
    /// # Errors
    /// A size or an index does not fit; an operator cannot be run.
    pub(crate) fn run(
        &self,
        inputs: &[Option<Value>],
        recorder: Option<&Recorder>,
    ) -> Result<Vec<Value>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let state = idle.pop();
        drop(idle);
        let key = self.key(inputs)?;
        let (plan, arena) = match state {
            Some(State { plan, arena }) if plan.key == key => (plan, arena),
            other => {
                let plan = Arc::new(Plan::new(self, key)?);
                let enough = other.map(|state| state.arena).filter(|a| a.len() >= plan.arena);
                let arena = enough.map_or_else(|| Memory::new(plan.arena), Ok)?;
                (plan, arena)
            }
        };
        let mut run = step::Run::new(self, &plan, &arena, inputs)?;
        let outputs = run.all(recorder);
        drop(run);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(State { plan, arena });
        outputs
    }

    /// The atoms of sizes that inputs say, in the order of the program's.
    fn key(&self, inputs: &[Option<Value>]) -> Result<Vec<Option<i64>>> {
        let of = |slot: usize| match inputs.get(slot) {
            Some(Some(Value::Tensor(tensor))) => Some(tensor),
            _ => None,
        };
        let mut key = Vec::with_capacity(self.program.bound.len());
        for bound in &self.program.bound {
            key.push(match &bound.from {
                From::Input { slot, axis } => {
                    of(*slot).and_then(|tensor| tensor.dims.get(*axis).copied())
                }
                From::Element { argument: Argument::Value(buffer), at } if bound.step.is_none() => {
                    match self.program.buffers[*buffer].origin {
                        Origin::Input(slot) => match of(slot) {
                            Some(tensor) => crate::ops::numbers::i64s(tensor)?.get(*at).copied(),
                            None => None,
                        },
                        _ => None,
                    }
                }
                _ => None,
            });
        }
        Ok(key)
    }
}

fn constant(program: &Program, buffer: BufferId) -> Option<&Tensor> {
    match &program.buffers[buffer].origin {
        Origin::Constant(tensor) => Some(tensor),
        _ => None,
    }
}

/// Whether an output is all that a buffer holds, of its type and in order.
fn is_whole(program: &Program, output: &Argument) -> bool {
    match output {
        Argument::Place { place, dtype } => {
            let buffer = &program.buffers[place.buffer];
            let is_made = matches!(buffer.origin, Origin::Made) && buffer.dtype == *dtype;
            is_made && tensor::is_whole(program, place)
        }
        Argument::Value(_) => false,
    }
}

/// The first and the last step of each buffer.
fn lives(program: &Program) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; program.buffers.len()];
    for (number, step) in program.steps.iter().enumerate() {
        for buffer in step.work.buffers() {
            let life = lives[buffer].get_or_insert((number, number));
            life.1 = number;
        }
    }
    let outputs = program.outputs.iter();
    let ends = outputs.chain(program.bound.iter().filter_map(|bound| bound.from.argument()));
    for argument in ends {
        if let Some(life) = &mut lives[argument.buffer()] {
            life.1 = program.steps.len();
        }
    }
    lives
}
