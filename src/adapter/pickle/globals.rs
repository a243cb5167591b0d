//! What a pickle of tensors may name.

use crate::error::{Error, Result};
use crate::ir::DataType;

/// A function or class that a pickle names.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter(tensor, …)`
    RebuildParameter,
    /// A storage class, which stands for an element type.
    Storage(DataType),
}

impl Global {
    /// The global of this module and name.
    ///
    /// # Errors
    /// It is not one that tensors need.
    pub(super) fn named(module: &str, name: &str) -> Result<Self> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch" | "torch.storage", storage) if dtype(storage).is_some() => {
                Self::Storage(dtype(storage).unwrap_or(DataType::F32))
            }
            _ => {
                return Err(Error::input(format!(
                    "its pickle names {module}.{name}, which tensors do not need: it was not read further"
                ))
                .help("accepted: what torch.save writes for a state_dict"));
            }
        })
    }
}

fn dtype(storage: &str) -> Option<DataType> {
    Some(match storage {
        "FloatStorage" => DataType::F32,
        "HalfStorage" => DataType::F16,
        "BFloat16Storage" => DataType::BF16,
        "DoubleStorage" => DataType::F64,
        "LongStorage" => DataType::I64,
        "IntStorage" => DataType::I32,
        "ShortStorage" => DataType::I16,
        "CharStorage" => DataType::I8,
        "ByteStorage" => DataType::U8,
        "BoolStorage" => DataType::Bool,
        _ => return None,
    })
}
