//! The ONNX file format: reading and writing. The only place that knows protobuf.
#![forbid(unsafe_code)]

mod external;
mod link;
mod proto;
mod read;
mod scan;
mod types;
mod write;

pub use link::LinkedFile;
pub use read::{ReadModel, read};
pub use scan::UnknownField;
pub use write::{ExternalData, OutputFile, WriteOptions, WritePlan, plan, structure_sha256};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The folder a file is in.
fn folder_of(file: &std::path::Path) -> &std::path::Path {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(std::path::Path::new("."))
}
