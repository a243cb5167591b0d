//! Floats of 16 bits, one or in lanes: all integers here have 32 bits.

use super::Emitter;
use crate::ir::DataType;
use cranelift::prelude::*;

impl Emitter<'_, '_> {
    /// Bits of float16 or bfloat16 as float32.
    pub(super) fn widened(&mut self, dtype: DataType, bits: Value) -> Value {
        match dtype {
            DataType::F16 => self.widened_f16(bits),
            _ => {
                let bits = self.builder.ins().ishl_imm_u(bits, 16);
                self.as_floats(bits)
            }
        }
    }

    /// The bits of the nearest float16 or bfloat16, of two the even one.
    pub(super) fn narrowed(&mut self, dtype: DataType, x: Value) -> Value {
        if dtype == DataType::F16 { self.narrowed_f16(x) } else { self.narrowed_bf16(x) }
    }

    /// Its bits moved, times 2^112, which normal and subnormal numbers then are; infinities and NaN keep
    /// their largest exponent.
    fn widened_f16(&mut self, bits: Value) -> Value {
        let sign = self.and(bits, 0x8000);
        let sign = self.builder.ins().ishl_imm_u(sign, 16);
        let magnitude = self.and(bits, 0x7fff);
        let moved = self.builder.ins().ishl_imm_u(magnitude, 13);
        let small = self.as_floats(moved);
        let scale = self.number(bits, (127 + 112) << 23);
        let scale = self.as_floats(scale);
        let scaled = self.builder.ins().fmul(small, scale);
        let scaled = self.as_bits(scaled);
        let infinite = self.number(bits, 0x7f80_0000);
        let largest = self.builder.ins().bor(moved, infinite);
        let is_finite = self.is_below(magnitude, 0x7c00);
        let number = self.choose(is_finite, scaled, largest);
        let number = self.builder.ins().bor(number, sign);
        self.as_floats(number)
    }

    /// Normal numbers are rounded in their bits; smaller ones by adding 1/2, in which the last bit is
    /// worth 2^-24.
    fn narrowed_f16(&mut self, x: Value) -> Value {
        let bits = self.as_bits(x);
        let sign = self.builder.ins().ushr_imm_u(bits, 16);
        let sign = self.and(sign, 0x8000);
        let magnitude = self.and(bits, 0x7fff_ffff);
        // Normal: the exponent less 112, and half of what is cut off, less one where the rest is even.
        let odd = self.builder.ins().ushr_imm_u(magnitude, 13);
        let odd = self.and(odd, 1);
        let normal = self.plus(magnitude, 0xfff - (112 << 23));
        let normal = self.builder.ins().iadd(normal, odd);
        let normal = self.builder.ins().ushr_imm_u(normal, 13);
        let number = self.as_floats(magnitude);
        let half = self.number(bits, 0x3f00_0000);
        let half = self.as_floats(half);
        let sum = self.builder.ins().fadd(number, half);
        let sum = self.as_bits(sum);
        let small = self.plus(sum, -0x3f00_0000);
        let is_small = self.is_below(magnitude, 113 << 23);
        let finite = self.choose(is_small, small, normal);
        // 65520 and more.
        let is_finite = self.is_below(magnitude, 0x477f_f000);
        let infinity = self.number(bits, 0x7c00);
        let finite = self.choose(is_finite, finite, infinity);
        let is_number = self.is_below(magnitude, 0x7f80_0001);
        let nan = self.number(bits, 0x7e00);
        let number = self.choose(is_number, finite, nan);
        self.builder.ins().bor(number, sign)
    }

    fn narrowed_bf16(&mut self, x: Value) -> Value {
        let bits = self.as_bits(x);
        let odd = self.builder.ins().ushr_imm_u(bits, 16);
        let odd = self.and(odd, 1);
        let rounded = self.plus(bits, 0x7fff);
        let rounded = self.builder.ins().iadd(rounded, odd);
        let magnitude = self.and(bits, 0x7fff_ffff);
        let is_number = self.is_below(magnitude, 0x7f80_0001);
        let quiet = self.number(bits, 0x40_0000);
        let quiet = self.builder.ins().bor(bits, quiet);
        let number = self.choose(is_number, rounded, quiet);
        self.builder.ins().ushr_imm_u(number, 16)
    }

    /// A number in each lane that another value has.
    fn number(&mut self, like: Value, number: i32) -> Value {
        let ty = self.builder.func.dfg.value_type(like);
        self.integer(ty, number.into())
    }

    fn and(&mut self, x: Value, mask: i32) -> Value {
        let mask = self.number(x, mask);
        self.builder.ins().band(x, mask)
    }

    fn plus(&mut self, x: Value, number: i32) -> Value {
        let number = self.number(x, number);
        self.builder.ins().iadd(x, number)
    }

    /// Of integers that are not negative.
    fn is_below(&mut self, x: Value, end: i32) -> Value {
        let end = self.number(x, end);
        self.builder.ins().icmp(IntCC::SignedLessThan, x, end)
    }

    fn choose(&mut self, which: Value, y: Value, z: Value) -> Value {
        match self.builder.func.dfg.value_type(y) == types::I32 {
            true => self.builder.ins().select(which, y, z),
            false => self.builder.ins().bitselect(which, y, z),
        }
    }

    fn as_floats(&mut self, bits: Value) -> Value {
        let is_one = self.builder.func.dfg.value_type(bits) == types::I32;
        self.cast(if is_one { types::F32 } else { types::F32X4 }, bits)
    }

    fn as_bits(&mut self, x: Value) -> Value {
        let is_one = self.builder.func.dfg.value_type(x) == types::F32;
        self.cast(if is_one { types::I32 } else { types::I32X4 }, x)
    }
}
