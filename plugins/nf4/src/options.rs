//! The options of the pass.

use crate::codec::QuantType;
use crate::layer::Layer;
use crate::nbits::{self, IntQuantizer};

use peftc_plugin::{Error, Result, Run, Value};

/// How quantized weights are stored and read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Model-local functions of standard operators.
    Portable,
    /// `com.microsoft` MatMulBnb4.
    Ort,
    /// `com.microsoft` MatMulNBits, with integers of this quantizer.
    Nbits(IntQuantizer),
}

/// The options of the pass.
pub(crate) struct Options<'a> {
    pub(crate) block_size: usize,
    pub(crate) double_quant: bool,
    pub(crate) quant_type: QuantType,
    pub(crate) targets: Vec<&'a str>,
    pub(crate) exclude: Vec<&'a str>,
    pub(crate) min_size: i64,
    pub(crate) format: Format,
    /// Whether the error of each weight is measured.
    pub(crate) measure: bool,
}

impl<'a> Options<'a> {
    pub(crate) fn of(run: &Run<'a>) -> Result<Self> {
        let block_size = run.option_i64("block_size")?.unwrap_or(64);
        let is_power = u64::try_from(block_size).is_ok_and(u64::is_power_of_two);
        if !is_power || !(16..=4096).contains(&block_size) {
            return Err(Error::invalid(format!(
                "block_size = {block_size}: a power of two from 16 to 4096 is accepted"
            )));
        }
        if run.option_bool("check_base")?.is_some() {
            return Err(Error::invalid("check_base is for a checkpoint: name one as adapter"));
        }
        Ok(Self {
            block_size: block_size as usize,
            double_quant: run.option_bool("double_quant")?.unwrap_or(true),
            quant_type: match run.option_str("quant_type")? {
                Some("fp4") => QuantType::Fp4,
                _ => QuantType::Nf4,
            },
            targets: run.option_list("targets")?.unwrap_or_else(|| vec!["all-linear"]),
            exclude: run.option_list("exclude")?.unwrap_or_default(),
            min_size: run.option_i64("min_size")?.unwrap_or(0),
            format: format(run, block_size)?,
            measure: run.option_bool("measure")?.unwrap_or(true),
        })
    }

    /// Has the error of a layer's weight measured, if it is wanted: that of codes and magnitudes, or
    /// of codes and the three tensors of quantized magnitudes.
    pub(crate) fn measure(&self, run: &Run<'_>, layer: &Layer<'_>, stored: &[Value]) -> Result<()> {
        match self.measure {
            true => layer.measure(run, self.block_size, self.quant_type, stored),
            false => Ok(()),
        }
    }

    /// What the report says of a layer.
    pub(crate) fn describe(&self) -> String {
        let nested = match self.format {
            Format::Nbits(quantizer) => return nbits::describe(quantizer),
            Format::Portable if self.double_quant => ", double quantized",
            _ => "",
        };
        format!("{} blocks of {}{nested}", self.quant_type.name(), self.block_size)
    }
}

fn format(run: &Run<'_>, block_size: i64) -> Result<Format> {
    let (bits, is_symmetric) = (run.option_i64("bits")?, run.option_bool("symmetric")?);
    let format = match run.option_str("format")? {
        Some("nbits") => {
            return integers(bits.unwrap_or(4), block_size, is_symmetric.unwrap_or(true));
        }
        Some("ort") => Format::Ort,
        _ => Format::Portable,
    };
    let given = [("bits", bits.is_some()), ("symmetric", is_symmetric.is_some())];
    match given.into_iter().find(|&(_, is_given)| is_given) {
        Some((key, _)) => {
            Err(Error::invalid(format!("{key} is for format = \"nbits\" alone: leave it out")))
        }
        None => Ok(format),
    }
}

fn integers(bits: i64, block_size: i64, is_symmetric: bool) -> Result<Format> {
    if !matches!(bits, 4 | 8) {
        return Err(Error::invalid(format!("bits = {bits}: 4 and 8 are accepted")));
    }
    IntQuantizer::new(bits as usize, block_size as usize, is_symmetric)
        .map(Format::Nbits)
        .ok_or_else(|| {
            Error::invalid(format!(
                "block_size = {block_size}: format = \"nbits\" has blocks of 16 to 256 elements"
            ))
        })
}
