//! Task kinds: what is computed while the output is written.

pub(crate) mod copy;
pub(crate) mod nest;
pub(crate) mod quantize;
pub(crate) mod quantize_int;
mod rows;
pub(crate) mod unnest;
