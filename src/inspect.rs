//! What a model or an adapter holds.

mod adapter;
mod attention;
mod blocks;
mod functions;
mod listing;
mod model;
mod sites;
mod sizes;
mod survey;
mod unusual;

pub use adapter::{AdapterInspection, AdapterTensor, QuantizedWeight, inspect_adapter};
pub use attention::{Attention, KeyValue, MaskPlace, PositionPlace};
pub use blocks::Block;
pub use functions::FunctionSummary;
pub use listing::{SiteListing, list_sites};
pub use model::{ModelInspection, Signature, inspect, inspect_model};
pub use sites::{Branch, Site};
pub use sizes::{DtypeSize, LargeTensor, LocationSize};
pub use survey::TensorPlace;
