//! The ONNX file format: reading and writing. The only place that knows protobuf.
#![forbid(unsafe_code)]

mod archive;
mod carried;
mod data;
mod external;
mod link;
mod proto;
mod read;
mod scan;
mod tensors;
mod types;
mod write;

pub use archive::{Archive, refer_to};
pub(crate) use carried::{
    GraphCarried, ModelCarried, carried_by_graph, carried_by_model, carried_by_op,
};
pub use link::{LINK_REMEDY, LinkedFile};
pub use read::{ReadModel, read};
pub use scan::UnknownField;
pub use tensors::{read_value, value_bytes};
pub use write::{ExternalData, OutputFile, WriteOptions, WritePlan, plan, structure_sha256};

/// The newest version of the ONNX IR whose fields and element types are known.
pub const NEWEST_IR_VERSION: i64 = 14;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The folder a file is in.
pub(crate) fn folder_of(file: &std::path::Path) -> &std::path::Path {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(std::path::Path::new("."))
}
