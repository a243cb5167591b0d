//! Elements in memory, in the types in which they are computed.

use super::lanes::stride;
use super::shape::{Shape, WIDTH};
use super::{Emitter, Made};
use crate::ir::DataType;
use crate::kernel::ir::{BufferId, Index, Term, Type, ValueId};
use cranelift::codegen::ir::Endianness;
use cranelift::prelude::*;

/// Memory that is there, of any alignment.
pub(super) fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap().with_endianness(Endianness::Little)
}

impl Emitter<'_, '_> {
    /// A value's bits, as another type.
    pub(super) fn cast(&mut self, ty: cranelift::prelude::Type, value: Value) -> Value {
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, flags, value)
    }

    fn address(&mut self, buffer: BufferId, at: &Index) -> Value {
        let place = self.place(at);
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        let size = dtype.bits().unwrap_or(8) as i64 / 8;
        let offset = self.builder.ins().imul_imm_s(place, size);
        let address = self.builder.ins().iadd(self.buffers[buffer.0 as usize], offset);
        let is_computed = at.terms.iter().any(|(term, _)| matches!(term, Term::Value(_)));
        if is_computed { self.checked(buffer, at, place, address) } else { address }
    }

    /// The address of a place, or of spare memory and a fault where it is outside. Of lanes all are inside
    /// where the first and the last are.
    fn checked(&mut self, buffer: BufferId, at: &Index, place: Value, address: Value) -> Value {
        let length = self.lengths[buffer.0 as usize];
        let mut is_in = self.builder.ins().icmp(IntCC::UnsignedLessThan, place, length);
        if self.lanes.is_some_and(|axis| stride(at, axis).is_some()) {
            let last = self.builder.ins().iadd_imm_s(place, WIDTH - 1);
            let is_last_in = self.builder.ins().icmp(IntCC::UnsignedLessThan, last, length);
            is_in = self.builder.ins().band(is_in, is_last_in);
        }
        let fault = self.builder.use_var(self.fault);
        let own = self.builder.ins().iconst(types::I64, i64::from(buffer.0) + 1);
        let fault = self.builder.ins().select(is_in, fault, own);
        self.builder.def_var(self.fault, fault);
        let spare = self.builder.ins().stack_addr(types::I64, self.spare, 0);
        self.builder.ins().select(is_in, address, spare)
    }

    pub(super) fn load(&mut self, buffer: BufferId, at: &Index) -> Result<Made, String> {
        let address = self.address(buffer, at);
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        let is_vector = self.lanes.is_some_and(|axis| stride(at, axis).is_some());
        if is_vector {
            let value = match dtype {
                DataType::F32 => self.builder.ins().load(types::F32X4, flags(), address, 0),
                DataType::BF16 => {
                    let bits = self.builder.ins().uload16x4(flags(), address, 0);
                    let bits = self.builder.ins().ishl_imm_u(bits, 16);
                    self.cast(types::F32X4, bits)
                }
                other => return Err(format!("{other} has no lanes")),
            };
            return Ok(Made { value, shape: Shape::vector(Type::F32) });
        }
        let (value, ty) = self.load_one(dtype, address)?;
        Ok(Made { value, shape: Shape::scalar(ty) })
    }

    fn load_one(&mut self, dtype: DataType, address: Value) -> Result<(Value, Type), String> {
        let raw = |emitter: &mut Self, ty| emitter.builder.ins().load(ty, flags(), address, 0);
        Ok(match dtype {
            DataType::F32 => (raw(self, types::F32), Type::F32),
            DataType::F64 => (raw(self, types::F64), Type::F64),
            DataType::BF16 => {
                let bits = raw(self, types::I16);
                let bits = self.builder.ins().uextend(types::I32, bits);
                let bits = self.builder.ins().ishl_imm_u(bits, 16);
                (self.cast(types::F32, bits), Type::F32)
            }
            DataType::F16 => {
                let bits = raw(self, types::I16);
                (self.widened_f16(bits), Type::F32)
            }
            DataType::Bool => {
                let byte = raw(self, types::I8);
                (self.builder.ins().icmp_imm_u(IntCC::NotEqual, byte, 0), Type::Bool)
            }
            DataType::I64 => (raw(self, types::I64), Type::I64),
            other => {
                let (ty, is_signed) =
                    integer(other).ok_or_else(|| format!("{other} is not loaded"))?;
                let narrow = raw(self, ty);
                let wide = match is_signed {
                    true => self.builder.ins().sextend(types::I64, narrow),
                    false => self.builder.ins().uextend(types::I64, narrow),
                };
                (wide, Type::I64)
            }
        })
    }

    pub(super) fn store(
        &mut self,
        buffer: BufferId,
        at: &Index,
        value: ValueId,
    ) -> Result<(), String> {
        let address = self.address(buffer, at);
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        let made = self.values[&value];
        if self.lanes.is_some() {
            let vector = self.in_shape(made, Shape::vector(Type::F32));
            self.builder.ins().store(flags(), vector, address, 0);
            return Ok(());
        }
        let stored = match dtype {
            DataType::F32 | DataType::F64 | DataType::I64 | DataType::Bool => made.value,
            DataType::BF16 => self.narrowed_bf16(made.value),
            DataType::F16 => self.narrowed_f16(made.value),
            other => {
                let (ty, _) = integer(other).ok_or_else(|| format!("{other} is not stored"))?;
                self.builder.ins().ireduce(ty, made.value)
            }
        };
        self.builder.ins().store(flags(), stored, address, 0);
        Ok(())
    }

    /// binary16 as binary32: its bits moved, times 2^112, which normal and subnormal numbers then are;
    /// infinities and NaN keep their largest exponent.
    fn widened_f16(&mut self, bits: Value) -> Value {
        let ins = |emitter: &mut Self| emitter.builder.ins().uextend(types::I32, bits);
        let wide = ins(self);
        let sign = self.builder.ins().band_imm_u(wide, 0x8000);
        let sign = self.builder.ins().ishl_imm_u(sign, 16);
        let magnitude = self.builder.ins().band_imm_u(wide, 0x7fff);
        let moved = self.builder.ins().ishl_imm_u(magnitude, 13);
        let small = self.cast(types::F32, moved);
        let scale = self.builder.ins().f32const(f32::from_bits((127 + 112) << 23));
        let scaled = self.builder.ins().fmul(small, scale);
        let scaled = self.cast(types::I32, scaled);
        let largest = self.builder.ins().bor_imm_u(moved, 0x7f80_0000);
        let is_finite = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, magnitude, 0x7c00);
        let number = self.builder.ins().select(is_finite, scaled, largest);
        let number = self.builder.ins().bor(number, sign);
        self.cast(types::F32, number)
    }

    /// The nearest binary16, of two the even one. Normal numbers are rounded in their bits; smaller ones by
    /// adding 1/2, in which the last bit is worth 2^-24.
    fn narrowed_f16(&mut self, x: Value) -> Value {
        let bits = self.cast(types::I32, x);
        let sign = self.builder.ins().ushr_imm_u(bits, 16);
        let sign = self.builder.ins().band_imm_u(sign, 0x8000);
        let magnitude = self.builder.ins().band_imm_u(bits, 0x7fff_ffff);
        // Normal: the exponent less 112, and half of what is cut off, less one where the rest is even.
        let odd = self.builder.ins().ushr_imm_u(magnitude, 13);
        let odd = self.builder.ins().band_imm_u(odd, 1);
        let normal = self.builder.ins().iadd_imm_s(magnitude, 0xfff - (112 << 23));
        let normal = self.builder.ins().iadd(normal, odd);
        let normal = self.builder.ins().ushr_imm_u(normal, 13);
        let number = self.cast(types::F32, magnitude);
        let half = self.builder.ins().f32const(0.5);
        let sum = self.builder.ins().fadd(number, half);
        let sum = self.cast(types::I32, sum);
        let small = self.builder.ins().iadd_imm_s(sum, -0x3f00_0000);
        let is_small = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, magnitude, 113 << 23);
        let finite = self.builder.ins().select(is_small, small, normal);
        // 65520 and more.
        let is_large = self.builder.ins().icmp_imm_u(
            IntCC::UnsignedGreaterThanOrEqual,
            magnitude,
            0x477f_f000,
        );
        let infinity = self.builder.ins().iconst(types::I32, 0x7c00);
        let finite = self.builder.ins().select(is_large, infinity, finite);
        let is_nan =
            self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, magnitude, 0x7f80_0000);
        let nan = self.builder.ins().iconst(types::I32, 0x7e00);
        let number = self.builder.ins().select(is_nan, nan, finite);
        let number = self.builder.ins().bor(number, sign);
        self.builder.ins().ireduce(types::I16, number)
    }

    /// The nearest bfloat16, of two the even one.
    fn narrowed_bf16(&mut self, x: Value) -> Value {
        let bits = self.cast(types::I32, x);
        let odd = self.builder.ins().ushr_imm_u(bits, 16);
        let odd = self.builder.ins().band_imm_u(odd, 1);
        let rounded = self.builder.ins().iadd_imm_s(bits, 0x7fff);
        let rounded = self.builder.ins().iadd(rounded, odd);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
        let quiet = self.builder.ins().bor_imm_u(bits, 0x40_0000);
        let number = self.builder.ins().select(is_nan, quiet, rounded);
        let number = self.builder.ins().ushr_imm_u(number, 16);
        self.builder.ins().ireduce(types::I16, number)
    }
}

fn integer(dtype: DataType) -> Option<(cranelift::prelude::Type, bool)> {
    Some(match dtype {
        DataType::I8 => (types::I8, true),
        DataType::U8 => (types::I8, false),
        DataType::I16 => (types::I16, true),
        DataType::U16 => (types::I16, false),
        DataType::I32 => (types::I32, true),
        DataType::U32 => (types::I32, false),
        _ => return None,
    })
}
