//! Operations.

use super::shape::Shape;
use super::{Emitter, Made};
use crate::kernel::Operation;
use crate::kernel::ir::{Type, ValueId};
use cranelift::prelude::*;

impl Emitter<'_, '_> {
    pub(super) fn operation(
        &mut self,
        operation: Operation,
        arguments: &[ValueId],
    ) -> Result<Made, String> {
        let made: Vec<Made> = arguments.iter().map(|value| self.values[value]).collect();
        let is_vector = made.iter().any(|made| made.shape.is_vector);
        let types: Vec<Type> = made.iter().map(|made| made.shape.ty).collect();
        let ty = operation.result(&types)?;
        let spread = |emitter: &mut Self, made: &Made| {
            emitter.in_shape(*made, Shape { ty: made.shape.ty, is_vector })
        };
        let all: Vec<Value> = made.iter().map(|made| spread(self, made)).collect();
        let shape = Shape { ty: types[types.len() - 1], is_vector };
        let value = match (operation, all.as_slice()) {
            (Operation::Select, &[which, y, z]) => self.select(which, y, z, shape),
            (Operation::Fma, &[x, y, z]) => self.fma(x, y, z),
            (Operation::Equal | Operation::Less | Operation::LessEqual, &[x, y]) => {
                self.compare(operation, x, y, shape)
            }
            (Operation::Scale2, &[x, y]) => self.scale2(x, y, shape),
            (Operation::ToF32 | Operation::ToF64 | Operation::ToI64 | Operation::ToBool, &[x]) => {
                self.converted(x, shape, ty)
            }
            (_, &[x]) => self.unary(operation, x, shape)?,
            (_, &[x, y]) => self.arithmetic(operation, x, y, shape),
            _ => return Err(format!("{} has no function", operation.name())),
        };
        Ok(Made { value, shape: Shape { ty, is_vector } })
    }

    /// A value once for all lanes, where lanes are wanted.
    pub(super) fn in_shape(&mut self, made: Made, shape: Shape) -> Value {
        match (made.shape.is_vector, shape.is_vector, shape.ty) {
            (false, true, Type::Bool) => {
                let mask = self.builder.ins().bmask(types::I32, made.value);
                self.builder.ins().splat(types::I32X4, mask)
            }
            (false, true, _) => self.builder.ins().splat(types::F32X4, made.value),
            _ => made.value,
        }
    }

    fn select(&mut self, which: Value, y: Value, z: Value, shape: Shape) -> Value {
        match (shape.is_vector, shape.ty) {
            (false, _) => self.builder.ins().select(which, y, z),
            (true, Type::Bool) => self.builder.ins().bitselect(which, y, z),
            (true, _) => {
                let which = self.cast(types::F32X4, which);
                self.builder.ins().bitselect(which, y, z)
            }
        }
    }

    fn fma(&mut self, x: Value, y: Value, z: Value) -> Value {
        if self.target.has_fma {
            return self.builder.ins().fma(x, y, z);
        }
        let product = self.builder.ins().fmul(x, y);
        self.builder.ins().fadd(product, z)
    }

    fn compare(&mut self, operation: Operation, x: Value, y: Value, shape: Shape) -> Value {
        if shape.ty.is_float() {
            let condition = match operation {
                Operation::Equal => FloatCC::Equal,
                Operation::Less => FloatCC::LessThan,
                _ => FloatCC::LessThanOrEqual,
            };
            return self.builder.ins().fcmp(condition, x, y);
        }
        let condition = match operation {
            Operation::Equal => IntCC::Equal,
            Operation::Less => IntCC::SignedLessThan,
            _ => IntCC::SignedLessThanOrEqual,
        };
        self.builder.ins().icmp(condition, x, y)
    }

    /// Of two arguments of one type that are not compared.
    pub(super) fn arithmetic(
        &mut self,
        operation: Operation,
        x: Value,
        y: Value,
        shape: Shape,
    ) -> Value {
        let is_float = shape.ty.is_float();
        match operation {
            Operation::Add if is_float => self.builder.ins().fadd(x, y),
            Operation::Sub if is_float => self.builder.ins().fsub(x, y),
            Operation::Mul if is_float => self.builder.ins().fmul(x, y),
            Operation::Div if is_float => self.builder.ins().fdiv(x, y),
            Operation::Max if is_float => self.extreme(FloatCC::GreaterThan, x, y, shape),
            Operation::Min if is_float => self.extreme(FloatCC::LessThan, x, y, shape),
            Operation::Add => self.builder.ins().iadd(x, y),
            Operation::Sub => self.builder.ins().isub(x, y),
            Operation::Mul => self.builder.ins().imul(x, y),
            Operation::Max => self.builder.ins().smax(x, y),
            Operation::Min => self.builder.ins().smin(x, y),
            Operation::And => self.builder.ins().band(x, y),
            Operation::Or => self.builder.ins().bor(x, y),
            _ => self.divided(operation, x, y),
        }
    }

    /// y where the condition holds of it and x, or it is NaN, else x.
    fn extreme(&mut self, condition: FloatCC, x: Value, y: Value, shape: Shape) -> Value {
        if shape.is_vector {
            return self.extreme_of_lanes(condition, x, y, shape);
        }
        let holds = self.builder.ins().fcmp(condition, y, x);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, y, y);
        let which = self.builder.ins().bor(holds, is_nan);
        self.select(which, y, x, shape)
    }

    /// As [`extreme`](Self::extreme): in the form that is one instruction of x86, which gives x where one
    /// is NaN, with all bits set where y is.
    fn extreme_of_lanes(&mut self, condition: FloatCC, x: Value, y: Value, shape: Shape) -> Value {
        let (low, high) = if condition == FloatCC::LessThan { (y, x) } else { (x, y) };
        let is_other = self.builder.ins().fcmp(FloatCC::LessThan, low, high);
        let found = self.select(is_other, y, x, shape);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, y, y);
        let nan = self.cast(types::F32X4, is_nan);
        self.builder.ins().bor(found, nan)
    }

    /// The quotient or the remainder of integers: the machine's division has none by 0, nor of the least
    /// integer by −1.
    fn divided(&mut self, operation: Operation, x: Value, y: Value) -> Value {
        let one = self.builder.ins().iconst(types::I64, 1);
        let zero = self.builder.ins().iconst(types::I64, 0);
        let is_zero = self.builder.ins().icmp(IntCC::Equal, y, zero);
        let is_minus = self.builder.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let is_special = self.builder.ins().bor(is_zero, is_minus);
        let by = self.builder.ins().select(is_special, one, y);
        let (found, of_minus) = match operation {
            Operation::Div => (self.builder.ins().sdiv(x, by), self.builder.ins().ineg(x)),
            _ => (self.builder.ins().srem(x, by), zero),
        };
        let found = self.builder.ins().select(is_minus, of_minus, found);
        self.builder.ins().select(is_zero, zero, found)
    }

    fn unary(&mut self, operation: Operation, x: Value, shape: Shape) -> Result<Value, String> {
        let is_float = shape.ty.is_float();
        Ok(match operation {
            Operation::Neg if shape == Shape::vector(Type::F32) => {
                let mask = self.mask(i32::MIN);
                self.builder.ins().bxor(x, mask)
            }
            Operation::Abs if shape == Shape::vector(Type::F32) => {
                let mask = self.mask(i32::MAX);
                self.builder.ins().band(x, mask)
            }
            Operation::Neg if is_float => self.builder.ins().fneg(x),
            Operation::Abs if is_float => self.builder.ins().fabs(x),
            Operation::Neg => self.builder.ins().ineg(x),
            Operation::Abs => self.builder.ins().iabs(x),
            Operation::Sqrt => self.builder.ins().sqrt(x),
            Operation::Floor => self.builder.ins().floor(x),
            Operation::Ceil => self.builder.ins().ceil(x),
            Operation::Nearest => self.builder.ins().nearest(x),
            Operation::Not if shape.is_vector => self.builder.ins().bnot(x),
            Operation::Not => self.builder.ins().bxor_imm_u(x, 1),
            Operation::Exponent => self.exponent(x, shape),
            Operation::Mantissa => self.mantissa(x, shape),
            other => return Err(format!("{} has no function", other.name())),
        })
    }

    /// Bits in every lane, as floats: a constant, where Cranelift makes them anew for each use.
    fn mask(&mut self, bits: i32) -> Value {
        let one = self.builder.ins().f32const(f32::from_bits(bits as u32));
        self.builder.ins().splat(types::F32X4, one)
    }

    /// x·2^y, by the bits of 2^y.
    fn scale2(&mut self, x: Value, y: Value, shape: Shape) -> Value {
        let bits = bits_of(shape);
        let integer = match (shape.is_vector, self.target.is_x86) {
            (true, true) => self.builder.ins().x86_cvtt2dq(bits.ty, y),
            _ => self.builder.ins().fcvt_to_sint_sat(bits.ty, y),
        };
        let bias = self.integer(bits.ty, bits.bias);
        let biased = self.builder.ins().iadd(integer, bias);
        let power = self.builder.ins().ishl_imm_u(biased, bits.mantissa);
        let power = self.cast(shape.clif(), power);
        self.builder.ins().fmul(x, power)
    }

    fn exponent(&mut self, x: Value, shape: Shape) -> Value {
        let bits = bits_of(shape);
        let integer = self.cast(bits.ty, x);
        let exponent = self.builder.ins().ushr_imm_u(integer, bits.mantissa);
        let mask = self.integer(bits.ty, 2 * bits.bias + 1);
        let exponent = self.builder.ins().band(exponent, mask);
        let bias = self.integer(bits.ty, bits.bias);
        let exponent = self.builder.ins().isub(exponent, bias);
        self.builder.ins().fcvt_from_sint(shape.clif(), exponent)
    }

    fn mantissa(&mut self, x: Value, shape: Shape) -> Value {
        let bits = bits_of(shape);
        let integer = self.cast(bits.ty, x);
        let exponent = (2 * bits.bias + 1) << bits.mantissa;
        let mask = self.integer(bits.ty, !exponent);
        let own = self.builder.ins().band(integer, mask);
        let one = self.integer(bits.ty, bits.bias << bits.mantissa);
        let number = self.builder.ins().bor(own, one);
        self.cast(shape.clif(), number)
    }

    /// An integer of a type of 64 or 32 bits, or in lanes of these.
    pub(super) fn integer(&mut self, ty: cranelift::prelude::Type, number: i64) -> Value {
        if ty == types::I64 {
            return self.builder.ins().iconst(ty, number);
        }
        let one = self.builder.ins().iconst(types::I32, i64::from(number as u32));
        if ty == types::I32 { one } else { self.builder.ins().splat(ty, one) }
    }

    fn converted(&mut self, x: Value, from: Shape, to: Type) -> Value {
        match (from.ty, to) {
            (own, wanted) if own == wanted => x,
            (Type::F32, Type::F64) => self.builder.ins().fpromote(types::F64, x),
            (Type::F64, Type::F32) => self.builder.ins().fdemote(types::F32, x),
            (Type::F32 | Type::F64, Type::I64) => {
                self.builder.ins().fcvt_to_sint_sat(types::I64, x)
            }
            (Type::F32 | Type::F64, _) => {
                let zero = self.constant(from, 0.0);
                self.builder.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
            (Type::I64, Type::Bool) => self.builder.ins().icmp_imm_s(IntCC::NotEqual, x, 0),
            (Type::I64, _) => self.builder.ins().fcvt_from_sint(Shape::scalar(to).clif(), x),
            (Type::Bool, _) if from.is_vector => {
                let one = self.constant(Shape::vector(Type::F32), 1.0);
                let mask = self.cast(types::F32X4, x);
                self.builder.ins().band(mask, one)
            }
            (Type::Bool, _) => {
                let integer = self.builder.ins().uextend(types::I64, x);
                self.converted(integer, Shape::scalar(Type::I64), to)
            }
        }
    }
}

/// The bits of floats.
#[derive(Clone, Copy)]
struct Bits {
    ty: cranelift::prelude::Type,
    /// Bits of the mantissa.
    mantissa: i64,
    /// What is added to exponents.
    bias: i64,
}

fn bits_of(shape: Shape) -> Bits {
    match (shape.ty, shape.is_vector) {
        (Type::F64, _) => Bits { ty: types::I64, mantissa: 52, bias: 1023 },
        (_, true) => Bits { ty: types::I32X4, mantissa: 23, bias: 127 },
        (_, false) => Bits { ty: types::I32, mantissa: 23, bias: 127 },
    }
}
