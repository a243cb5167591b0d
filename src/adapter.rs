//! Adapter checkpoints, and where the modules they name stand in a graph.
//!
//! An [`Adapter`] is a Hugging Face PEFT folder, an AdapterHub folder, or a checkpoint of bitsandbytes,
//! whose weights are quantized to 4 bits. [`Sites`] are the places of a graph that multiply by a
//! weight, and [`BlockSites`] the sublayers of a transformer, found by structure, with the module
//! paths that exporters leave behind.
//! [`LayerInputs`] are what passes measure on, [`LeftOut`] what of an adapter is for the other half of an
//! encoder–decoder.
#![forbid(unsafe_code)]

mod adapterhub;
mod attention;
mod bind;
mod bitsandbytes;
mod block;
mod checkpoint;
mod config;
mod half;
mod inputs;
mod module;
mod opened;
mod parameter;
mod peft;
mod pickle;
mod shapes;
mod site;
mod tensors;

pub use attention::{
    AttentionSite, AttentionSites, KeyValues, Mask, MaskKind, Position, PositionKind, Relative,
    Stack, Stated,
};
pub(crate) use bind::match_module;
pub use bitsandbytes::Quantized;
pub use block::{BlockSite, BlockSites, Norm, NormKind, Sublayer};
pub use checkpoint::Checkpoint;
pub use config::Config;
pub use half::LeftOut;
pub use inputs::LayerInputs;
pub use module::module_path;
pub use opened::Adapter;
pub use parameter::{Parameter, is_of_layer};
pub use shapes::lengths_behind;
pub use site::{LinearSite, Sites};
