//! What threads do.

use super::{MAX_THREADS, WARP};
use crate::kernel::Operation;
use crate::kernel::ir::{Amount, Buffer, BufferId, Type};

/// A variable that each thread has for itself, by its number. The first are the given integers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Register(pub u32);

/// What an operation takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Operand {
    /// A register.
    Register(Register),
    /// An integer.
    Integer(i64),
}

/// What all threads of a launch do.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// The kernel's name.
    pub name: String,
    /// Names of the given integers.
    pub given: Vec<String>,
    /// What is read and written.
    pub buffers: Vec<Buffer>,
    /// The types of registers.
    pub registers: Vec<Type>,
    /// Arrays that the threads of a block share: types of their elements, of which each has one for
    /// every warp.
    pub shared: Vec<Type>,
    /// What each thread does.
    pub body: Vec<Step>,
    /// How threads take parts in the work.
    pub(super) work: Work,
}

/// How threads take parts in the work.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Work {
    /// Who does one pass of the grid.
    pub(super) team: Team,
    /// The extents of the grid.
    pub(super) grid: Vec<Amount>,
    /// The extents of loops whose passes the threads do side by side, and how many passes a thread
    /// does at once.
    pub(super) lanes: Vec<(Amount, i64)>,
}

/// Who does one pass of the grid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Team {
    /// A thread.
    Thread,
    /// The threads of a block.
    Block,
}

/// A launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Launch {
    /// How many blocks, in one dimension.
    pub blocks: u32,
    /// Threads of each, in one dimension: a multiple of [`WARP`], at most [`MAX_THREADS`].
    pub threads: u32,
}

impl Program {
    /// A launch that suits these integers: warps for the longest loop of lanes, a block for each pass
    /// of the grid; or blocks of 256 threads for all.
    pub fn launch(&self, given: &[i64]) -> Launch {
        let amount = |amount: &Amount| match *amount {
            Amount::Constant(number) => number,
            Amount::Given(at) => given.get(at as usize).copied().unwrap_or(0),
        };
        let passes = self.work.grid.iter().map(|a| amount(a).max(0)).fold(1, i64::saturating_mul);
        let lanes = self
            .work
            .lanes
            .iter()
            .map(|(a, width)| amount(a).max(0).saturating_add(width - 1) / width);
        let lanes = lanes.max().unwrap_or(1);
        let (blocks, threads) = match self.work.team {
            Team::Block => (passes, lanes.clamp(1, i64::from(MAX_THREADS))),
            Team::Thread => (passes.saturating_mul(lanes).saturating_add(255) / 256, 256),
        };
        Launch {
            blocks: blocks.clamp(1, i64::from(i32::MAX)) as u32,
            threads: (threads as u32).next_multiple_of(WARP),
        }
    }
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Gives a register its value, or another.
    Set {
        /// The register.
        result: Register,
        /// Its value.
        source: Source,
        /// Whether it has had one.
        is_again: bool,
    },
    /// One after the other: the quotient and the remainder of integers that are not negative, by one
    /// that is not 0.
    Split {
        /// Quotient and remainder.
        results: [Register; 2],
        /// What is divided.
        value: Operand,
        /// By what.
        by: Operand,
    },
    /// Elements one behind the other; of several the first one's address is a multiple of all their
    /// bytes.
    Load {
        /// What they are loaded into.
        results: Vec<Register>,
        /// The buffer.
        buffer: BufferId,
        /// Where the first is.
        place: Operand,
        /// Whether it may be outside: then nothing is loaded, the values are 0, and it is a fault.
        is_checked: bool,
    },
    /// As `Load`.
    Store {
        /// What is stored, rounded once to the buffer's type.
        values: Vec<Register>,
        /// The buffer.
        buffer: BufferId,
        /// Where the first is.
        place: Operand,
        /// Whether it may be outside: then nothing is stored, and it is a fault.
        is_checked: bool,
    },
    /// Stores in shared memory.
    Share {
        /// The array.
        array: u32,
        /// Where.
        place: Operand,
        /// What.
        value: Register,
    },
    /// What is done where a boolean holds.
    If {
        /// The boolean.
        condition: Register,
        /// What.
        body: Vec<Step>,
    },
    /// A loop from an integer as long as it is below another.
    Loop {
        /// The integer of each pass.
        index: Register,
        /// The first.
        from: Operand,
        /// The end.
        to: Operand,
        /// What is added behind each pass, more than 0.
        step: Operand,
        /// Each pass.
        body: Vec<Step>,
    },
    /// The threads of a block wait for each other, and see what they have written.
    Barrier,
}

/// What a register is given.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// A number, the nearest of the register's type.
    Number(f64),
    /// The value of another.
    Copy(Operand),
    /// The thread's number in its block.
    Thread,
    /// How many threads a block has.
    Threads,
    /// The number of the block.
    Block,
    /// How many blocks there are.
    Blocks,
    /// Whether a buffer's address is a multiple of so many bytes, a power of two.
    IsAligned(BufferId, u32),
    /// An operation.
    Operation(Operation, Vec<Operand>),
    /// A value of the thread of the warp whose number differs in these bits.
    Shuffle(Register, u32),
    /// An element of a shared array.
    Shared(u32, Operand),
}
