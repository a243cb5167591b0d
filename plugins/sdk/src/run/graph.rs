//! Reading the graph as it was when the run began.

use super::{EMPTY, Run, filled, lent_str, out};
use crate::error::{Result, optional};
use crate::ids::{Node, Value};
use crate::tensor::{DataType, TensorView, array};
use peftc_abi::*;

/// What an operator is.
#[derive(Clone, Copy, Debug)]
pub struct NodeInfo<'a> {
    /// Operator.
    pub op_type: &'a str,
    /// Domain; empty for ONNX's own.
    pub domain: &'a str,
    /// The node's name; may be empty.
    pub name: &'a str,
    /// Its module path; empty if unknown.
    pub module: &'a str,
    /// What it is for, where a pass added it; else empty.
    pub role: &'a str,
    /// Input slots, optional ones that are left out included.
    pub input_count: usize,
    /// Output slots.
    pub output_count: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub struct ValueInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// The operator that makes it.
    pub producer: Option<Node>,
    /// Element type, where it is known.
    pub dtype: Option<DataType>,
    /// Sizes, -1 where they are symbolic or unknown; none if even the rank is unknown.
    pub dims: Option<&'a [i64]>,
    /// Whether it is a constant.
    pub is_constant: bool,
    /// Whether it is a graph input.
    pub is_input: bool,
    /// Whether it is a graph output.
    pub is_output: bool,
    /// Whether it is still to be computed.
    pub is_pending: bool,
}

/// A use of a value by an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UseInfo {
    /// The operator.
    pub node: Node,
    /// The slot.
    pub slot: usize,
    /// Whether a subgraph of the operator uses it, not the operator itself.
    pub is_capture: bool,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Debug)]
pub enum Attr<'a> {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A string.
    Str(&'a str),
    /// Floats.
    Floats(&'a [f32]),
    /// Integers.
    Ints(&'a [i64]),
    /// Of a kind that plugins cannot read.
    Other,
}

pub(super) const NO_ATTR: PeftcAttr = PeftcAttr {
    kind: 0,
    f: 0.0,
    i: 0,
    s: EMPTY,
    floats: std::ptr::null(),
    ints: std::ptr::null(),
    len: 0,
};

impl<'a> Run<'a> {
    /// All operators, in topological order.
    pub fn nodes(&self) -> Result<Vec<Node>> {
        // SAFETY: host and context are those of this run.
        let count = unsafe { (self.host.node_count)(self.ctx) };
        let node = |index| {
            // SAFETY: host and context are those of this run.
            filled(PeftcNode::default(), |o| unsafe { (self.host.node_at)(self.ctx, index, o) })
                .map(Node)
        };
        (0..count).map(node).collect()
    }

    /// The inputs of the graph, in order.
    pub fn inputs(&self) -> Result<Vec<Value>> {
        // SAFETY: host and context are those of this run.
        let count = unsafe { (self.host.input_count)(self.ctx) };
        let input = |index| {
            // SAFETY: host and context are those of this run.
            filled(PeftcValue::default(), |o| unsafe { (self.host.input_at)(self.ctx, index, o) })
                .map(Value)
        };
        (0..count).map(input).collect()
    }

    /// The version of a domain's operator set that the model imports; none if it does not.
    pub fn opset(&self, domain: &str) -> Result<Option<i64>> {
        // SAFETY: host and context are those of this run.
        let (status, version) =
            out(0, |o| unsafe { (self.host.opset)(self.ctx, PeftcStr::new(domain), o) });
        optional(status, version)
    }

    /// What an operator is.
    pub fn node(&self, node: Node) -> Result<NodeInfo<'a>> {
        let empty = PeftcNodeInfo {
            op_type: EMPTY,
            domain: EMPTY,
            name: EMPTY,
            module: EMPTY,
            role: EMPTY,
            input_count: 0,
            output_count: 0,
        };
        // SAFETY: host and context are those of this run, which outlives the strings.
        unsafe {
            let info = filled(empty, |o| (self.host.node_info)(self.ctx, node.0, o))?;
            Ok(NodeInfo {
                op_type: lent_str(info.op_type),
                domain: lent_str(info.domain),
                name: lent_str(info.name),
                module: lent_str(info.module),
                role: lent_str(info.role),
                input_count: info.input_count,
                output_count: info.output_count,
            })
        }
    }

    /// The value in an input slot; none if it is left out.
    pub fn node_input(&self, node: Node, slot: usize) -> Result<Option<Value>> {
        // SAFETY: host and context are those of this run.
        let value = filled(PeftcValue::default(), |o| unsafe {
            (self.host.node_input)(self.ctx, node.0, slot, o)
        })?;
        Ok((value.raw != 0).then_some(Value(value)))
    }

    /// The value an output slot makes; none if it is left out.
    pub fn node_output(&self, node: Node, slot: usize) -> Result<Option<Value>> {
        // SAFETY: host and context are those of this run.
        let value = filled(PeftcValue::default(), |o| unsafe {
            (self.host.node_output)(self.ctx, node.0, slot, o)
        })?;
        Ok((value.raw != 0).then_some(Value(value)))
    }

    /// An attribute; none if the operator does not have it.
    pub fn attr(&self, node: Node, name: &str) -> Result<Option<Attr<'a>>> {
        // SAFETY: host and context are those of this run, which outlives what the attribute has.
        unsafe {
            let (status, attr) =
                out(NO_ATTR, |o| (self.host.node_attr)(self.ctx, node.0, PeftcStr::new(name), o));
            let value = match attr.kind {
                1 => Attr::Float(attr.f),
                2 => Attr::Int(attr.i),
                3 => Attr::Str(lent_str(attr.s)),
                6 => Attr::Floats(array(attr.floats, attr.len)),
                7 => Attr::Ints(array(attr.ints, attr.len)),
                _ => Attr::Other,
            };
            optional(status, value)
        }
    }

    /// What a value is.
    pub fn value(&self, value: Value) -> Result<ValueInfo<'a>> {
        let empty = PeftcValueInfo {
            name: EMPTY,
            producer: PeftcNode::default(),
            dtype: 0,
            rank: -1,
            dims: std::ptr::null(),
            flags: 0,
        };
        // SAFETY: host and context are those of this run, which outlives name and sizes.
        unsafe {
            let info = filled(empty, |o| (self.host.value_info)(self.ctx, value.0, o))?;
            let has = |flag| info.flags & flag != 0;
            Ok(ValueInfo {
                name: lent_str(info.name),
                producer: (info.producer.raw != 0).then_some(Node(info.producer)),
                dtype: DataType::from_onnx(info.dtype),
                dims: usize::try_from(info.rank).ok().map(|rank| array(info.dims, rank)),
                is_constant: has(PEFTC_VALUE_CONSTANT),
                is_input: has(PEFTC_VALUE_INPUT),
                is_output: has(PEFTC_VALUE_OUTPUT),
                is_pending: has(PEFTC_VALUE_PENDING),
            })
        }
    }

    /// The uses of a value by operators.
    pub fn uses(&self, value: Value) -> Result<Vec<UseInfo>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run.
        let uses = unsafe {
            let ptr = filled(std::ptr::null(), |o| {
                (self.host.value_uses)(self.ctx, value.0, o, &raw mut len)
            })?;
            array(ptr, len)
        };
        let info = |u: &PeftcUse| UseInfo {
            node: Node(u.node),
            slot: u.slot as usize,
            is_capture: u.capture != 0,
        };
        Ok(uses.iter().map(info).collect())
    }

    /// The data of a constant.
    pub fn tensor(&self, value: Value) -> Result<TensorView<'a>> {
        // SAFETY: host and context are those of this run, which outlives the tensor.
        unsafe {
            let tensor = filled(NO_TENSOR, |o| (self.host.tensor)(self.ctx, value.0, o))?;
            TensorView::from_raw(&tensor)
        }
    }
}

pub(super) const NO_TENSOR: PeftcTensor =
    PeftcTensor { data: std::ptr::null(), byte_len: 0, dims: std::ptr::null(), rank: 0, dtype: 0 };
