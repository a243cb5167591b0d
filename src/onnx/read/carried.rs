//! What is carried as messages must not depend on where the model was read from.

use super::Reader;
use crate::error::{Error, Result};
use crate::onnx::proto::*;
use bytes::Bytes;

impl Reader {
    /// Brings the external data of training graphs into their messages.
    pub(super) fn bring_in(&mut self, training: &mut TrainingInfoProto) -> Result<()> {
        let graphs = training.initialization.iter_mut().chain(&mut training.algorithm);
        graphs.into_iter().try_for_each(|graph| self.bring_in_graph(graph))
    }

    fn bring_in_graph(&mut self, graph: &mut GraphProto) -> Result<()> {
        let sparse = graph.sparse_initializer.iter_mut().flat_map(parts);
        for tensor in graph.initializer.iter_mut().chain(sparse) {
            self.bring_in_tensor(tensor)?;
        }
        for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
            let sparse = attribute.sparse_tensor.as_deref_mut().into_iter();
            let sparse = sparse.chain(&mut attribute.sparse_tensors).flat_map(parts);
            let tensors = attribute.t.as_deref_mut().into_iter().chain(&mut attribute.tensors);
            for tensor in tensors.chain(sparse) {
                self.bring_in_tensor(tensor)?;
            }
            let graphs = attribute.g.as_deref_mut().into_iter().chain(&mut attribute.graphs);
            graphs.into_iter().try_for_each(|graph| self.bring_in_graph(graph))?;
        }
        Ok(())
    }

    fn bring_in_tensor(&mut self, proto: &mut TensorProto) -> Result<()> {
        if proto.external_data.is_empty() {
            return Ok(());
        }
        let tensor = self.tensor(proto.clone())?;
        let bytes = tensor.bytes().ok_or_else(|| Error::bug("external data without bytes"))?;
        proto.raw_data = Some(Bytes::copy_from_slice(bytes));
        proto.external_data.clear();
        proto.data_location = None;
        Ok(())
    }
}

fn parts(sparse: &mut SparseTensorProto) -> impl Iterator<Item = &mut TensorProto> {
    sparse.values.iter_mut().chain(&mut sparse.indices)
}
