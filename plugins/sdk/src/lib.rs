//! Write peftc passes in safe Rust.
//!
//! A plugin is a crate with `crate-type = ["cdylib"]`, whose library is named
//! `peftc_plugin_NAME`, and that says [`export_plugin!`] once. A pass is a function that reads
//! the graph through a [`Run`] and records edits; the host applies all of them, or none.
//!
//! ```
//! use peftc_plugin::{Result, Run};
//!
//! /// Notes how many linear layers there are.
//! fn count(run: &Run<'_>) -> Result<()> {
//!     let sites = run.sites_of_targets(&["all-linear"])?;
//!     run.note(&format!("{} linear layers", sites.len()));
//!     Ok(())
//! }
//!
//! peftc_plugin::export_plugin! {
//!     passes: [{
//!         name: "count",
//!         summary: "count linear layers",
//!         peft_types: [],
//!         options: [],
//!         run: count,
//!     }],
//!     task_kinds: [],
//! }
//! # fn main() {}
//! ```
//!
//! Large tensors are not computed while a pass runs: it records *weight tasks*
//! ([`Run::add_task`]), which the host computes region by region while the output is written.

pub mod branch;
mod error;
pub mod export;
pub mod fresh;
mod ids;
pub mod measure;
pub mod merged;
mod run;
pub mod saved;
mod task;
mod tensor;
mod thirds;

pub use error::{Error, Result, Status};
pub use ids::{Attention, BlockSite, Node, Parameter, Site, Value};
pub use run::{
    AttentionInfo, Attr, BlockSiteInfo, KeyValues, Level, Mask, MaskKind, NodeInfo, NodeSpec, Norm,
    NormKind, ParameterInfo, Position, Record, Relative, Run, SiteInfo, SourceSpec, Stack, Stated,
    Sublayer, TaskSpec, UseInfo, ValueInfo, one,
};
pub use task::{TaskCall, TensorMut, words};
pub use tensor::{DataType, TensorType, TensorView};
pub use thirds::Thirds;

#[doc(hidden)]
pub use peftc_abi as abi;
