//! Loading plugins and hosting their passes. The only place that knows dlopen and the C ABI.
//!
//! Plugins are native code that runs with all rights of this process: only files in the
//! folders that [`SearchPath`] names are opened.

mod call;
mod host;
mod library;
mod options;
mod registry;
mod run;
mod search;
mod task;

pub use library::{OptionInfo, OptionKind, PassInfo, Plugin};
pub use options::Options;
pub use registry::{Plugins, Selected};
pub use run::{Archive, Note, PluginPass, Record, task_label};
pub use search::SearchPath;
