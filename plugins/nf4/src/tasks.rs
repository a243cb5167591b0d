//! Task kinds: what is computed while the output is written.

pub(crate) mod copy;
mod errors;
pub(crate) mod measure;
pub(crate) mod nest;
mod outputs;
pub(crate) mod quantize;
pub(crate) mod quantize_int;
mod rows;
mod tiles;
pub(crate) mod unnest;

use peftc_plugin::{Error, Result};

/// Magnitudes of a checkpoint must be finite.
fn finite(magnitudes: &[f32]) -> Result<()> {
    match magnitudes.iter().find(|magnitude| !magnitude.is_finite()) {
        None => Ok(()),
        Some(found) => Err(Error::invalid(format!(
            "the checkpoint has a magnitude that is {found}: it is damaged"
        ))),
    }
}
