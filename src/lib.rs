//! `peftc` is to adapters what a linker is to object files: it puts the PEFT adapters that
//! people train onto ONNX models. Every transformation is a plugin pass over a graph.
//!
//! See ARCHITECTURE.md for what each module is and may use.

pub mod adapter;
pub mod apply;
#[cfg(feature = "cpu")]
pub mod bench;
pub mod context;
pub mod delta;
mod disk;
pub mod error;
pub mod extract;
pub mod inspect;
pub mod ir;
pub mod kernel;
#[cfg_attr(
    not(feature = "cpu"),
    allow(dead_code, unused_imports, reason = "the engine uses what graphs are lowered to")
)]
mod lower;
pub mod merge;
mod npz;
pub mod onnx;
pub mod ops;
pub mod pass;
pub mod plugin;
pub mod recipe;
pub mod run;
pub mod runtime;
pub mod verify;
pub mod weights;
mod zip;

pub use context::{CancelToken, Context, Event, Level};
pub use error::{Error, ErrorKind, Result};
