//! Tensors to read, and their element types.

use crate::error::{Error, Result};
use half::{bf16, f16};
use peftc_abi::{PeftcTensor, PeftcTensorType};

macro_rules! dtypes {
    ($($name:ident = $number:literal, $text:literal, $bits:literal;)*) => {
        /// An element type, numbered as ONNX `TensorProto.DataType`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(i32)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum DataType { $($name = $number,)* }

        impl DataType {
            /// The type of this ONNX number.
            pub fn from_onnx(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// The name used in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Bits an element takes; 0 for strings.
            pub fn bits(self) -> u64 {
                match self { $(Self::$name => $bits,)* }
            }
        }
    };
}

dtypes! {
    F32 = 1, "f32", 32;
    U8 = 2, "u8", 8;
    I8 = 3, "i8", 8;
    U16 = 4, "u16", 16;
    I16 = 5, "i16", 16;
    I32 = 6, "i32", 32;
    I64 = 7, "i64", 64;
    String = 8, "string", 0;
    Bool = 9, "bool", 8;
    F16 = 10, "f16", 16;
    F64 = 11, "f64", 64;
    U32 = 12, "u32", 32;
    U64 = 13, "u64", 64;
    C64 = 14, "c64", 64;
    C128 = 15, "c128", 128;
    BF16 = 16, "bf16", 16;
    F8E4M3FN = 17, "f8e4m3fn", 8;
    F8E4M3FNUZ = 18, "f8e4m3fnuz", 8;
    F8E5M2 = 19, "f8e5m2", 8;
    F8E5M2FNUZ = 20, "f8e5m2fnuz", 8;
    U4 = 21, "u4", 4;
    I4 = 22, "i4", 4;
    F4E2M1 = 23, "f4e2m1", 4;
    F8E8M0 = 24, "f8e8m0", 8;
    U2 = 25, "u2", 2;
    I2 = 26, "i2", 2;
    F6E2M3 = 27, "f6e2m3", 6;
    F6E3M2 = 28, "f6e3m2", 6;
}

impl DataType {
    /// Bytes of an element of a floating-point type that [`decode_f32`](Self::decode_f32) knows.
    pub fn float_size(self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::BF16 => Some(2),
            _ => None,
        }
    }

    /// Reads packed f16, bf16, f32 or f64 elements as float32; `out` has as many elements.
    ///
    /// # Errors
    /// Other types.
    pub fn decode_f32(self, bytes: &[u8], out: &mut [f32]) -> Result<()> {
        fn each<const N: usize>(bytes: &[u8], out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
            for (out, &chunk) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
                *out = value(chunk);
            }
        }
        match self {
            Self::F32 => each(bytes, out, f32::from_le_bytes),
            Self::F64 => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
            Self::F16 => each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            Self::BF16 => each(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            other => return Err(not_float(other)),
        }
        Ok(())
    }

    /// Writes float32 values as packed f16, bf16, f32 or f64 elements, rounded once, to nearest even.
    ///
    /// # Errors
    /// Other types.
    pub fn encode_f32(self, values: &[f32], bytes: &mut [u8]) -> Result<()> {
        fn each<const N: usize>(values: &[f32], bytes: &mut [u8], value: impl Fn(f32) -> [u8; N]) {
            for (&v, chunk) in values.iter().zip(bytes.as_chunks_mut::<N>().0) {
                *chunk = value(v);
            }
        }
        match self {
            Self::F32 => each(values, bytes, f32::to_le_bytes),
            Self::F64 => each(values, bytes, |v| f64::from(v).to_le_bytes()),
            Self::F16 => each(values, bytes, |v| f16::from_f32(v).to_le_bytes()),
            Self::BF16 => each(values, bytes, |v| bf16::from_f32(v).to_le_bytes()),
            other => return Err(not_float(other)),
        }
        Ok(())
    }

    /// The same of values that are finite numbers of this type.
    ///
    /// # Errors
    /// Other types, or a value is none.
    pub fn encode_finite(self, values: &[f32], bytes: &mut [u8]) -> Result<()> {
        self.encode_f32(values, bytes)?;
        let mut written = vec![0.0; values.len()];
        self.decode_f32(bytes, &mut written)?;
        match written.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::invalid(format!(
                "{:e} is no finite number of {}",
                values[at],
                self.name()
            ))),
        }
    }
}

fn not_float(dtype: DataType) -> Error {
    Error::unsupported(format!("elements of type {} are no f16, bf16, f32 or f64", dtype.name()))
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Type and shape of a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorType {
    /// Element type.
    pub dtype: DataType,
    /// Sizes.
    pub dims: Vec<i64>,
}

impl TensorType {
    /// This element type and these sizes.
    pub fn new(dtype: DataType, dims: impl Into<Vec<i64>>) -> Self {
        Self { dtype, dims: dims.into() }
    }

    /// How many elements.
    pub fn elements(&self) -> u64 {
        self.dims.iter().map(|&d| d as u64).product()
    }

    pub(crate) fn raw(&self) -> PeftcTensorType {
        PeftcTensorType {
            dtype: self.dtype as i32,
            rank: self.dims.len() as u32,
            dims: self.dims.as_ptr(),
        }
    }
}

impl std::fmt::Display for TensorType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.dims)
    }
}

/// A tensor to read. Its bytes have no alignment.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Sizes.
    pub dims: &'a [i64],
    /// Packed elements, little-endian.
    pub bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// # Safety
    /// `raw` is as the host gives it, valid for `'a`.
    pub(crate) unsafe fn from_raw(raw: &PeftcTensor) -> Result<Self> {
        let dtype = known(raw.dtype)?;
        // SAFETY: forwarded.
        let (dims, bytes) =
            unsafe { (array(raw.dims, raw.rank as usize), array(raw.data, raw.byte_len)) };
        Ok(Self { dtype, dims, bytes })
    }

    /// Type and shape.
    pub fn ty(&self) -> TensorType {
        TensorType::new(self.dtype, self.dims)
    }

    /// All elements as float32.
    ///
    /// # Errors
    /// The type is no f16, bf16, f32 or f64.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let size = self.dtype.float_size().ok_or_else(|| not_float(self.dtype))?;
        let mut values = vec![0.0; self.bytes.len() / size];
        self.dtype.decode_f32(self.bytes, &mut values)?;
        Ok(values)
    }
}

pub(crate) fn known(dtype: i32) -> Result<DataType> {
    DataType::from_onnx(dtype)
        .ok_or_else(|| Error::unsupported(format!("data type {dtype} is unknown to this plugin")))
}

/// An array the host lends; it may be null when it is empty.
///
/// # Safety
/// `len` initialized items at `ptr`, which nobody changes during `'a`.
pub(crate) unsafe fn array<'a, T>(ptr: *const T, len: usize) -> &'a [T] {
    if len == 0 {
        return &[];
    }
    // SAFETY: forwarded.
    unsafe { std::slice::from_raw_parts(ptr, len) }
}
