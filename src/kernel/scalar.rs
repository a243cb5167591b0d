//! Values of a kernel that is made, with the operators of Rust.

use super::{Builder, Operation, Type, ValueId};
use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};

/// A value of a kernel while [`Builder::compute`] makes it: arithmetic on it becomes operations, as in
/// `builder.compute([x, y], |[x, y]| (x * 2.0 + y).exp())`.
///
/// What it meets has its own type, or is a number, which becomes a constant of that type.
#[derive(Clone, Copy)]
pub struct Scalar<'b> {
    builder: &'b RefCell<Builder>,
    id: ValueId,
}

/// A value, or a number that becomes one of another's type.
pub trait Operand<'b> {
    /// As a value of this one's type.
    fn like(self, other: Scalar<'b>) -> Scalar<'b>;
}

impl<'b> Operand<'b> for Scalar<'b> {
    fn like(self, _: Scalar<'b>) -> Scalar<'b> {
        self
    }
}

impl<'b> Operand<'b> for f64 {
    fn like(self, other: Scalar<'b>) -> Scalar<'b> {
        other.constant(other.ty(), self)
    }
}

impl Builder {
    /// What a function makes of values.
    pub fn compute<const N: usize>(
        &mut self,
        arguments: [ValueId; N],
        function: impl for<'b> FnOnce([Scalar<'b>; N]) -> Scalar<'b>,
    ) -> ValueId {
        self.shared(|builder| function(arguments.map(|id| Scalar { builder, id })).id)
    }

    /// What a function makes of values, some of which are left out, if it makes anything.
    pub fn compute_some(
        &mut self,
        arguments: &[Option<ValueId>],
        function: impl for<'b> FnOnce(&[Option<Scalar<'b>>]) -> Option<Scalar<'b>>,
    ) -> Option<ValueId> {
        self.shared(|builder| {
            let scalar = |id: &Option<ValueId>| id.map(|id| Scalar { builder, id });
            let arguments: Vec<_> = arguments.iter().map(scalar).collect();
            function(&arguments).map(|result| result.id)
        })
    }

    fn shared<T>(&mut self, function: impl FnOnce(&RefCell<Self>) -> T) -> T {
        let builder = RefCell::new(std::mem::replace(self, Self::new("")));
        let result = function(&builder);
        *self = builder.into_inner();
        result
    }
}

impl<'b> Scalar<'b> {
    /// Its type.
    pub fn ty(self) -> Type {
        self.builder.borrow().ty(self.id)
    }

    /// The number that it is, where it is a constant.
    pub fn number(self) -> Option<f64> {
        self.builder.borrow().number(self.id)
    }

    /// A constant beside it.
    pub fn constant(self, ty: Type, number: f64) -> Self {
        Self { id: self.builder.borrow_mut().constant(ty, number), ..self }
    }

    fn op(self, operation: Operation, others: &[Self]) -> Self {
        let mut all = vec![self.id];
        all.extend(others.iter().map(|other| other.id));
        Self { id: self.builder.borrow_mut().op(operation, &all), ..self }
    }

    /// As this type: see the conversions of [`OPERATIONS`](super::OPERATIONS).
    pub fn to(self, ty: Type) -> Self {
        match ty {
            own if own == self.ty() => self,
            Type::F32 => self.op(Operation::ToF32, &[]),
            Type::F64 => self.op(Operation::ToF64, &[]),
            Type::I64 => self.op(Operation::ToI64, &[]),
            Type::Bool => self.op(Operation::ToBool, &[]),
        }
    }

    /// x·y + z.
    pub fn fma(self, y: impl Operand<'b>, z: impl Operand<'b>) -> Self {
        self.op(Operation::Fma, &[y.like(self), z.like(self)])
    }

    /// c₀ + x·(c₁ + x·(c₂ + …)).
    pub fn polynomial(self, coefficients: &[f64]) -> Self {
        let (last, rest) = coefficients.split_last().unwrap_or((&0.0, &[]));
        rest.iter().rev().fold(last.like(self), |sum, c| sum.fma(self, *c))
    }

    /// Of a boolean: y where it holds, else z, of which one is a value.
    pub fn select(self, y: impl Operand<'b>, z: Self) -> Self {
        self.op(Operation::Select, &[y.like(z), z])
    }

    /// x < y.
    pub fn less(self, y: impl Operand<'b>) -> Self {
        self.op(Operation::Less, &[y.like(self)])
    }

    /// x ≤ y.
    pub fn less_equal(self, y: impl Operand<'b>) -> Self {
        self.op(Operation::LessEqual, &[y.like(self)])
    }

    /// x > y.
    pub fn greater(self, y: impl Operand<'b>) -> Self {
        y.like(self).less(self)
    }

    /// x = y.
    pub fn equal(self, y: impl Operand<'b>) -> Self {
        self.op(Operation::Equal, &[y.like(self)])
    }

    /// The larger; NaN where one is.
    pub fn max(self, y: impl Operand<'b>) -> Self {
        self.op(Operation::Max, &[y.like(self)])
    }

    /// The smaller; NaN where one is.
    pub fn min(self, y: impl Operand<'b>) -> Self {
        self.op(Operation::Min, &[y.like(self)])
    }

    /// Not below a number, and NaN where it is: one instruction where `max` takes more.
    pub fn at_least(self, low: f64) -> Self {
        self.less(low).select(low, self)
    }

    /// Not above a number, and NaN where it is: one instruction where `min` takes more.
    pub fn at_most(self, high: f64) -> Self {
        self.greater(high).select(high, self)
    }

    /// |x|.
    pub fn abs(self) -> Self {
        self.op(Operation::Abs, &[])
    }

    /// √x, rounded to nearest.
    pub fn sqrt(self) -> Self {
        self.op(Operation::Sqrt, &[])
    }

    /// ⌊x⌋.
    pub fn floor(self) -> Self {
        self.op(Operation::Floor, &[])
    }

    /// ⌈x⌉.
    pub fn ceil(self) -> Self {
        self.op(Operation::Ceil, &[])
    }

    /// The nearest integer, of two the even one.
    pub fn nearest(self) -> Self {
        self.op(Operation::Nearest, &[])
    }

    /// x·2^y: see [`Operation::Scale2`].
    pub(super) fn scale2(self, y: Self) -> Self {
        self.op(Operation::Scale2, &[y])
    }

    /// See [`Operation::Exponent`].
    pub(super) fn exponent(self) -> Self {
        self.op(Operation::Exponent, &[])
    }

    /// See [`Operation::Mantissa`].
    pub(super) fn mantissa(self) -> Self {
        self.op(Operation::Mantissa, &[])
    }
}

impl Neg for Scalar<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.op(Operation::Neg, &[])
    }
}

impl Not for Scalar<'_> {
    type Output = Self;
    fn not(self) -> Self {
        self.op(Operation::Not, &[])
    }
}

/// The operators of two.
macro_rules! operators {
    ($($name:ident $function:ident),*) => {$(
        impl<'b, T: Operand<'b>> $name<T> for Scalar<'b> {
            type Output = Self;
            fn $function(self, y: T) -> Self {
                self.op(operators!(@$name), &[y.like(self)])
            }
        }
    )*};
    (@BitAnd) => { Operation::And };
    (@BitOr) => { Operation::Or };
    (@$name:ident) => { Operation::$name };
}

operators!(Add add, Sub sub, Mul mul, Div div, Rem rem, BitAnd bitand, BitOr bitor);
