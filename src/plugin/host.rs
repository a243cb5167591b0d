//! The host's side of the table: functions that plugins call.
//!
//! Every function runs its body through [`host_call`](super::call::host_call): no panic leaves
//! it, its failure is recorded, and out parameters are written last.

mod adapter;
mod archive;
mod attention;
mod blocks;
mod edit;
mod graph;
mod options;
mod report;
mod sites;

use super::call::{Ended, invalid};
use super::run::Run;
use crate::ir::{DataType, NodeId, Op, Tensor, TensorData, ValueId};
use peftc_abi::*;

/// The table that plugins get.
pub(super) static HOST: PeftcHost = PeftcHost {
    struct_size: size_of::<PeftcHost>() as u32,
    abi_minor: PEFTC_ABI_MINOR,
    fail: report::fail,
    note: report::note,
    record: report::record,
    cancelled: report::cancelled,
    option_bool: options::option_bool,
    option_i64: options::option_i64,
    option_f64: options::option_f64,
    option_str: options::option_str,
    option_list: options::option_list,
    node_count: graph::node_count,
    node_at: graph::node_at,
    node_info: graph::node_info,
    node_input: graph::node_input,
    node_output: graph::node_output,
    node_attr: graph::node_attr,
    value_info: graph::value_info,
    value_uses: graph::value_uses,
    tensor: graph::tensor,
    has_adapter: adapter::has_adapter,
    adapter_tensor_count: adapter::adapter_tensor_count,
    adapter_tensor_name: adapter::adapter_tensor_name,
    adapter_tensor: adapter::adapter_tensor,
    config_bool: adapter::config_bool,
    config_i64: adapter::config_i64,
    config_f64: adapter::config_f64,
    config_str: adapter::config_str,
    config_json: adapter::config_json,
    config_pattern: adapter::config_pattern,
    sites_of_module: sites::sites_of_module,
    sites_of_targets: sites::sites_of_targets,
    site_info: sites::site_info,
    site_inputs: sites::site_inputs,
    parameter: sites::parameter,
    parameter_info: sites::parameter_info,
    add_tensor: edit::add_tensor,
    add_task: edit::add_task,
    add_node: edit::add_node,
    replace_uses: edit::replace_uses,
    replace_input: edit::replace_input,
    replace_parameter: edit::replace_parameter,
    add_delta: edit::add_delta,
    remove_node: edit::remove_node,
    declare: edit::declare,
    add_function: edit::add_function,
    opset: graph::opset,
    experimental: report::experimental,
    block_sites: blocks::block_sites,
    block_site_of_module: blocks::block_site_of_module,
    block_site_info: blocks::block_site_info,
    attention_sites: attention::attention_sites,
    attention_info: attention::attention_info,
    learned_positions: attention::learned_positions,
    forget_sizes: edit::forget_sizes,
    input_count: graph::input_count,
    input_at: graph::input_at,
    lengths_behind: attention::lengths_behind,
    set_default: edit::set_default,
    add_archive: archive::add_archive,
};

impl<'a> Run<'a> {
    fn node_id(&self, node: PeftcNode) -> Result<NodeId, Ended> {
        NodeId::from_raw(node.raw)
            .filter(|&id| self.graph.get_node(id).is_some())
            .ok_or_else(|| invalid(format!("{} is not a node of the graph", node.raw)))
    }

    fn op(&self, node: PeftcNode) -> Result<(NodeId, &'a Op), Ended> {
        let id = self.node_id(node)?;
        let op = self.graph.node(id).op();
        op.map(|op| (id, op)).ok_or_else(|| invalid(format!("node {} is no operator", node.raw)))
    }

    /// A value of the graph or one that this run adds.
    fn value_id(&self, value: PeftcValue) -> Result<ValueId, Ended> {
        ValueId::from_raw(value.raw)
            .filter(|&id| self.graph.get_value(id).is_some() || self.edits.adds(id))
            .ok_or_else(|| invalid(format!("{} is not a value of the graph", value.raw)))
    }

    /// A constant of the graph or one that this run adds.
    fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.edits.added_tensor(id).or_else(|| self.graph.constant(id))
    }

    fn lend_tensor(&mut self, tensor: &Tensor) -> Result<PeftcTensor, Ended> {
        let bytes = match &tensor.data {
            // Cloning shares the bytes; the clone keeps them as long as the run.
            TensorData::Bytes(bytes) => (bytes.as_ptr(), bytes.len()),
            TensorData::File(slice) => (slice.as_slice().as_ptr(), slice.as_slice().len()),
            TensorData::Pending { .. } => {
                return Err(invalid("its data is still to be computed: only its type can be read"));
            }
            TensorData::Strings(_) | TensorData::Sparse(_) => {
                return Err(invalid(format!(
                    "a {} tensor that is not dense numbers",
                    tensor.dtype
                )));
            }
        };
        self.lend(vec![tensor.data.clone()]);
        Ok(PeftcTensor {
            data: bytes.0,
            byte_len: bytes.1,
            rank: tensor.dims.len() as u32,
            dtype: tensor.dtype.to_onnx(),
            dims: self.lend(tensor.dims.clone()),
        })
    }
}

fn raw_value(value: Option<ValueId>) -> PeftcValue {
    PeftcValue { raw: value.map_or(0, ValueId::to_raw) }
}

fn raw_node(node: NodeId) -> PeftcNode {
    PeftcNode { raw: node.to_raw() }
}

fn dtype(number: i32) -> Result<DataType, Ended> {
    DataType::from_onnx(number).ok_or_else(|| {
        invalid(format!("{number} is no ONNX TensorProto.DataType that this version knows"))
    })
}

/// Type and shape that a plugin passed in.
///
/// # Safety
/// As [`super::call::by_ref`] and [`super::call::slice`].
unsafe fn tensor_type(ty: &PeftcTensorType) -> Result<(DataType, Vec<i64>), Ended> {
    // SAFETY: forwarded.
    let dims = unsafe { super::call::slice(ty.dims, ty.rank as usize) }?.to_vec();
    if dims.iter().any(|&d| d < 0) {
        return Err(invalid(format!("a tensor cannot have the shape {dims:?}")));
    }
    Ok((dtype(ty.dtype)?, dims))
}
