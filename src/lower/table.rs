//! How each operator is lowered.

use super::lowering::Lowering;
use crate::error::Result;
use crate::ir::{NodeId, Op};
use crate::ops;

impl Lowering<'_> {
    /// Lowers a node to groups and views; none where only its reference can compute it.
    pub(super) fn lowered(&mut self, id: NodeId, op: &Op) -> Result<Option<()>> {
        if self.attentions.contains_key(&id) {
            return self.attention(id);
        }
        if ops::operator(op, self.opsets).is_err() {
            // A function, whatever its name is.
            return Ok(None);
        }
        let is_standard = op.domain.is_empty() || op.domain == "ai.onnx";
        let name = op.op_type.as_str();
        let known = match name {
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" if is_standard => self.reshape(id)?,
            "Identity" if is_standard => self.alias(id)?,
            "Cast" if is_standard && self.is_same(id) => self.alias(id)?,
            "Transpose" if is_standard => self.transpose(id, op)?,
            "Expand" if is_standard => self.expand(id)?,
            "ConstantOfShape" if is_standard => self.constant_of_shape(id, op)?,
            "Slice" if is_standard => self.slice(id, op)?,
            "Split" if is_standard => self.split(id, op)?,
            "Gather" if is_standard => self.gather(id, op)?,
            "Concat" if is_standard => self.concat(id, op)?,
            "Softmax" | "LogSoftmax" if is_standard => self.softmax(id, op)?,
            "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
                self.normalization(id, op)?
            }
            "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1"
            | "ReduceL2" | "ReduceSumSquare"
                if is_standard =>
            {
                self.reduce(id, op)?
            }
            "InstanceNormalization" if is_standard => self.instances(id, op)?,
            "GlobalAveragePool" | "GlobalMaxPool" if is_standard => self.global_pool(id, op)?,
            "Range" if is_standard => self.range(id)?,
            "Trilu" if is_standard => self.triangle(id, op)?,
            "MatMul" if is_standard => self.matmul(id)?,
            "Conv" if is_standard => self.conv(id, op)?,
            "ConvTranspose" if is_standard => self.conv_transpose(id, op)?,
            "MaxPool" | "AveragePool" if is_standard => self.pool(id, op)?,
            "BatchNormalization" if is_standard => self.batch_normalization(id, op)?,
            "Resize" if is_standard => self.resize(id, op)?,
            "Pad" if is_standard => self.pad(id, op)?,
            "Gemm" if is_standard => self.gemm(id, op)?,
            _ => None,
        };
        match (known, ops::element(&op.domain, name)) {
            (None, Some(lowering)) => self.element(id, op, lowering),
            (known, _) => Ok(known),
        }
    }

    /// Whether a node's input and output are held in one type.
    fn is_same(&self, id: NodeId) -> bool {
        let input = self.slot(id, 0).and_then(|value| self.known(value));
        match (input, self.result(id)) {
            (Some((_, from)), Some((_, _, to))) => {
                super::lowering::stored(from) == super::lowering::stored(to)
            }
            _ => false,
        }
    }
}
