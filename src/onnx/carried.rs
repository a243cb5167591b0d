//! What the IR carries as encoded bytes, for those who want to know what it is.

use super::proto::{GraphProto, ModelProto, NodeProto};
use crate::error::{Error, Result};
use crate::ir::{Graph, Model, Op};
use bytes::Bytes;
use prost::Message;

/// What a model carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelCarried {
    /// How many pieces of information on training.
    pub(crate) training: usize,
    /// The names of its device configurations.
    pub(crate) device_configurations: Vec<String>,
}

/// What a graph carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphCarried {
    /// The tensors with quantization annotations.
    pub(crate) quantized: Vec<String>,
    /// The values that are declared although nothing makes them.
    pub(crate) unmade: Vec<String>,
}

/// What a model carries beside its graphs.
///
/// # Errors
/// The carried bytes are not what reading a model puts there. So it is with the others.
pub(crate) fn carried_by_model(model: &Model) -> Result<ModelCarried> {
    let proto: ModelProto = decode(&model.carried)?;
    let name = |name: Option<String>| name.unwrap_or_default();
    Ok(ModelCarried {
        training: proto.training_info.len(),
        device_configurations: proto.configuration.into_iter().map(|c| name(c.name)).collect(),
    })
}

/// What a graph carries, subgraphs aside.
pub(crate) fn carried_by_graph(graph: &Graph) -> Result<GraphCarried> {
    let proto: GraphProto = decode(&graph.carried)?;
    let annotations = proto.quantization_annotation.into_iter();
    let declared = proto.value_info.into_iter().filter_map(|info| info.name);
    Ok(GraphCarried {
        quantized: annotations.filter_map(|a| a.tensor_name).collect(),
        unmade: declared.filter(|name| graph.value_named(name).is_none()).collect(),
    })
}

/// The device configurations that an operator names.
pub(crate) fn carried_by_op(op: &Op) -> Result<Vec<String>> {
    let proto: NodeProto = decode(&op.carried)?;
    let configurations = proto.device_configurations.into_iter();
    Ok(configurations.map(|c| c.configuration_id.unwrap_or_default()).collect())
}

/// What was carried, as the message it is a part of.
pub(super) fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M> {
    M::decode(bytes.clone()).map_err(|e| Error::bug(format!("carried fields do not decode: {e}")))
}
