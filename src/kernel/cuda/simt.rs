//! What the threads of a launch do, without a device.
//!
//! Blocks run one after the other, the threads of one in lock step. That hides which of two threads comes
//! first; so it is an error where that matters: see [`races`].

mod memory;
mod races;

use super::form::{Launch, Operand, Program, Register, Source, Step};
use super::{WARP, WARPS};
use crate::kernel::Operation;
use crate::kernel::interpret::{Memory, Number, operate};
use crate::kernel::ir::{BufferId, Type};
use memory::Global;
use races::{Race, Who};

/// Runs a launch on buffers that begin at these addresses. Floats are computed in the types that they
/// have. Gives the buffer in which a computed place was outside, if there was one.
///
/// # Errors
/// A place is outside of its buffer or not aligned; two threads meet in memory without a barrier between
/// them; threads part before a barrier or an exchange; there are not as many integers or buffers as the
/// kernel has.
pub fn simulate(
    program: &Program,
    launch: Launch,
    given: &[i64],
    memory: &mut [Memory],
    addresses: &[u64],
) -> Result<Option<BufferId>, String> {
    let counts = (given.len(), memory.len(), addresses.len());
    let buffers = program.buffers.len();
    if counts != (program.given.len(), buffers, buffers) {
        return Err(format!("{}: another number of arguments", program.name));
    }
    let mut global = Global::new(program, memory, addresses);
    for block in 0..launch.blocks {
        let threads = launch.threads as usize;
        let mut registers = vec![vec![None; threads]; program.registers.len()];
        for (register, number) in registers.iter_mut().zip(given) {
            register.fill(Some(Number::Integer(*number)));
        }
        let shared = vec![vec![None; WARPS as usize]; program.shared.len()];
        let races = vec![vec![Race::default(); WARPS as usize]; program.shared.len()];
        let mut machine =
            Machine { program, launch, block, registers, shared, races, epoch: 0, global };
        let all: Vec<usize> = (0..threads).collect();
        machine.steps(&program.body, &all)?;
        global = machine.global;
    }
    Ok(global.fault)
}

/// A block.
struct Machine<'a> {
    program: &'a Program,
    launch: Launch,
    block: u32,
    /// Of each register, the value of each thread.
    registers: Vec<Vec<Option<Number>>>,
    shared: Vec<Vec<Option<Number>>>,
    races: Vec<Vec<Race>>,
    /// How many barriers there were.
    epoch: u32,
    global: Global<'a>,
}

impl Machine<'_> {
    /// Statements, by some of the threads.
    fn steps(&mut self, steps: &[Step], threads: &[usize]) -> Result<(), String> {
        steps.iter().try_for_each(|step| self.step(step, threads))
    }

    fn step(&mut self, step: &Step, threads: &[usize]) -> Result<(), String> {
        match step {
            Step::Set { result, source, .. } => self.set_all(*result, source, threads)?,
            Step::Split { results, value, by } => {
                for &thread in threads {
                    let (x, y) = (self.integer(*value, thread)?, self.integer(*by, thread)?);
                    if x < 0 || y <= 0 {
                        return Err(format!("{x} is split by {y}"));
                    }
                    self.set(results[0], thread, Number::Integer(x / y));
                    self.set(results[1], thread, Number::Integer(x % y));
                }
            }
            Step::Load { results, buffer, place, is_checked } => {
                for &thread in threads {
                    let (place, who) = (self.integer(*place, thread)?, self.who(thread));
                    for (lane, result) in results.iter().enumerate() {
                        let is_bool = self.ty(*result) == Type::Bool;
                        let element = (place, lane, results.len());
                        let number = self.global.load(*buffer, element, *is_checked, who)?;
                        let number = match number {
                            Number::Integer(integer) if is_bool => Number::Bool(integer != 0),
                            other => other,
                        };
                        self.set(*result, thread, number);
                    }
                }
            }
            Step::Store { values, buffer, place, is_checked } => {
                for &thread in threads {
                    let (place, who) = (self.integer(*place, thread)?, self.who(thread));
                    for (lane, value) in values.iter().enumerate() {
                        let (value, element) =
                            (self.value(*value, thread)?, (place, lane, values.len()));
                        self.global.store(*buffer, element, *is_checked, who, value)?;
                    }
                }
            }
            Step::Share { array, place, value } => {
                for &thread in threads {
                    let place = self.integer(*place, thread)?;
                    let (value, who) = (self.value(*value, thread)?, self.who(thread));
                    let race = shared(&mut self.races, *array, place)?;
                    race.write(who).map_err(|e| format!("shared {array}[{place}] {e}"))?;
                    *shared(&mut self.shared, *array, place)? = Some(value);
                }
            }
            Step::If { condition, body } => {
                let mut inside = Vec::new();
                for &thread in threads {
                    if self.value(*condition, thread)? == Number::Bool(true) {
                        inside.push(thread);
                    }
                }
                self.steps(body, &inside)?;
            }
            Step::Loop { index, from, to, step, body } => {
                self.looped(*index, [*from, *to, *step], body, threads)?;
            }
            Step::Barrier => {
                if threads.len() != self.launch.threads as usize {
                    return Err(format!("{} threads alone at a barrier", threads.len()));
                }
                self.epoch += 1;
            }
        }
        Ok(())
    }

    fn looped(
        &mut self,
        index: Register,
        [from, to, step]: [Operand; 3],
        body: &[Step],
        threads: &[usize],
    ) -> Result<(), String> {
        let mut running = Vec::new();
        for &thread in threads {
            let [from, to, step] = [from, to, step].map(|operand| self.integer(operand, thread));
            let (from, to, step) = (from?, to?, step?);
            if step <= 0 {
                return Err(format!("a loop goes by {step}"));
            }
            running.push((thread, from, to, step));
        }
        loop {
            running.retain(|(_, at, to, _)| at < to);
            if running.is_empty() {
                return Ok(());
            }
            for &(thread, at, ..) in &running {
                self.set(index, thread, Number::Integer(at));
            }
            let threads: Vec<usize> = running.iter().map(|(thread, ..)| *thread).collect();
            self.steps(body, &threads)?;
            running.iter_mut().for_each(|(_, at, _, step)| *at = at.saturating_add(*step));
        }
    }

    fn set_all(
        &mut self,
        result: Register,
        source: &Source,
        threads: &[usize],
    ) -> Result<(), String> {
        let ty = self.ty(result);
        if let Source::Shuffle(value, bits) = source {
            return self.shuffle(result, *value, *bits as usize, threads);
        }
        for &thread in threads {
            let number = match source {
                Source::Number(number) => Number::constant(ty, *number),
                Source::Copy(operand) => self.operand(*operand, thread)?,
                Source::Thread => Number::Integer(thread as i64),
                Source::Threads => Number::Integer(self.launch.threads.into()),
                Source::Block => Number::Integer(self.block.into()),
                Source::Blocks => Number::Integer(self.launch.blocks.into()),
                Source::IsAligned(buffer, bytes) => {
                    Number::Bool(self.global.is_aligned(*buffer, 0, (*bytes).into()))
                }
                Source::Operation(operation, arguments) => {
                    let arguments: Vec<Number> = arguments
                        .iter()
                        .map(|operand| self.operand(*operand, thread))
                        .collect::<Result<_, _>>()?;
                    operated(*operation, &arguments, ty)
                        .ok_or_else(|| format!("{} takes no {arguments:?}", operation.name()))?
                }
                Source::Shared(array, place) => {
                    let (place, who) = (self.integer(*place, thread)?, self.who(thread));
                    let race = shared(&mut self.races, *array, place)?;
                    race.read(who).map_err(|e| format!("shared {array}[{place}] {e}"))?;
                    let found = *shared(&mut self.shared, *array, place)?;
                    found.ok_or_else(|| format!("shared {array}[{place}] has no value"))?
                }
                Source::Shuffle(..) => return Err("an exchange is of all threads".to_owned()),
            };
            self.set(result, thread, number);
        }
        Ok(())
    }

    fn shuffle(
        &mut self,
        result: Register,
        value: Register,
        bits: usize,
        threads: &[usize],
    ) -> Result<(), String> {
        let values = threads.iter().map(|&thread| {
            // The threads of a warp are in order: all are there where its first and last are.
            let (first, warp) = (thread - thread % WARP as usize, WARP as usize);
            let at = threads.binary_search(&first).unwrap_or(usize::MAX - warp);
            match threads.get(at + warp - 1) {
                Some(last) if *last == first + warp - 1 => self.value(value, thread ^ bits),
                _ => Err(format!("thread {thread} exchanges with others that are not there")),
            }
        });
        let values: Vec<Number> = values.collect::<Result<_, _>>()?;
        for (&thread, number) in threads.iter().zip(values) {
            self.set(result, thread, number);
        }
        Ok(())
    }

    fn who(&self, thread: usize) -> Who {
        Who { block: self.block, epoch: self.epoch, thread: thread as u32 }
    }

    fn ty(&self, register: Register) -> Type {
        self.program.registers[register.0 as usize]
    }

    fn set(&mut self, register: Register, thread: usize, number: Number) {
        self.registers[register.0 as usize][thread] = Some(number);
    }

    fn value(&self, register: Register, thread: usize) -> Result<Number, String> {
        let value = self.registers[register.0 as usize][thread];
        value.ok_or_else(|| format!("register {} has no value", register.0))
    }

    fn operand(&self, operand: Operand, thread: usize) -> Result<Number, String> {
        match operand {
            Operand::Register(register) => self.value(register, thread),
            Operand::Integer(number) => Ok(Number::Integer(number)),
        }
    }

    fn integer(&self, operand: Operand, thread: usize) -> Result<i64, String> {
        match self.operand(operand, thread)? {
            Number::Integer(number) => Ok(number),
            other => Err(format!("{other:?} is no integer")),
        }
    }
}

/// An element of a shared array.
fn shared<T>(arrays: &mut [Vec<T>], array: u32, place: i64) -> Result<&mut T, String> {
    let element = usize::try_from(place).ok().and_then(|at| arrays[array as usize].get_mut(at));
    element.ok_or_else(|| format!("shared {array}[{place}] is outside"))
}

/// An operation, in the type of its result.
fn operated(operation: Operation, arguments: &[Number], ty: Type) -> Option<Number> {
    let single = |x: f64| Number::Float(f64::from(x as f32));
    if let (Operation::Fma, Type::F32, &[Number::Float(x), Number::Float(y), Number::Float(z)]) =
        (operation, ty, arguments)
    {
        return Some(single((x as f32).mul_add(y as f32, z as f32).into()));
    }
    // Rounded twice is as rounded once, since float64 has more than twice the bits.
    match operate(operation, arguments, ty)? {
        Number::Float(x) if ty == Type::F32 => Some(single(x)),
        other => Some(other),
    }
}
