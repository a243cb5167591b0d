//! Elements in memory, in the types in which they are computed.

use super::lanes::stride;
use super::shape::{Shape, WIDTH};
use super::{Emitter, Made};
use crate::ir::DataType;
use crate::kernel::ir::{BufferId, Index, Type, ValueId};
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

    /// The address of a place, and how many bytes behind it the place is. What stays in the innermost loop
    /// is added first, so that Cranelift computes it before the loop.
    fn address(&mut self, buffer: BufferId, at: &Index) -> (Value, i32) {
        let [fixed, moving] = self.place(at);
        let size = self.kernel.buffers[buffer.0 as usize].bytes() as i64;
        let offset = self.builder.ins().imul_imm_s(fixed, size);
        let address = self.builder.ins().iadd(self.buffers[buffer.0 as usize], offset);
        let offset = self.builder.ins().imul_imm_s(moving, size);
        let address = self.builder.ins().iadd(address, offset);
        let is_ahead = self.lanes.is_some_and(|axis| stride(at, axis).is_some());
        let ahead = if is_ahead { self.ahead } else { 0 };
        if !at.is_computed() {
            return (address, (ahead * size) as i32);
        }
        let place = self.builder.ins().iadd(fixed, moving);
        let place = self.builder.ins().iadd_imm_s(place, ahead);
        let address = self.builder.ins().iadd_imm_s(address, ahead * size);
        (self.checked(buffer, at, place, address), 0)
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
        let place = self.address(buffer, at);
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        if self.lanes.is_none_or(|axis| stride(at, axis).is_none()) {
            let (value, ty) = self.load_one(dtype, place)?;
            return Ok(Made { value, shape: Shape::scalar(ty) });
        }
        let (address, offset) = place;
        let (value, ty) = match dtype {
            DataType::F32 => {
                (self.builder.ins().load(types::F32X4, flags(), address, offset), Type::F32)
            }
            DataType::Bool => {
                let bytes = self.builder.ins().load(types::I32, flags(), address, offset);
                (self.mask_of(bytes), Type::Bool)
            }
            _ => {
                let bits = self.builder.ins().uload16x4(flags(), address, offset);
                (self.widened(dtype, bits), Type::F32)
            }
        };
        Ok(Made { value, shape: Shape::vector(ty) })
    }

    fn load_one(
        &mut self,
        dtype: DataType,
        (address, offset): (Value, i32),
    ) -> Result<(Value, Type), String> {
        let raw = |emitter: &mut Self, ty| emitter.builder.ins().load(ty, flags(), address, offset);
        Ok(match dtype {
            DataType::F32 => (raw(self, types::F32), Type::F32),
            DataType::F64 => (raw(self, types::F64), Type::F64),
            DataType::F16 | DataType::BF16 => {
                let bits = raw(self, types::I16);
                let bits = self.builder.ins().uextend(types::I32, bits);
                (self.widened(dtype, bits), Type::F32)
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
        let (address, offset) = self.address(buffer, at);
        let dtype = self.kernel.buffers[buffer.0 as usize].dtype;
        let mut made = self.values[&value];
        let is_vector = self.lanes.is_some();
        if is_vector {
            made.value = self.in_shape(made, Shape::vector(made.shape.ty));
        }
        let stored = match dtype {
            DataType::Bool if is_vector => self.bytes_of(made.value),
            DataType::F32 | DataType::F64 | DataType::I64 | DataType::Bool => made.value,
            DataType::F16 | DataType::BF16 => {
                let bits = self.narrowed(dtype, made.value);
                match is_vector {
                    true => self.lower_halves(bits),
                    false => self.builder.ins().ireduce(types::I16, bits),
                }
            }
            other => {
                let (ty, _) = integer(other).ok_or_else(|| format!("{other} is not stored"))?;
                self.builder.ins().ireduce(ty, made.value)
            }
        };
        self.builder.ins().store(flags(), stored, address, offset);
        Ok(())
    }

    /// The lower halves of four integers, whose upper ones are 0, as an integer of 64 bits.
    fn lower_halves(&mut self, bits: Value) -> Value {
        let packed = self.builder.ins().unarrow(bits, bits);
        let packed = self.cast(types::I64X2, packed);
        self.builder.ins().extractlane(packed, 0)
    }

    /// The mask of four bytes, which are true where they are not 0.
    fn mask_of(&mut self, bytes: Value) -> Value {
        let bytes = self.builder.ins().scalar_to_vector(types::I32X4, bytes);
        let bytes = self.cast(types::I8X16, bytes);
        let wide = self.builder.ins().uwiden_low(bytes);
        let wide = self.builder.ins().uwiden_low(wide);
        let zero = self.integer(types::I32X4, 0);
        self.builder.ins().icmp(IntCC::NotEqual, wide, zero)
    }

    /// A mask as four bytes that are 0 or 1.
    fn bytes_of(&mut self, mask: Value) -> Value {
        let halves = self.builder.ins().snarrow(mask, mask);
        let bytes = self.builder.ins().snarrow(halves, halves);
        let bytes = self.cast(types::I32X4, bytes);
        let bytes = self.builder.ins().extractlane(bytes, 0);
        self.builder.ins().band_imm_u(bytes, 0x0101_0101)
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
