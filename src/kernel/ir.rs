//! What a kernel is made of.

use super::Operation;
use crate::ir::DataType;

/// The type of a value while it is computed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 64-bit signed integer.
    I64,
    /// Boolean.
    Bool,
}

impl Type {
    /// All.
    pub(super) const ALL: [Self; 4] = [Self::F32, Self::F64, Self::I64, Self::Bool];

    /// The type in which elements that are stored so are computed; none where they are not.
    pub fn of_stored(dtype: DataType) -> Option<Self> {
        Some(match dtype {
            DataType::F32 | DataType::F16 | DataType::BF16 => Self::F32,
            DataType::F64 => Self::F64,
            DataType::Bool => Self::Bool,
            DataType::I8
            | DataType::I16
            | DataType::I32
            | DataType::I64
            | DataType::U8
            | DataType::U16
            | DataType::U32 => Self::I64,
            _ => return None,
        })
    }

    /// Its name in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::Bool => "bool",
        }
    }

    /// Whether it is one of floats.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

/// A value, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ValueId(pub u32);

/// A loop's axis, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AxisId(pub u32);

/// A buffer, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BufferId(pub u32);

/// An integer: a constant, or one that is given at the launch, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Amount {
    /// A constant.
    Constant(i64),
    /// Given at the launch.
    Given(u32),
}

/// A kernel.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Names of the integers that are given at a launch: sizes and strides.
    pub given: Vec<String>,
    /// What it reads and writes.
    pub buffers: Vec<Buffer>,
    /// The types of its values.
    pub values: Vec<Type>,
    /// How many axes it has.
    pub axes: u32,
    /// What it does.
    pub body: Block,
}

/// Memory that a kernel reads or writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Its name.
    pub name: String,
    /// How elements are stored.
    pub dtype: DataType,
    /// Whether it is written. It may be read as well, where this kernel has written before.
    pub is_output: bool,
}

impl Buffer {
    /// How large an element is, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.dtype.byte_len(1).unwrap_or(1)
    }
}

/// Statements one after the other.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// A number: the nearest of the value's type.
    Constant {
        /// The value it makes.
        result: ValueId,
        /// The number.
        number: f64,
    },
    /// An operation.
    Operation {
        /// The value it makes.
        result: ValueId,
        /// Which.
        operation: Operation,
        /// What it takes.
        arguments: Vec<ValueId>,
    },
    /// The index of an axis, as an integer.
    Index {
        /// The value it makes.
        result: ValueId,
        /// The axis, whose loop this stands in.
        axis: AxisId,
    },
    /// An element of a buffer, in the type in which it is computed.
    Load {
        /// The value it makes.
        result: ValueId,
        /// The buffer.
        buffer: BufferId,
        /// Where.
        at: Index,
    },
    /// Stores a value, rounded once to the buffer's type.
    Store {
        /// The buffer.
        buffer: BufferId,
        /// Where.
        at: Index,
        /// What.
        value: ValueId,
    },
    /// A loop. Its passes do not depend on each other, but for those of a sequence.
    For {
        /// The axis.
        axis: Axis,
        /// Each pass.
        body: Block,
    },
    /// A loop whose passes make values that are folded into one each.
    Fold {
        /// The axis.
        axis: Axis,
        /// Each pass.
        body: Block,
        /// What is folded; the results are there behind the loop.
        folds: Vec<Fold>,
    },
}

impl Stmt {
    /// Whether it, or a statement in it, has a property.
    pub(super) fn any(&self, has: &mut dyn FnMut(&Self) -> bool) -> bool {
        has(self)
            || match self {
                Self::For { body, .. } | Self::Fold { body, .. } => {
                    body.iter().any(|stmt| stmt.any(has))
                }
                _ => false,
            }
    }
}

/// The axis of a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Axis {
    /// Its number.
    pub id: AxisId,
    /// From 0 up to this.
    pub extent: Amount,
    /// How its passes are run.
    pub kind: AxisKind,
}

/// How the passes of a loop are run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AxisKind {
    /// Parts on all threads, or blocks of a grid. Outermost only.
    Grid,
    /// One after the other.
    Sequence,
    /// Several at a time, in vectors, or by the threads of a warp. Innermost only.
    Lane,
}

/// A value of each pass, folded into one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fold {
    /// The value it makes.
    pub result: ValueId,
    /// How.
    pub kind: FoldKind,
    /// The value of each pass.
    pub value: ValueId,
}

/// How values of passes become one. The order is not said: sums of floats may round otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FoldKind {
    /// The sum; 0 of none.
    Sum,
    /// The product; 1 of none.
    Product,
    /// The largest; −∞, or the least integer, of none.
    Max,
    /// The smallest; ∞, or the largest integer, of none.
    Min,
}

impl FoldKind {
    /// What folds two into one.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::Sum => Operation::Add,
            Self::Product => Operation::Mul,
            Self::Max => Operation::Max,
            Self::Min => Operation::Min,
        }
    }

    /// The fold of none, as a constant's number.
    pub(super) fn of_none(self) -> f64 {
        match self {
            Self::Sum => 0.0,
            Self::Product => 1.0,
            Self::Max => f64::NEG_INFINITY,
            Self::Min => f64::INFINITY,
        }
    }
}

/// A place in a buffer: the sum of terms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    /// What is added up.
    pub terms: Vec<(Term, Amount)>,
    /// Where it begins.
    pub base: Option<Amount>,
}

impl Index {
    /// Whether it depends on what was computed: then it is checked.
    pub(super) fn is_computed(&self) -> bool {
        self.terms.iter().any(|(term, _)| matches!(term, Term::Value(_)))
    }
}

/// What a place depends on, times a stride.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Term {
    /// The index of an axis.
    Axis(AxisId),
    /// An integer that was computed: the place is checked against the buffer's length.
    Value(ValueId),
}
