//! What a model or an adapter holds.

mod adapter;
mod attention;
mod blocks;
mod changes;
mod functions;
mod html;
mod listing;
mod model;
mod pairs;
mod sites;
mod sizes;
mod survey;
mod unusual;

pub use adapter::{
    AdapterComparison, AdapterInspection, AdapterTensor, QuantizedWeight, compare_adapters,
    inspect_adapter, inspect_changes,
};
pub use attention::{Attention, KeyValue, MaskPlace, PositionPlace};
pub use blocks::Block;
pub use changes::{Changes, LayerChange};
pub use functions::FunctionSummary;
pub use html::HtmlReport;
pub use listing::{SiteListing, list_sites};
pub use model::{ModelInspection, Signature, inspect, inspect_model};
pub use pairs::{Pair, SharedLayer};
pub use sites::{Branch, Site};
pub use sizes::{DtypeSize, LargeTensor, LocationSize};
pub use survey::TensorPlace;
