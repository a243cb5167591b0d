//! Constants that are read while shapes are inferred: those of initializers and of Constant nodes.

use crate::ir::{AttributeValue, DataType, Graph, Tensor, ValueId};
use half::{bf16, f16};

/// More elements are no shape.
const MOST_ELEMENTS: u64 = 64;

/// The tensor of an initializer or of a Constant, which Identity may share.
pub(in crate::adapter) fn literal(graph: &Graph, mut value: ValueId) -> Option<&Tensor> {
    for _ in 0..MOST_SHARES {
        if let Some(tensor) = graph.constant(value) {
            return Some(tensor);
        }
        let node = graph.get_value(value)?.producer();
        let op = graph.node(node).op()?;
        if !op.is("Identity") {
            let constant = op.attribute("value").filter(|_| op.is("Constant"));
            return constant.and_then(|value| match value {
                AttributeValue::Tensor(tensor) => Some(tensor),
                _ => None,
            });
        }
        value = graph.node_input(node, 0)?;
    }
    None
}

/// A longer way is none: no exporter makes one, but a cycle does.
const MOST_SHARES: usize = 8;

/// The elements of a small tensor of integers or booleans.
pub(in crate::adapter) fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> i64) -> Vec<i64> {
        bytes.as_chunks::<N>().0.iter().map(|&c| value(c)).collect()
    }
    if tensor.dims.len() > 1 || tensor.element_count()? > MOST_ELEMENTS {
        return None;
    }
    let bytes = tensor.bytes()?;
    Some(match tensor.dtype {
        DataType::I64 => each(bytes, i64::from_le_bytes),
        DataType::I32 => each(bytes, |b| i64::from(i32::from_le_bytes(b))),
        DataType::Bool => each(bytes, |[b]| i64::from(b != 0)),
        _ => return None,
    })
}

/// The number that a value is, if it is a constant or made of constants.
pub(in crate::adapter) fn scalar(graph: &Graph, value: ValueId) -> Option<f64> {
    scalar_within(graph, value, 8)
}

fn scalar_within(graph: &Graph, value: ValueId, depth: usize) -> Option<f64> {
    if let Some(tensor) = literal(graph, value) {
        return number(tensor);
    }
    let node = graph.get_value(value)?.producer();
    let op = graph.node(node).op()?;
    let depth = depth.checked_sub(1)?;
    let input = |slot| scalar_within(graph, graph.node_input(node, slot)?, depth);
    match op.op_type.as_str() {
        "Cast" | "CastLike" | "Identity" => input(0),
        "Sqrt" => input(0).map(f64::sqrt),
        "Reciprocal" => input(0).map(f64::recip),
        "Mul" => Some(input(0)? * input(1)?),
        "Div" => Some(input(0)? / input(1)?),
        "Pow" => Some(input(0)?.powf(input(1)?)),
        _ => None,
    }
}

fn number(tensor: &Tensor) -> Option<f64> {
    if tensor.element_count()? != 1 {
        return None;
    }
    match tensor.dtype {
        DataType::I64 => Some(i64::from_le_bytes(tensor.bytes()?.try_into().ok()?) as f64),
        _ => floats(tensor)?.next(),
    }
}

/// The elements of a tensor of floats.
pub(in crate::adapter) fn floats(tensor: &Tensor) -> Option<Box<dyn Iterator<Item = f64> + '_>> {
    fn each<const N: usize>(
        bytes: &[u8],
        value: fn([u8; N]) -> f64,
    ) -> Box<dyn Iterator<Item = f64> + '_> {
        Box::new(bytes.as_chunks::<N>().0.iter().map(move |&chunk| value(chunk)))
    }
    let bytes = tensor.bytes()?;
    Some(match tensor.dtype {
        DataType::F64 => each(bytes, f64::from_le_bytes),
        DataType::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
        DataType::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f64()),
        DataType::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f64()),
        _ => return None,
    })
}
