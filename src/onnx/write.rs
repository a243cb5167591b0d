//! Writing a model: first the plan of all files, then their content, the model's name last.

mod archive;
mod commit;
mod encode;
mod layout;
mod leftovers;
mod messages;
mod rope;
mod store;
mod tensor;
mod version;

pub use layout::{WritePlan, plan, structure_sha256};
pub(super) use tensor::whole as tensor_message;

use serde::Serialize;
use std::path::PathBuf;

/// A file of an output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputFile {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// How an output is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Where tensors go.
    pub external_data: ExternalData,
    /// Whether tensors in data files of the input stay there, and the output refers to them.
    pub link_weights: bool,
    /// Whether a file that is at the output's path is an error instead of replaced.
    pub refuse_existing: bool,
}

/// Where the tensors of an output go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalData {
    /// Into the model file, unless the input has external data or the model would pass 1.5 GiB.
    #[default]
    Auto,
    /// Those of at least 1024 bytes into a data file.
    Always,
    /// Into the model file; an error above protobuf's limit of 2 GiB.
    Never,
}
