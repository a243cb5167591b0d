//! A quantized weight as the checkpoint stores it.

use super::base::element;
use super::keys::Key;
use crate::codec::{QuantType, Quantizer, nested};
use peftc_plugin::{DataType, Error, Result, Run, TensorType, TensorView};
use serde_json::Value;

/// A quantized weight, whose parts fit each other.
pub(crate) struct Stored<'a> {
    /// The name of its codes: `MODULE.weight`.
    pub(crate) name: &'a str,
    pub(crate) quant_type: QuantType,
    pub(crate) block_size: usize,
    /// `[out, in]`
    pub(crate) shape: [i64; 2],
    /// What was quantized was of this type.
    pub(crate) dtype: DataType,
    /// Two codes a byte, of any type.
    pub(crate) codes: TensorView<'a>,
    /// The code book, float32.
    pub(crate) quant_map: TensorView<'a>,
    /// Float32, or the codes of double quantization.
    absmax: TensorView<'a>,
    pub(crate) nested: Option<Nested<'a>>,
}

/// What double quantization adds.
pub(crate) struct Nested<'a> {
    /// The code book of absmax, float32.
    pub(crate) quant_map: TensorView<'a>,
    /// Float32, one for each 256 codes of absmax.
    absmax: TensorView<'a>,
    pub(crate) offset: f32,
}

impl<'a> Stored<'a> {
    /// Looks at a weight of the checkpoint.
    ///
    /// # Errors
    /// A part is missing, or of another type or size than the others say.
    pub(crate) fn read(run: &Run<'a>, key: &Key<'a>) -> Result<Self> {
        let state = State::parse(run.adapter_tensor(key.state)?.bytes)
            .map_err(|what| Error::invalid(format!("{} {what}", key.state)))?;
        let name = key.name;
        if state.quant_type != key.quant_type.name() {
            return Err(Error::invalid(format!(
                "{} says quant_type {:?}",
                key.state, state.quant_type
            )));
        }
        let block_size = usize::try_from(state.block_size)
            .ok()
            .filter(|&size| Quantizer::new(key.quant_type, size).is_some())
            .ok_or_else(|| {
                Error::unsupported(format!(
                    "{name} has blocks of {} elements: a power of two from 16 to 4096 is accepted",
                    state.block_size
                ))
            })?;
        let [out, inputs] = state.shape;
        let elements =
            out.checked_mul(inputs).filter(|&n| out > 0 && inputs > 0 && n > 0).ok_or_else(
                || Error::invalid(format!("{name} cannot have the shape {:?}", state.shape)),
            )?;
        let codes = run.adapter_tensor(name)?;
        let bytes = (elements as u64).div_ceil(2);
        if codes.bytes.len() as u64 != bytes {
            return Err(Error::invalid(format!(
                "{name} is {}, {} bytes: the codes of {:?} are {bytes}",
                codes.ty(),
                codes.bytes.len(),
                state.shape
            )));
        }
        let blocks = (elements as u64).div_ceil(block_size as u64) as i64;
        let part = |part: &str, dtype: DataType, len: i64| {
            let name = format!("{name}.{part}");
            expect(&name, run.adapter_tensor(&name)?, &TensorType::new(dtype, [len]))
        };
        let quant_map = part("quant_map", DataType::F32, 16)?;
        check_code_book(name, key.quant_type, quant_map)?;
        let (absmax, nested) = match state.nested {
            None => (part("absmax", DataType::F32, blocks)?, None),
            Some(offset) => {
                let codes = part("absmax", DataType::U8, blocks)?;
                let groups = (blocks as u64).div_ceil(nested::BLOCK_SIZE as u64) as i64;
                let absmax = part("nested_absmax", DataType::F32, groups)?;
                let quant_map = part("nested_quant_map", DataType::F32, 256)?;
                check_nested_map(name, quant_map)?;
                (codes, Some(Nested { quant_map, absmax, offset }))
            }
        };
        Ok(Self {
            name,
            quant_type: key.quant_type,
            block_size,
            shape: state.shape,
            dtype: state.dtype,
            codes,
            quant_map,
            absmax,
            nested,
        })
    }

    /// The magnitude of a block, and how large those of its neighbours are that it is rounded with:
    /// 0 where it is stored as it is.
    pub(crate) fn magnitude(&self, block: usize) -> Result<[f32; 2]> {
        let Some(nested) = &self.nested else { return Ok([element(self.absmax, block)?, 0.0]) };
        let code = self.absmax.bytes.get(block).copied().unwrap_or(0);
        let scale = element(nested.absmax, block / nested::BLOCK_SIZE)?;
        Ok([element(nested.quant_map, usize::from(code))? * scale + nested.offset, scale])
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> i64 {
        ((self.shape[0] * self.shape[1]) as u64).div_ceil(self.block_size as u64) as i64
    }
}

/// A tensor of this type and number of elements, whatever its rank.
fn expect<'a>(name: &str, found: TensorView<'a>, ty: &TensorType) -> Result<TensorView<'a>> {
    if found.dtype == ty.dtype && found.ty().elements() == ty.elements() {
        return Ok(found);
    }
    Err(Error::invalid(format!("{name} is {}, expected {ty}", found.ty())))
}

/// The code book must be the one that the kernels of bitsandbytes have built in: what a weight
/// stands for is else not certain.
fn check_code_book(name: &str, quant_type: QuantType, map: TensorView<'_>) -> Result<()> {
    // Older versions computed the values, which may round otherwise.
    const ROUNDING: f32 = 1e-6;
    let found = map.to_f32()?;
    let mut pairs = found.iter().zip(quant_type.code_book()).enumerate();
    let is_near = |found: &f32, known: &f32| (found - known).abs() <= ROUNDING;
    match pairs.find(|(_, (found, known))| !is_near(found, known)) {
        None => Ok(()),
        Some((code, (found, known))) => Err(Error::invalid(format!(
            "{name}.quant_map gives code {code} the value {found}, {} has {known}",
            quant_type.name()
        ))),
    }
}

/// What the code book of absmax has is stored and read; but it must be one.
fn check_nested_map(name: &str, map: TensorView<'_>) -> Result<()> {
    match map.to_f32()?.iter().enumerate().find(|(_, value)| !(-1.0..=1.0).contains(*value)) {
        None => Ok(()),
        Some((code, value)) => Err(Error::invalid(format!(
            "{name}.nested_quant_map gives code {code} the value {value}: expected -1 to 1"
        ))),
    }
}

/// What `quant_state` says.
#[derive(Debug, PartialEq)]
struct State {
    quant_type: String,
    block_size: i64,
    shape: [i64; 2],
    dtype: DataType,
    /// The offset, where absmax is quantized.
    nested: Option<f32>,
}

impl State {
    fn parse(json: &[u8]) -> std::result::Result<Self, String> {
        let state: Value = serde_json::from_slice(json).map_err(|e| format!("is no JSON: {e}"))?;
        let entry = |key: &str| state.get(key).ok_or_else(|| format!("has no {key:?}"));
        let wrong = |key: &str| format!("has {key:?}: {}", state.get(key).unwrap_or(&Value::Null));
        let shape: Option<Vec<i64>> =
            entry("shape")?.as_array().and_then(|sizes| sizes.iter().map(Value::as_i64).collect());
        let dtype = match entry("dtype")?.as_str() {
            Some("float32") => DataType::F32,
            Some("float16") => DataType::F16,
            Some("bfloat16") => DataType::BF16,
            _ => return Err(wrong("dtype") + ", expected float32, float16 or bfloat16"),
        };
        let nested = match state.get("nested_offset") {
            None => None,
            Some(offset) => {
                let size = entry("nested_blocksize")?.as_i64();
                if size != Some(nested::BLOCK_SIZE as i64) {
                    let wrong = wrong("nested_blocksize");
                    return Err(format!("{wrong}, expected {}", nested::BLOCK_SIZE));
                }
                if entry("nested_dtype")?.as_str() != Some("float32") {
                    return Err(wrong("nested_dtype") + ", expected \"float32\"");
                }
                let offset = offset.as_f64().map(|offset| offset as f32).filter(|o| o.is_finite());
                Some(offset.ok_or_else(|| wrong("nested_offset"))?)
            }
        };
        Ok(Self {
            quant_type: entry("quant_type")?
                .as_str()
                .ok_or_else(|| wrong("quant_type"))?
                .to_owned(),
            block_size: entry("blocksize")?.as_i64().ok_or_else(|| wrong("blocksize"))?,
            shape: shape
                .and_then(|shape| shape.try_into().ok())
                .ok_or_else(|| wrong("shape") + ", expected [out, in] of a linear layer")?,
            dtype,
            nested,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [3, 64], "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.28138110041618347}"#;

    #[test]
    fn a_state_is_read() {
        let state = State::parse(STATE.as_bytes()).expect("as bitsandbytes writes it");
        assert_eq!((state.block_size, state.shape, state.dtype), (64, [3, 64], DataType::BF16));
        assert_eq!(state.nested, Some(0.281_381_1));
    }

    #[test]
    fn a_state_that_cannot_be_imported_says_why() {
        for (from, to, expected) in [
            ("256", "128", "has \"nested_blocksize\": 128, expected 256"),
            (
                "\"shape\": [3, 64]",
                "\"shape\": [2, 3, 64]",
                "has \"shape\": [2,3,64], expected [out",
            ),
            ("\"blocksize\"", "\"x\"", "has no \"blocksize\""),
            ("0.28138110041618347", "1e39", "has \"nested_offset\": 1e+39"),
            ("bfloat16", "int8", "has \"dtype\": \"int8\", expected float32"),
            ("{", "", "is no JSON"),
        ] {
            let error = State::parse(STATE.replace(from, to).as_bytes()).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
    }
}
