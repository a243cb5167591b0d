//! The options of the pass.

use crate::codec::QuantType;
use peftc_plugin::{Error, Result, Run};

/// How quantized weights are stored and read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Model-local functions of standard operators.
    Portable,
    /// `com.microsoft` MatMulBnb4.
    Ort,
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
            format: match run.option_str("format")? {
                Some("ort") => Format::Ort,
                _ => Format::Portable,
            },
        })
    }
}
