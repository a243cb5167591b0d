//! Element types, numbered as ONNX `TensorProto.DataType`.

use std::fmt;
use std::str::FromStr;

macro_rules! dtypes {
    ($($name:ident = $number:literal, $text:literal, $bits:expr, $doc:literal;)*) => {
        /// The type of a tensor's elements.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(i32)]
        pub enum DataType {
            $(#[doc = $doc] $name = $number,)*
        }

        impl DataType {
            /// All types, in the order of their numbers.
            pub const ALL: &[DataType] = &[$(DataType::$name),*];

            /// The type with this ONNX number.
            pub fn from_onnx(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name used in the text form and in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Bits an element takes in `raw_data`; none for strings.
            pub fn bits(self) -> Option<u64> {
                match self { $(Self::$name => $bits,)* }
            }
        }
    };
}

dtypes! {
    F32 = 1, "f32", Some(32), "IEEE 754 binary32";
    U8 = 2, "u8", Some(8), "8-bit unsigned integer";
    I8 = 3, "i8", Some(8), "8-bit signed integer";
    U16 = 4, "u16", Some(16), "16-bit unsigned integer";
    I16 = 5, "i16", Some(16), "16-bit signed integer";
    I32 = 6, "i32", Some(32), "32-bit signed integer";
    I64 = 7, "i64", Some(64), "64-bit signed integer";
    String = 8, "string", None, "a string of bytes";
    Bool = 9, "bool", Some(8), "boolean, a byte each";
    F16 = 10, "f16", Some(16), "IEEE 754 binary16";
    F64 = 11, "f64", Some(64), "IEEE 754 binary64";
    U32 = 12, "u32", Some(32), "32-bit unsigned integer";
    U64 = 13, "u64", Some(64), "64-bit unsigned integer";
    C64 = 14, "c64", Some(64), "complex number of two binary32";
    C128 = 15, "c128", Some(128), "complex number of two binary64";
    BF16 = 16, "bf16", Some(16), "bfloat16";
    F8E4M3FN = 17, "f8e4m3fn", Some(8), "float8 e4m3, finite, with NaN";
    F8E4M3FNUZ = 18, "f8e4m3fnuz", Some(8), "float8 e4m3, finite, no negative zero";
    F8E5M2 = 19, "f8e5m2", Some(8), "float8 e5m2";
    F8E5M2FNUZ = 20, "f8e5m2fnuz", Some(8), "float8 e5m2, finite, no negative zero";
    U4 = 21, "u4", Some(4), "4-bit unsigned integer, two a byte";
    I4 = 22, "i4", Some(4), "4-bit signed integer, two a byte";
    F4E2M1 = 23, "f4e2m1", Some(4), "float4 e2m1, two a byte";
    F8E8M0 = 24, "f8e8m0", Some(8), "float8 e8m0, a power of two";
    U2 = 25, "u2", Some(2), "2-bit unsigned integer, four a byte";
    I2 = 26, "i2", Some(2), "2-bit signed integer, four a byte";
    F6E2M3 = 27, "f6e2m3", Some(6), "float6 e2m3, four in three bytes";
    F6E3M2 = 28, "f6e3m2", Some(6), "float6 e3m2, four in three bytes";
}

impl DataType {
    /// The ONNX number.
    pub fn to_onnx(self) -> i32 {
        self as i32
    }

    /// Bytes that `elements` elements take in `raw_data`; none for strings or on overflow.
    pub fn byte_len(self, elements: u64) -> Option<u64> {
        Some(self.bits()?.checked_mul(elements)?.div_ceil(8))
    }

    /// Whether this is a floating-point type a LoRA can be computed for.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16 | Self::F64)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DataType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|t| t.name() == text).ok_or(())
    }
}
