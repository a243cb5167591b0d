//! What a kernel means: floats in float64, every place checked.

use super::Operation;
use super::ir::{Amount, Axis, BufferId, Fold, Index, Kernel, Stmt, Term, Type, ValueId};
use crate::ir::DataType;
use half::{bf16, f16};

/// The elements of a buffer.
#[derive(Clone, PartialEq, Debug)]
pub enum Memory {
    /// Of a type of floats.
    Floats(Vec<f64>),
    /// Of a type of integers, or booleans as 0 and 1.
    Integers(Vec<i64>),
}

impl Memory {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(elements) => elements.len(),
            Self::Integers(elements) => elements.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A value while it is computed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Number {
    Float(f64),
    Integer(i64),
    Bool(bool),
}

impl Number {
    /// The number of a constant.
    pub(super) fn constant(ty: Type, number: f64) -> Self {
        match ty {
            Type::F32 => Self::Float(f64::from(number as f32)),
            Type::F64 => Self::Float(number),
            Type::I64 => Self::Integer(number as i64),
            Type::Bool => Self::Bool(number != 0.0),
        }
    }
}

/// Runs a kernel that [`check`](super::check) accepts.
///
/// # Errors
/// A place is outside of its buffer, memory is of another type than its buffer, or there are not as many
/// integers or buffers as the kernel has.
pub fn interpret(kernel: &Kernel, given: &[i64], memory: &mut [Memory]) -> Result<(), String> {
    if given.len() != kernel.given.len() || memory.len() != kernel.buffers.len() {
        return Err(format!(
            "{} takes {} integers and {} buffers",
            kernel.name,
            kernel.given.len(),
            kernel.buffers.len()
        ));
    }
    let values = vec![None; kernel.values.len()];
    let axes = vec![0; kernel.axes as usize];
    Machine { kernel, given, memory, values, axes }.block(&kernel.body)
}

struct Machine<'k> {
    kernel: &'k Kernel,
    given: &'k [i64],
    memory: &'k mut [Memory],
    values: Vec<Option<Number>>,
    axes: Vec<i64>,
}

impl Machine<'_> {
    fn block(&mut self, block: &[Stmt]) -> Result<(), String> {
        block.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Result<(), String> {
        match stmt {
            Stmt::Constant { result, number } => {
                self.set(*result, Number::constant(self.ty(*result), *number));
            }
            Stmt::Operation { result, operation, arguments } => {
                let arguments: Vec<Number> =
                    arguments.iter().map(|v| self.value(*v)).collect::<Result<_, _>>()?;
                let number = operate(*operation, &arguments, self.ty(*result))
                    .ok_or_else(|| format!("{} takes no {arguments:?}", operation.name()))?;
                self.set(*result, number);
            }
            Stmt::Index { result, axis } => {
                self.set(*result, Number::Integer(self.axes[axis.0 as usize]));
            }
            Stmt::Load { result, buffer, at } => {
                let place = self.place(*buffer, at)?;
                let number = match (&self.memory[buffer.0 as usize], self.ty(*result)) {
                    (Memory::Floats(elements), _) => Number::Float(elements[place]),
                    (Memory::Integers(elements), Type::Bool) => Number::Bool(elements[place] != 0),
                    (Memory::Integers(elements), _) => Number::Integer(elements[place]),
                };
                self.set(*result, number);
            }
            Stmt::Store { buffer, at, value } => {
                let (place, value) = (self.place(*buffer, at)?, self.value(*value)?);
                self.store(*buffer, place, value)?;
            }
            Stmt::For { axis, body } => self.fold(axis, body, &[])?,
            Stmt::Fold { axis, body, folds } => self.fold(axis, body, folds)?,
        }
        Ok(())
    }

    fn fold(&mut self, axis: &Axis, body: &[Stmt], folds: &[Fold]) -> Result<(), String> {
        let none = |fold: &Fold| Number::constant(self.ty(fold.result), fold.kind.of_none());
        let mut sums: Vec<Number> = folds.iter().map(none).collect();
        for index in 0..self.amount(axis.extent) {
            self.axes[axis.id.0 as usize] = index;
            self.block(body)?;
            for (sum, fold) in sums.iter_mut().zip(folds) {
                let both = [*sum, self.value(fold.value)?];
                *sum = operate(fold.kind.operation(), &both, self.ty(fold.result))
                    .ok_or_else(|| format!("{both:?} cannot be folded"))?;
            }
        }
        for (sum, fold) in sums.into_iter().zip(folds) {
            self.set(fold.result, sum);
        }
        Ok(())
    }

    fn ty(&self, value: ValueId) -> Type {
        self.kernel.values[value.0 as usize]
    }

    fn set(&mut self, value: ValueId, number: Number) {
        self.values[value.0 as usize] = Some(number);
    }

    fn value(&self, value: ValueId) -> Result<Number, String> {
        self.values[value.0 as usize].ok_or_else(|| format!("%{} has no value", value.0))
    }

    fn amount(&self, amount: Amount) -> i64 {
        match amount {
            Amount::Constant(number) => number,
            Amount::Given(at) => self.given[at as usize],
        }
    }

    fn place(&self, buffer: BufferId, index: &Index) -> Result<usize, String> {
        let mut place = index.base.map_or(0, |base| self.amount(base));
        for &(term, stride) in &index.terms {
            let along = match term {
                Term::Axis(axis) => self.axes[axis.0 as usize],
                Term::Value(value) => match self.value(value)? {
                    Number::Integer(integer) => integer,
                    other => return Err(format!("{other:?} is no place")),
                },
            };
            place = place.wrapping_add(along.wrapping_mul(self.amount(stride)));
        }
        let len = self.memory[buffer.0 as usize].len();
        usize::try_from(place).ok().filter(|&place| place < len).ok_or_else(|| {
            let name = &self.kernel.buffers[buffer.0 as usize].name;
            format!("{name}[{place}] is outside of its {len} elements")
        })
    }

    fn store(&mut self, buffer: BufferId, place: usize, value: Number) -> Result<(), String> {
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        match (&mut self.memory[buffer.0 as usize], value) {
            (Memory::Floats(elements), Number::Float(x)) => elements[place] = stored(dtype, x),
            (Memory::Integers(elements), Number::Integer(x)) => elements[place] = wrapped(dtype, x),
            (Memory::Integers(elements), Number::Bool(x)) => elements[place] = i64::from(x),
            (_, value) => return Err(format!("{value:?} is no element of {dtype}")),
        }
        Ok(())
    }
}

/// A float as a type stores it.
pub(super) fn stored(dtype: DataType, x: f64) -> f64 {
    match dtype {
        DataType::F16 => f16::from_f32(x as f32).to_f64(),
        DataType::BF16 => bf16::from_f32(x as f32).to_f64(),
        DataType::F32 => f64::from(x as f32),
        _ => x,
    }
}

/// An integer as a type stores it.
pub(super) fn wrapped(dtype: DataType, x: i64) -> i64 {
    match dtype {
        DataType::I8 => i64::from(x as i8),
        DataType::U8 => i64::from(x as u8),
        DataType::I16 => i64::from(x as i16),
        DataType::U16 => i64::from(x as u16),
        DataType::I32 => i64::from(x as i32),
        DataType::U32 => i64::from(x as u32),
        _ => x,
    }
}

pub(super) fn operate(operation: Operation, arguments: &[Number], result: Type) -> Option<Number> {
    use Number::{Bool, Float, Integer};
    Some(match (operation, arguments) {
        (Operation::Select, &[Bool(which), y, z]) => {
            if which {
                y
            } else {
                z
            }
        }
        (Operation::Not, &[Bool(x)]) => Bool(!x),
        (Operation::And, &[Bool(x), Bool(y)]) => Bool(x && y),
        (Operation::Or, &[Bool(x), Bool(y)]) => Bool(x || y),
        (Operation::Equal, [x, y]) => Bool(x == y),
        (Operation::Less, &[Float(x), Float(y)]) => Bool(x < y),
        (Operation::Less, &[Integer(x), Integer(y)]) => Bool(x < y),
        (Operation::LessEqual, &[Float(x), Float(y)]) => Bool(x <= y),
        (Operation::LessEqual, &[Integer(x), Integer(y)]) => Bool(x <= y),
        (Operation::ToF32, &[x]) => Float(f64::from(match x {
            Float(x) => x as f32,
            Integer(x) => x as f32,
            Bool(x) => f32::from(u8::from(x)),
        })),
        (Operation::ToF64, &[x]) => Float(match x {
            Float(x) => x,
            Integer(x) => x as f64,
            Bool(x) => f64::from(u8::from(x)),
        }),
        (Operation::ToI64, &[x]) => Integer(match x {
            Float(x) => x as i64,
            Integer(x) => x,
            Bool(x) => i64::from(x),
        }),
        (Operation::ToBool, &[x]) => Bool(match x {
            Float(x) => x != 0.0,
            Integer(x) => x != 0,
            Bool(x) => x,
        }),
        (_, &[Integer(x)]) => Integer(of_integer(operation, x)?),
        (_, &[Integer(x), Integer(y)]) => Integer(of_integers(operation, x, y)?),
        (_, &[Float(x)]) => Float(of_float(operation, x)?),
        (_, &[Float(x), Float(y)]) => Float(of_floats(operation, x, y)?),
        (Operation::Fma, &[Float(x), Float(y), Float(z)]) => Float(x.mul_add(y, z)),
        _ => return None,
    })
    .filter(|number| fits(*number, result))
}

fn fits(number: Number, ty: Type) -> bool {
    match number {
        Number::Float(_) => ty.is_float(),
        Number::Integer(_) => ty == Type::I64,
        Number::Bool(_) => ty == Type::Bool,
    }
}

fn of_integer(operation: Operation, x: i64) -> Option<i64> {
    Some(match operation {
        Operation::Neg => x.wrapping_neg(),
        Operation::Abs => x.wrapping_abs(),
        _ => return None,
    })
}

fn of_integers(operation: Operation, x: i64, y: i64) -> Option<i64> {
    Some(match operation {
        Operation::Add => x.wrapping_add(y),
        Operation::Sub => x.wrapping_sub(y),
        Operation::Mul => x.wrapping_mul(y),
        Operation::Div if y == 0 => 0,
        Operation::Div => x.wrapping_div(y),
        Operation::Rem if y == 0 => 0,
        Operation::Rem => x.wrapping_rem(y),
        Operation::Max => x.max(y),
        Operation::Min => x.min(y),
        _ => return None,
    })
}

fn of_float(operation: Operation, x: f64) -> Option<f64> {
    // The power of two in a normal number.
    let exponent = || f64::from(((x.to_bits() >> 52) & 0x7ff) as i32 - 1023);
    Some(match operation {
        Operation::Neg => -x,
        Operation::Abs => x.abs(),
        Operation::Sqrt => x.sqrt(),
        Operation::Floor => x.floor(),
        Operation::Ceil => x.ceil(),
        Operation::Nearest => x.round_ties_even(),
        Operation::Exponent => exponent(),
        Operation::Mantissa => x / exponent().exp2(),
        _ => return None,
    })
}

fn of_floats(operation: Operation, x: f64, y: f64) -> Option<f64> {
    Some(match operation {
        Operation::Add => x + y,
        Operation::Sub => x - y,
        Operation::Mul => x * y,
        Operation::Div => x / y,
        Operation::Max if y > x || y.is_nan() => y,
        Operation::Min if y < x || y.is_nan() => y,
        Operation::Max | Operation::Min => x,
        Operation::Scale2 => x * y.exp2(),
        _ => return None,
    })
}
