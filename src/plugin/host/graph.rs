//! Reading the graph.

use super::{raw_node, raw_value};
use crate::error::Error;
use crate::ir::{AttributeValue, NodeKind, Slot, ValueId};
use crate::plugin::call::{Ended, give, host_call, invalid, not_found, text};
use crate::plugin::run::Run;
use peftc_abi::*;

pub(super) unsafe extern "C" fn node_count(ctx: *mut PeftcCtx) -> usize {
    let mut count = 0;
    // SAFETY: the plugin passes on the context it was given.
    unsafe {
        host_call(ctx, |run| {
            count = run.order.len();
            Ok(())
        });
    }
    count
}

pub(super) unsafe extern "C" fn node_at(
    ctx: *mut PeftcCtx,
    index: usize,
    out: *mut PeftcNode,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let count = run.order.len();
            let id = run
                .order
                .get(index)
                .ok_or_else(|| invalid(format!("there is no node {index} of {count}")))?;
            give(out, raw_node(*id))
        })
    }
}

pub(super) unsafe extern "C" fn node_info(
    ctx: *mut PeftcCtx,
    node: PeftcNode,
    out: *mut PeftcNodeInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments; the graph outlives the run.
    unsafe {
        host_call(ctx, |run| {
            let (id, op) = run.op(node)?;
            let module = crate::adapter::module_path(run.graph, id).unwrap_or_default();
            let node = run.graph.node(id);
            let info = PeftcNodeInfo {
                op_type: PeftcStr::new(&op.op_type),
                domain: PeftcStr::new(&op.domain),
                name: PeftcStr::new(&op.name),
                module: run.lend_str(module),
                role: PeftcStr::new(op.metadata.get("peftc.role").unwrap_or_default()),
                input_count: node.input_count(),
                output_count: node.outputs().len(),
            };
            give(out, info)
        })
    }
}

pub(super) unsafe extern "C" fn node_input(
    ctx: *mut PeftcCtx,
    node: PeftcNode,
    slot: usize,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (id, op) = run.op(node)?;
            let count = run.graph.node(id).input_count();
            if slot >= count {
                return Err(invalid(format!("node {:?} has no input {slot} of {count}", op.name)));
            }
            give(out, raw_value(run.graph.node_input(id, slot)))
        })
    }
}

pub(super) unsafe extern "C" fn node_output(
    ctx: *mut PeftcCtx,
    node: PeftcNode,
    slot: usize,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (id, op) = run.op(node)?;
            let outputs = run.graph.node(id).outputs();
            let value = outputs.get(slot).copied().ok_or_else(|| {
                invalid(format!("node {:?} has no output {slot} of {}", op.name, outputs.len()))
            })?;
            give(out, raw_value(value))
        })
    }
}

pub(super) unsafe extern "C" fn node_attr(
    ctx: *mut PeftcCtx,
    node: PeftcNode,
    name: PeftcStr,
    out: *mut PeftcAttr,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let (_, op) = run.op(node)?;
            let value = op.attribute(text(name)?).ok_or(Ended::Absent)?;
            give(out, attribute(value)?)
        })
    }
}

pub(super) unsafe extern "C" fn input_count(ctx: *mut PeftcCtx) -> usize {
    let mut count = 0;
    // SAFETY: the plugin passes on the context it was given.
    unsafe {
        host_call(ctx, |run| {
            count = run.graph.inputs().len();
            Ok(())
        });
    }
    count
}

pub(super) unsafe extern "C" fn input_at(
    ctx: *mut PeftcCtx,
    index: usize,
    out: *mut PeftcValue,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let node = run.graph.inputs().get(index).copied();
            let value = node.and_then(|node| run.graph.output(node)).ok_or_else(|| {
                invalid(format!("there is no input {index} of {}", run.graph.inputs().len()))
            })?;
            give(out, raw_value(Some(value)))
        })
    }
}

fn attribute(value: &AttributeValue) -> Result<PeftcAttr, Ended> {
    let mut attr = PeftcAttr {
        kind: value.kind() as i32,
        f: 0.0,
        i: 0,
        s: PeftcStr::new(""),
        floats: std::ptr::null(),
        ints: std::ptr::null(),
        len: 0,
    };
    match value {
        AttributeValue::Float(f) => attr.f = *f,
        AttributeValue::Int(i) => attr.i = *i,
        AttributeValue::String(s) => attr.s = PeftcStr { ptr: s.as_ptr(), len: s.len() },
        AttributeValue::Floats(floats) => (attr.floats, attr.len) = (floats.as_ptr(), floats.len()),
        AttributeValue::Ints(ints) => (attr.ints, attr.len) = (ints.as_ptr(), ints.len()),
        _ => {}
    }
    Ok(attr)
}

impl Run<'_> {
    pub(super) fn name_of(&self, id: ValueId) -> String {
        let name = self.graph.get_value(id).map(|v| v.name());
        name.or_else(|| self.edits.added_name(id)).unwrap_or_default().to_owned()
    }
}

pub(super) unsafe extern "C" fn value_info(
    ctx: *mut PeftcCtx,
    value: PeftcValue,
    out: *mut PeftcValueInfo,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let id = run.value_id(value)?;
            let known = run.graph.get_value(id);
            let (dtype, shape) = match run.constant(id) {
                Some(tensor) => (Some(tensor.dtype), Some(tensor.dims.clone())),
                None => {
                    let ty = known.and_then(|_| run.graph.value_type(id));
                    let dims = ty
                        .as_ref()
                        .and_then(|t| t.shape())
                        .map(|shape| shape.iter().map(|d| d.as_known().unwrap_or(-1)).collect());
                    (ty.and_then(|t| t.dtype()), dims)
                }
            };
            let producer =
                known.map(|v| v.producer()).filter(|&n| run.graph.node(n).op().is_some());
            let info = PeftcValueInfo {
                producer: PeftcNode { raw: producer.map_or(0, |n| n.to_raw()) },
                dtype: dtype.map_or(0, |d| d.to_onnx()),
                rank: shape.as_ref().map_or(-1, |s: &Vec<i64>| s.len() as i32),
                flags: flags(run, id),
                name: {
                    let name = run.name_of(id);
                    run.lend_str(name)
                },
                dims: run.lend(shape.unwrap_or_default()),
            };
            give(out, info)
        })
    }
}

fn flags(run: &Run<'_>, id: ValueId) -> u32 {
    let mut flags = match run.constant(id) {
        Some(tensor) if tensor.is_pending() => PEFTC_VALUE_CONSTANT | PEFTC_VALUE_PENDING,
        Some(_) => PEFTC_VALUE_CONSTANT,
        None => 0,
    };
    if let Some(value) = run.graph.get_value(id) {
        if matches!(run.graph.node(value.producer()).kind, NodeKind::Input { .. }) {
            flags |= PEFTC_VALUE_INPUT;
        }
        let is_output =
            |at: &crate::ir::Use| matches!(run.graph.node(at.node).kind, NodeKind::Output);
        if run.graph.uses(id).iter().any(is_output) {
            flags |= PEFTC_VALUE_OUTPUT;
        }
    }
    flags
}

pub(super) unsafe extern "C" fn value_uses(
    ctx: *mut PeftcCtx,
    value: PeftcValue,
    out: *mut *const PeftcUse,
    len: *mut usize,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let id = run.value_id(value)?;
            if run.graph.get_value(id).is_none() {
                return Err(invalid("the uses of an added value cannot be read"));
            }
            let is_op = |at: &crate::ir::Use| run.graph.node(at.node).op().is_some();
            let uses: Vec<_> = run.graph.uses(id).into_iter().filter(is_op).map(raw_use).collect();
            give(len, uses.len())?;
            give(out, run.lend(uses))
        })
    }
}

fn raw_use(at: crate::ir::Use) -> PeftcUse {
    let (slot, capture) = match at.slot {
        Slot::Input(i) => (i, 0),
        Slot::Capture(i) => (i, 1),
    };
    PeftcUse { node: raw_node(at.node), slot, capture }
}

pub(super) unsafe extern "C" fn tensor(
    ctx: *mut PeftcCtx,
    value: PeftcValue,
    out: *mut PeftcTensor,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let id = run.value_id(value)?;
            let Some(tensor) = run.graph.constant(id).cloned() else {
                let name = run.name_of(id);
                return Err(not_found(Error::input(format!(
                    "value {name:?} is no constant of the graph"
                ))));
            };
            let lent = run.lend_tensor(&tensor)?;
            give(out, lent)
        })
    }
}

pub(super) unsafe extern "C" fn opset(
    ctx: *mut PeftcCtx,
    domain: PeftcStr,
    out: *mut i64,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| match run.model.opset(text(domain)?) {
            Some(version) => give(out, version),
            None => Err(Ended::Absent),
        })
    }
}
