//! From loops to threads.
//!
//! Passes of the outermost grids are spread over all threads, with the lanes where a grid has nothing
//! else in it but one loop of them; or, where there are lanes among other things, over blocks. Then the
//! threads of a block do the lanes side by side, and all else alike, but only the first stores. They wait
//! for each other where memory that others have written is read, or where it is written again.

mod body;
mod lanes;
mod order;
mod plan;

use super::form::{Operand, Program, Register, Source, Step, Team, Work};
use crate::kernel::ir::{Amount, AxisId, Kernel, Type, ValueId};
use crate::kernel::{Operation, check};
use lanes::{End, Lanes};
use order::Order;
use plan::Plan;
use std::collections::HashMap;

/// What the threads of a launch do.
///
/// # Errors
/// What is wrong with the kernel: see [`check`].
pub fn lower(kernel: &Kernel) -> Result<Program, String> {
    check(kernel)?;
    let plan = Plan::of(kernel);
    let mut lowering = Lowering::new(kernel, &plan);
    lowering.thread = lowering.set(Type::I64, Source::Thread).into();
    lowering.threads = lowering.set(Type::I64, Source::Threads).into();
    match plan.team {
        Team::Thread => lowering.threads(&plan),
        Team::Block => lowering.blocks(&plan),
    }
    let Lowering { mut program, first, steps, .. } = lowering;
    program.body = first.into_iter().chain(steps).collect();
    Ok(program)
}

/// What is known while a program is made.
struct Lowering<'k> {
    kernel: &'k Kernel,
    program: Program,
    /// What is done before all else.
    first: Vec<Step>,
    steps: Vec<Step>,
    /// The registers of values: one, or one for each lane that a thread does at once.
    values: HashMap<ValueId, Vec<Register>>,
    /// The indices of the loops around.
    axes: HashMap<AxisId, Register>,
    /// The lanes that this is in.
    lanes: Option<Lanes>,
    /// Where the lanes end that are done several at once.
    ends: HashMap<End, Register>,
    order: Order,
    /// The number of the thread in its block, and how many that has.
    thread: Operand,
    threads: Operand,
}

impl<'k> Lowering<'k> {
    fn new(kernel: &'k Kernel, plan: &Plan<'k>) -> Self {
        let grid = plan.grid.iter().map(|axis| axis.extent).collect();
        let program = Program {
            name: kernel.name.clone(),
            given: kernel.given.clone(),
            buffers: kernel.buffers.clone(),
            registers: vec![Type::I64; kernel.given.len()],
            shared: Vec::new(),
            body: Vec::new(),
            work: Work { team: plan.team, grid, lanes: Vec::new() },
        };
        Self {
            kernel,
            program,
            first: Vec::new(),
            steps: Vec::new(),
            values: HashMap::new(),
            axes: HashMap::new(),
            lanes: None,
            ends: HashMap::new(),
            order: Order::new(&plan.written),
            thread: Operand::Integer(0),
            threads: Operand::Integer(1),
        }
    }

    /// Passes of the grid, and of lanes in it, by threads.
    fn threads(&mut self, plan: &Plan<'k>) {
        let [block, blocks] = self.grid();
        let first = self.mul(block, self.threads);
        let first = self.add(first, self.thread);
        let all = self.mul(blocks, self.threads);
        let Some(lane) = plan.lane else {
            return self.spread(plan, &[], first, all, &|own, _| own.block(plan.body));
        };
        self.lane_parts(&lane, plan.body, &|own, part| {
            let count = own.lane_count(part);
            own.spread(plan, &[count], first, all, &|own, inner| {
                let number = own.mul(inner[0], Operand::Integer(part.width));
                let number = own.add(number, part.from);
                let number = own.in_register(number);
                own.lane_pass(&lane, plan.body, part.width, number, &|_| ());
            });
        });
    }

    /// Passes of the grid by blocks.
    fn blocks(&mut self, plan: &Plan<'k>) {
        let [block, blocks] = self.grid();
        self.spread(plan, &[], block, blocks, &|own, _| own.block(plan.body));
    }

    /// The number of the block, and how many there are.
    fn grid(&mut self) -> [Operand; 2] {
        [Source::Block, Source::Blocks].map(|source| self.set(Type::I64, source).into())
    }

    /// The passes of the grid, with inner ones of these counts: of all, this thread or block does the
    /// `from`th and every `step`th behind it.
    fn spread(
        &mut self,
        plan: &Plan<'k>,
        inner: &[Operand],
        from: Operand,
        step: Operand,
        body: &dyn Fn(&mut Self, &[Operand]),
    ) {
        let mut counts: Vec<Operand> = plan.grid.iter().map(|axis| amount(axis.extent)).collect();
        counts.extend(inner);
        if counts.len() > 1 {
            for count in counts.iter_mut().filter(|count| matches!(count, Operand::Register(_))) {
                *count = self.integer(Operation::Max, &[*count, Operand::Integer(0)]);
            }
        }
        let total = counts.iter().copied().reduce(|all, count| self.mul(all, count));
        let total = total.unwrap_or(Operand::Integer(1));
        self.looped(from, total, step, true, &|own, item| {
            let indices = own.parted(item, &counts);
            for (axis, index) in plan.grid.iter().zip(&indices) {
                own.axes.insert(axis.id, *index);
            }
            plan.before.iter().for_each(|stmt| own.stmt(stmt));
            let inner: Vec<Operand> =
                indices[plan.grid.len()..].iter().map(|index| (*index).into()).collect();
            body(own, &inner);
        });
    }

    /// The indices of a pass of loops of these counts, the last of which runs fastest.
    fn parted(&mut self, item: Register, counts: &[Operand]) -> Vec<Register> {
        let mut indices = vec![item];
        for count in counts.iter().skip(1).rev() {
            let results = [self.register(Type::I64), self.register(Type::I64)];
            self.steps.push(Step::Split { results, value: indices[0].into(), by: *count });
            indices[0] = results[1];
            indices.insert(0, results[0]);
        }
        indices
    }

    /// A loop. Its body is made again where what is behind it has to be ordered with what is before it.
    fn looped(
        &mut self,
        from: Operand,
        to: Operand,
        step: Operand,
        is_independent: bool,
        body: &dyn Fn(&mut Self, Register),
    ) {
        let index = self.register(Type::I64);
        let mut before = self.order.clone();
        loop {
            let (registers, shared) = (self.program.registers.len(), self.program.shared.len());
            let (first, ends) = (self.first.len(), self.ends.clone());
            self.order = before.clone();
            let made = self.within(|own| body(own, index));
            if !before.join(&self.order, is_independent) {
                before.join(&self.order, false);
                self.order = before;
                self.steps.push(Step::Loop { index, from, to, step, body: made });
                return;
            }
            self.program.registers.truncate(registers);
            self.program.shared.truncate(shared);
            self.first.truncate(first);
            self.ends = ends;
        }
    }

    /// The steps that are made here.
    fn within(&mut self, make: impl FnOnce(&mut Self)) -> Vec<Step> {
        let around = std::mem::take(&mut self.steps);
        make(self);
        std::mem::replace(&mut self.steps, around)
    }

    fn register(&mut self, ty: Type) -> Register {
        self.program.registers.push(ty);
        Register(self.program.registers.len() as u32 - 1)
    }

    fn set(&mut self, ty: Type, source: Source) -> Register {
        let result = self.register(ty);
        self.steps.push(Step::Set { result, source, is_again: false });
        result
    }

    fn in_register(&mut self, operand: Operand) -> Register {
        match operand {
            Operand::Register(register) => register,
            integer => self.set(Type::I64, Source::Copy(integer)),
        }
    }

    fn integer(&mut self, operation: Operation, arguments: &[Operand]) -> Operand {
        self.set(Type::I64, Source::Operation(operation, arguments.to_vec())).into()
    }

    fn add(&mut self, x: Operand, y: Operand) -> Operand {
        match (x, y) {
            (Operand::Integer(0), other) | (other, Operand::Integer(0)) => other,
            (Operand::Integer(x), Operand::Integer(y)) => Operand::Integer(x.wrapping_add(y)),
            _ => self.integer(Operation::Add, &[x, y]),
        }
    }

    fn mul(&mut self, x: Operand, y: Operand) -> Operand {
        match (x, y) {
            (Operand::Integer(1), other) | (other, Operand::Integer(1)) => other,
            (Operand::Integer(x), Operand::Integer(y)) => Operand::Integer(x.wrapping_mul(y)),
            _ => self.integer(Operation::Mul, &[x, y]),
        }
    }
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

/// An amount: the given integers are the first registers.
fn amount(amount: Amount) -> Operand {
    match amount {
        Amount::Constant(number) => Operand::Integer(number),
        Amount::Given(at) => Register(at).into(),
    }
}
