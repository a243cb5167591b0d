//! The ONNX file format: reading and writing. The only place that knows protobuf.
#![forbid(unsafe_code)]

mod external;
mod proto;
mod read;
mod scan;
mod types;
mod write;

pub use read::{ReadModel, read};
pub use scan::UnknownField;
pub use write::{ExternalData, OutputFile, WriteOptions, WritePlan, plan, structure_sha256};
