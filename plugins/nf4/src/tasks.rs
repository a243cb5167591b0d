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
