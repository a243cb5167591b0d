//! Writing a model: first the plan of all files, then their content, the model's name last.

mod commit;
mod encode;
mod layout;

pub use commit::OutputFile;
pub use layout::{WritePlan, plan, structure_sha256};

/// How an output is stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Where tensors go.
    pub external_data: ExternalData,
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
