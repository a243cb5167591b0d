//! The graph that passes transform. It knows no file format, no plugin and no kernel.
//!
//! A [`Model`] has a [`Graph`] and functions. In a graph, operators, inputs, outputs,
//! initializers and captures are nodes of a petgraph `StableDiGraph`; every use of a value is
//! an edge that knows its output slot and its input slot; values are first-class. Passes read
//! a graph and record [`Edits`]; [`Graph::apply`] checks them all, then applies all, or none.

mod dtype;
mod edit;
mod graph;
mod id;
mod metadata;
mod model;
mod node;
mod order;
pub mod tensor;
pub mod text;
mod types;
mod verify;

pub use dtype::DataType;
pub(crate) use edit::Names;
pub use edit::{Applied, Edits, NewNode};
pub use graph::{Graph, Slot, Use, Value, ValueInfo};
pub use id::{NodeId, ValueId};
pub use metadata::Metadata;
pub use model::{Function, Model};
pub use node::{Attribute, AttributeKind, AttributeValue, Node, NodeKind, Op};
pub use tensor::{Storage, Tensor, TensorData, element_count, unload};
pub use types::{Dim, DimSize, Type, TypeKind};
pub use verify::{Violation, verify, verify_model};
