//! Tensors: sizes and data, and what is declared about them.

use super::Verifier;
use crate::ir::tensor::Sparse;
use crate::ir::{
    AttributeValue, DataType, DimSize, NodeKind, Tensor, TensorData, Type, TypeKind, element_count,
};

impl Verifier<'_> {
    pub(super) fn tensors(&mut self) {
        for id in self.graph.node_ids() {
            match &self.graph.node(id).kind {
                NodeKind::Input { default: Some(tensor) } | NodeKind::Initializer(tensor) => {
                    self.tensor(&self.graph.describe(id), tensor);
                    self.declared(id, tensor);
                }
                NodeKind::Op(op) => {
                    for (name, attribute) in &op.attributes {
                        let tensors = match &attribute.value {
                            AttributeValue::Tensor(tensor)
                            | AttributeValue::SparseTensor(tensor) => std::slice::from_ref(tensor),
                            AttributeValue::Tensors(tensors)
                            | AttributeValue::SparseTensors(tensors) => tensors,
                            _ => continue,
                        };
                        let at = format!("attribute {name:?} of {}", self.graph.describe(id));
                        tensors.iter().for_each(|t| self.tensor(&at, t));
                    }
                }
                _ => {}
            }
        }
    }

    fn tensor(&mut self, location: &str, tensor: &Tensor) {
        if let Some(message) = problem(tensor) {
            self.report(location, message);
        }
    }

    fn declared(&mut self, id: crate::ir::NodeId, tensor: &Tensor) {
        let Some(value) = self.graph.output(id).and_then(|v| self.graph.get_value(v)) else {
            return;
        };
        let Some(declared) = value.info.as_ref().and_then(|info| info.ty.as_ref()) else { return };
        if !agrees(declared, tensor) {
            let message =
                format!("it is declared as {declared}, but its tensor is {}", tensor.ty());
            self.report_node(id, message);
        }
    }
}

fn agrees(declared: &Type, tensor: &Tensor) -> bool {
    let (dtype, shape) = match &declared.kind {
        TypeKind::Unset => return true,
        TypeKind::Tensor { dtype, shape } | TypeKind::SparseTensor { dtype, shape } => {
            (dtype, shape)
        }
        _ => return false,
    };
    let is_sparse = matches!(tensor.data, TensorData::Sparse(_));
    let fits = |shape: &Vec<_>| {
        shape.len() == tensor.dims.len()
            && shape.iter().zip(&tensor.dims).all(|(d, &size): (&crate::ir::Dim, _)| match d.size {
                DimSize::Known(known) => known == size,
                DimSize::Symbol(_) | DimSize::Unknown => true,
            })
    };
    matches!(declared.kind, TypeKind::SparseTensor { .. }) == is_sparse
        && dtype.is_none_or(|d| d == tensor.dtype)
        && shape.as_ref().is_none_or(fits)
}

fn problem(tensor: &Tensor) -> Option<String> {
    let what = format!("the tensor is {} {:?}", tensor.dtype, tensor.dims);
    if tensor.dims.iter().any(|&d| d < 0) {
        return Some(format!("{what}: a size is negative"));
    }
    let Some(elements) = element_count(&tensor.dims) else {
        return Some(format!("{what}: the number of its elements overflows"));
    };
    match &tensor.data {
        TensorData::Strings(strings) => {
            let found = strings.len() as u64;
            if tensor.dtype != DataType::String {
                Some(format!("{what}, but its data is strings"))
            } else if found != elements {
                Some(format!("{what}, which is {elements} strings, but there are {found}"))
            } else {
                None
            }
        }
        TensorData::Sparse(sparse) => {
            problem_of_sparse(tensor, sparse).map(|problem| format!("{what}, sparse: {problem}"))
        }
        TensorData::Pending { .. } => tensor.byte_len().is_none().then(|| {
            format!("{what}: a weight task cannot compute it, as its size in bytes is not known")
        }),
        TensorData::Bytes(_) | TensorData::File(_) => {
            let found = tensor.bytes().map_or(0, |b| b.len() as u64);
            match tensor.byte_len() {
                None if tensor.dtype == DataType::String => {
                    Some(format!("{what}, but its data is bytes"))
                }
                None => Some(format!("{what}: the number of its bytes overflows")),
                Some(bytes) if bytes != found => {
                    Some(format!("{what}, which is {bytes} bytes, but there are {found}"))
                }
                Some(_) => None,
            }
        }
    }
}

fn problem_of_sparse(tensor: &Tensor, sparse: &Sparse) -> Option<String> {
    let Sparse { values, indices } = sparse;
    let is_sparse = |t: &Tensor| matches!(t.data, TensorData::Sparse(_));
    if is_sparse(values) || is_sparse(indices) {
        return Some("its values or indices are sparse themselves".to_owned());
    }
    if values.dtype != tensor.dtype {
        return Some(format!("its values are {}", values.dtype));
    }
    if indices.dtype != DataType::I64 {
        return Some(format!("its indices are {}, but have to be i64", indices.dtype));
    }
    let &[count] = values.dims.as_slice() else {
        return Some(format!(
            "its values have the shape {:?}, but have to be a vector",
            values.dims
        ));
    };
    let rank = tensor.dims.len() as i64;
    if indices.dims != [count] && indices.dims != [count, rank] {
        let found = &indices.dims;
        return Some(format!(
            "its indices have the shape {found:?}, but have to be [{count}] or [{count}, {rank}]"
        ));
    }
    problem(values).or_else(|| problem(indices))
}
