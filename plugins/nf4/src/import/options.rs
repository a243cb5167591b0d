//! What the recipe says of an import. How weights are quantized is the checkpoint's to say.

use super::stored::Stored;
use peftc_plugin::{Error, Result, Run};

/// How imported weights are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Portable,
    Ort,
}

/// The options of an import.
pub(crate) struct Options<'a> {
    pub(crate) format: Format,
    pub(crate) check_base: bool,
    pub(crate) measure: bool,
    block_size: Option<i64>,
    double_quant: Option<bool>,
    quant_type: Option<&'a str>,
}

impl<'a> Options<'a> {
    pub(crate) fn of(run: &Run<'a>) -> Result<Self> {
        let given = [
            ("targets", run.option_list("targets")?.is_some()),
            ("exclude", run.option_list("exclude")?.is_some()),
            ("min_size", run.option_i64("min_size")?.is_some()),
            ("bits", run.option_i64("bits")?.is_some()),
            ("symmetric", run.option_bool("symmetric")?.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(_, is_given)| *is_given) {
            return Err(Error::invalid(format!(
                "{key} is for weights that the pass quantizes; which layers of a checkpoint are, and how, it says \
                 itself: leave the option out"
            )));
        }
        let format = match run.option_str("format")? {
            Some("nbits") => {
                return Err(Error::invalid(
                    "format = \"nbits\" has integers, the checkpoint has codes of NF4 or FP4, which are taken over as \
                     they are: \"portable\" and \"ort\" hold them",
                ));
            }
            Some("ort") => Format::Ort,
            _ => Format::Portable,
        };
        Ok(Self {
            format,
            check_base: run.option_bool("check_base")?.unwrap_or(true),
            measure: run.option_bool("measure")?.unwrap_or(true),
            block_size: run.option_i64("block_size")?,
            double_quant: run.option_bool("double_quant")?,
            quant_type: run.option_str("quant_type")?,
        })
    }

    /// A weight must be quantized as the recipe says, where it does.
    pub(crate) fn check(&self, stored: &Stored<'_>) -> Result<()> {
        let (block_size, quant_type) = (stored.block_size as i64, stored.quant_type.name());
        let is_nested = stored.nested.is_some();
        let said = match self {
            Self { block_size: Some(b), .. } if *b != block_size => {
                format!("block_size = {b}, but {} has blocks of {block_size}", stored.name)
            }
            Self { quant_type: Some(t), .. } if *t != quant_type => {
                format!("quant_type = {t:?}, but {} is {quant_type:?}", stored.name)
            }
            Self { double_quant: Some(d), .. } if *d != is_nested => {
                let what = if is_nested { "double quantized" } else { "not double quantized" };
                format!("double_quant = {d}, but {} is {what}", stored.name)
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(format!(
            "{said}; a checkpoint is taken over as it is: leave the option out"
        )))
    }
}
