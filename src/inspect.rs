//! What a model or an adapter holds.

mod adapter;
mod model;

pub use adapter::{AdapterInspection, inspect_adapter};
pub use model::{Branch, DtypeSize, ModelInspection, Signature, Site, inspect_model};
