//! The rules of operators. What an operator without a rule makes is unknown.

use super::{Known, Size, integers, literal};
use crate::ir::{AttributeValue, DataType, Graph, NodeId, Op, ValueId};

/// How a rule asks for what is known of a value.
type Lookup<'l> = &'l dyn Fn(ValueId) -> Option<&'l Known>;

/// What is known of the outputs of a node.
pub(super) fn outputs<'l>(
    graph: &Graph,
    node: NodeId,
    lookup: &'l dyn Fn(ValueId) -> Option<&'l Known>,
) -> Vec<(ValueId, Known)> {
    let Some(op) = graph.node(node).op() else { return Vec::new() };
    let inputs = graph.node_inputs(node);
    let rule = Rule { graph, op, inputs: &inputs, lookup };
    let outputs = graph.node(node).outputs().iter().enumerate();
    outputs
        .filter_map(|(slot, value)| {
            let value = (*value)?;
            let (sizes, dtype) = (rule.sizes(value, slot), rule.dtype(slot));
            let elements =
                rule.elements().or_else(|| unknown_elements(value, sizes.as_deref()?, dtype));
            Some((value, Known { sizes, elements, dtype }))
        })
        .collect()
}

/// The elements of a short vector of integers, or of an integer, of which nothing is known.
fn unknown_elements(value: ValueId, sizes: &[Size], dtype: Option<DataType>) -> Option<Vec<Size>> {
    let length = match sizes {
        [] => 1,
        [Size::Known(length @ 1..=16)] => *length as usize,
        _ => return None,
    };
    let is_integer = matches!(dtype, Some(DataType::I64 | DataType::I32));
    is_integer.then(|| (0..length).map(|i| Size::Element(value, i)).collect())
}

struct Rule<'r, 'l> {
    graph: &'r Graph,
    op: &'r Op,
    inputs: &'r [Option<ValueId>],
    lookup: Lookup<'l>,
}

/// Operators whose output has the shape of their first input.
const KEEP: &[&str] = &[
    "Abs",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Ceil",
    "Clip",
    "Cos",
    "CumSum",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Neg",
    "Not",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "RotaryEmbedding",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Sigmoid",
    "Sign",
    "SimplifiedLayerNormalization",
    "Sin",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Tanh",
    "Trilu",
];

/// Operators whose inputs are broadcast against each other.
pub(super) const BROADCAST: &[&str] = &[
    "Add",
    "And",
    "BitwiseAnd",
    "BitwiseOr",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "PRelu",
    "Pow",
    "Sub",
    "Where",
    "Xor",
];

/// Operators that make booleans.
const BOOLEAN: &[&str] = &[
    "And",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Xor",
];

impl Rule<'_, '_> {
    fn input(&self, slot: usize) -> Option<&Known> {
        (self.lookup)((*self.inputs.get(slot)?)?)
    }

    fn input_sizes(&self, slot: usize) -> Option<&[Size]> {
        self.input(slot)?.sizes.as_deref()
    }

    fn input_elements(&self, slot: usize) -> Option<&[Size]> {
        self.input(slot)?.elements.as_deref()
    }

    /// Integers that stand in an input, or in an attribute in older operator sets.
    fn numbers(&self, slot: usize, attribute: &str) -> Option<Vec<i64>> {
        match self.op.attribute(attribute) {
            Some(AttributeValue::Ints(ints)) => return Some(ints.clone()),
            Some(AttributeValue::Int(int)) => return Some(vec![*int]),
            _ => {}
        }
        self.input_elements(slot)?.iter().map(known).collect()
    }

    fn axis(&self, rank: usize, default: i64) -> Option<usize> {
        place(self.op.int("axis").unwrap_or(default), rank)
    }

    fn dtype(&self, slot: usize) -> Option<DataType> {
        let of = |slot| self.input(slot).and_then(|k| k.dtype);
        let name = self.op.op_type.as_str();
        match name {
            "Cast" => DataType::from_onnx(self.op.int("to")? as i32),
            "CastLike" => of(1),
            "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => Some(DataType::I64),
            "Where" => of(1),
            "Constant" => self.attribute_tensor("value").map(|t| t.dtype).or(Some(DataType::I64)),
            "ConstantOfShape" => {
                Some(self.attribute_tensor("value").map_or(DataType::F32, |t| t.dtype))
            }
            _ if BOOLEAN.contains(&name) => Some(DataType::Bool),
            _ if slot > 0 && name == "Dropout" => Some(DataType::Bool),
            _ => of(0),
        }
    }

    fn attribute_tensor(&self, name: &str) -> Option<&crate::ir::Tensor> {
        match self.op.attribute(name)? {
            AttributeValue::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    fn elements(&self) -> Option<Vec<Size>> {
        let first = self.input_elements(0);
        match self.op.op_type.as_str() {
            "Constant" => match self
                .op
                .attribute("value")
                .or(self.op.attribute("value_ints"))
                .or(self.op.attribute("value_int"))?
            {
                AttributeValue::Tensor(tensor) => {
                    Some(integers(tensor)?.into_iter().map(Size::Known).collect())
                }
                AttributeValue::Ints(ints) => Some(ints.iter().copied().map(Size::Known).collect()),
                AttributeValue::Int(int) => Some(vec![Size::Known(*int)]),
                _ => None,
            },
            "Shape" => {
                let sizes = self.input_sizes(0)?;
                let rank = sizes.len() as i64;
                let bound = |name, default| {
                    let at = self.op.int(name).unwrap_or(default);
                    (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize
                };
                let (start, end) = (bound("start", 0), bound("end", rank));
                Some(sizes.get(start..end)?.to_vec())
            }
            "Cast" | "CastLike" | "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => {
                first.map(<[Size]>::to_vec)
            }
            "Gather" if self.op.int("axis").unwrap_or(0) == 0 => {
                let (data, indices) = (first?, self.input_elements(1)?);
                let take = |index: &Size| data.get(place(known(index)?, data.len())?).cloned();
                indices.iter().map(take).collect()
            }
            "Slice" => self.sliced(first?),
            "Concat" => {
                let parts: Option<Vec<&[Size]>> =
                    (0..self.inputs.len()).map(|i| self.input_elements(i)).collect();
                parts.map(|parts| parts.concat())
            }
            "Where" => self.chosen(),
            "ConstantOfShape" => {
                let value = self.attribute_tensor("value").and_then(integers)?.first().copied()?;
                let length = known(self.input_elements(0)?.first()?)?;
                (0..=64).contains(&length).then(|| vec![Size::Known(value); length as usize])
            }
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(),
            _ => None,
        }
    }

    fn sliced(&self, data: &[Size]) -> Option<Vec<Size>> {
        let (starts, ends) = (self.numbers(1, "starts")?, self.numbers(2, "ends")?);
        let steps =
            self.inputs.get(4).copied().flatten().map_or(Some(vec![1]), |_| self.numbers(4, ""))?;
        let ([start], [end], [1]) = (&starts[..], &ends[..], &steps[..]) else { return None };
        let (start, end) = (bound(*start, data.len()), bound(*end, data.len()));
        Some(data.get(start..end.max(start))?.to_vec())
    }

    /// The elements of a Where whose condition is an Equal of known elements.
    fn chosen(&self) -> Option<Vec<Size>> {
        let condition = self.graph.get_value((*self.inputs.first()?)?)?.producer();
        self.graph.node(condition).op().filter(|op| op.is("Equal"))?;
        let side =
            |slot| (self.lookup)(self.graph.node_input(condition, slot)?)?.elements.as_deref();
        let (left, right) = (side(0)?, side(1)?);
        let (yes, no) = (self.input_elements(1)?, self.input_elements(2)?);
        let at = |list: &[Size], i: usize| list.get(if list.len() == 1 { 0 } else { i }).cloned();
        let choose = |i: usize| if at(left, i)? == at(right, i)? { at(yes, i) } else { at(no, i) };
        (0..left.len().max(no.len())).map(choose).collect()
    }

    fn arithmetic(&self) -> Option<Vec<Size>> {
        let (left, right) = (self.input_elements(0)?, self.input_elements(1)?);
        let at = |list: &[Size], i: usize| list.get(if list.len() == 1 { 0 } else { i }).cloned();
        let element = |i: usize| {
            let (a, b) = (at(left, i)?, at(right, i)?);
            match (self.op.op_type.as_str(), known(&a), known(&b)) {
                ("Add", Some(a), Some(b)) => a.checked_add(b).map(Size::Known),
                ("Sub", Some(a), Some(b)) => a.checked_sub(b).map(Size::Known),
                ("Div", Some(a), Some(b)) => a.checked_div(b).map(Size::Known),
                ("Add" | "Sub", _, Some(0)) => Some(a),
                ("Add", Some(0), _) => Some(b),
                ("Mul", ..) => {
                    let sizes = [a, b];
                    let (number, others) = Size::factors(&sizes)?;
                    Some(Size::product(number, others.into_iter().cloned().collect()))
                }
                ("Div", ..) => quotient(&[a], &[b]),
                _ => None,
            }
        };
        (0..left.len().max(right.len())).map(element).collect()
    }

    fn sizes(&self, out: ValueId, slot: usize) -> Option<Vec<Size>> {
        let name = self.op.op_type.as_str();
        if self.op.domain == "com.microsoft" {
            return self.quantized(name);
        }
        match name {
            _ if KEEP.contains(&name) => self.input_sizes(0).map(<[Size]>::to_vec),
            _ if BROADCAST.contains(&name) => self.broadcast(out),
            "Constant" => {
                let tensor = self
                    .graph
                    .output(self.graph.value(out).producer())
                    .and_then(|v| literal(self.graph, v));
                Some(tensor?.dims.iter().map(|&d| Size::Known(d)).collect())
            }
            "Shape" => Some(vec![Size::Known(self.elements()?.len() as i64)]),
            "MatMul" => matmul(self.input_sizes(0)?, self.input_sizes(1)?, out),
            "Gemm" => {
                let side = |slot: usize, flag: &str, axis: usize| {
                    let flipped = self.op.int(flag).unwrap_or(0) != 0;
                    self.input_sizes(slot)?.get(if flipped { 1 - axis } else { axis }).cloned()
                };
                Some(vec![side(0, "transA", 0)?, side(1, "transB", 1)?])
            }
            "Transpose" => {
                let sizes = self.input_sizes(0)?;
                match self.op.attribute("perm") {
                    Some(AttributeValue::Ints(perm)) => {
                        perm.iter().map(|&p| sizes.get(usize::try_from(p).ok()?).cloned()).collect()
                    }
                    _ => Some(sizes.iter().rev().cloned().collect()),
                }
            }
            "Reshape" => self.reshaped(out),
            "Unsqueeze" => {
                let sizes = self.input_sizes(0)?;
                let axes = self.numbers(1, "axes")?;
                let rank = sizes.len() + axes.len();
                let axes: Vec<usize> =
                    axes.iter().map(|&a| place(a, rank)).collect::<Option<_>>()?;
                let mut rest = sizes.iter().cloned();
                (0..rank)
                    .map(|i| if axes.contains(&i) { Some(Size::Known(1)) } else { rest.next() })
                    .collect()
            }
            "Squeeze" => {
                let sizes = self.input_sizes(0)?;
                let axes = self.numbers(1, "axes");
                let axes: Option<Vec<usize>> =
                    axes.map(|a| a.iter().filter_map(|&a| place(a, sizes.len())).collect());
                let gone = |(i, size): &(usize, &Size)| match &axes {
                    Some(axes) => axes.contains(i),
                    None => **size == Size::Known(1),
                };
                Some(
                    sizes.iter().enumerate().filter(|s| !gone(s)).map(|(_, s)| s.clone()).collect(),
                )
            }
            "Concat" => self.joined(out),
            "Slice" => self.slice_sizes(out),
            "Split" => {
                let mut sizes = self.input_sizes(0)?.to_vec();
                let axis = self.axis(sizes.len(), 0)?;
                let parts = self.numbers(1, "split");
                let count =
                    self.graph.node(self.graph.value(out).producer()).outputs().len() as i64;
                sizes[axis] = match (parts, &sizes[axis]) {
                    (Some(parts), _) => Size::Known(*parts.get(slot)?),
                    (None, Size::Known(n)) if n % count == 0 => Size::Known(n / count),
                    _ => Size::Of(out, axis),
                };
                Some(sizes)
            }
            "Gather" => {
                let (data, indices) = (self.input_sizes(0)?, self.input_sizes(1)?);
                let axis = self.axis(data.len(), 0)?;
                Some([&data[..axis], indices, &data[axis + 1..]].concat())
            }
            "GatherElements" => self.input_sizes(1).map(<[Size]>::to_vec),
            "GatherND" => {
                let (data, indices) = (self.input_sizes(0)?, self.input_sizes(1)?);
                let (index, at) = indices.split_last()?;
                let used = self.op.int("batch_dims").unwrap_or(0) + known(index)?;
                Some([at, data.get(usize::try_from(used).ok()?..)?].concat())
            }
            "Tile" => self.each_size(out, |rule, axis, size| {
                let times = known(rule.input_elements(1)?.get(axis)?)?;
                if times == 1 {
                    Some(size.clone())
                } else {
                    known(size).map(|n| Size::Known(n * times))
                }
            }),
            "Pad" => self.each_size(out, |rule, axis, size| rule.padded(axis, size)),
            "Resize" => {
                self.each_size(out, |rule, axis, _| rule.input_elements(3)?.get(axis).cloned())
            }
            "Conv" => self.each_size(out, |rule, axis, size| match axis {
                0 => Some(size.clone()),
                1 => rule.input_sizes(1)?.first().cloned(),
                _ => rule.convolved(axis - 2, size),
            }),
            "GlobalAveragePool" | "GlobalMaxPool" => self.each_size(out, |_, axis, size| {
                Some(if axis < 2 { size.clone() } else { Size::Known(1) })
            }),
            "Expand" => {
                let (sizes, shape) = (self.input_sizes(0)?, self.input_elements(1)?);
                let shape: Vec<Size> = shape.to_vec();
                Some(broadcast(sizes, &shape, out))
            }
            "ConstantOfShape" => self.input_elements(0).map(<[Size]>::to_vec),
            "Range" => Some(vec![Size::Of(out, 0)]),
            "ReduceMean" | "ReduceSum" | "ReduceMax" => {
                let mut sizes = self.input_sizes(0)?.to_vec();
                for axis in self.numbers(1, "axes")? {
                    let axis = place(axis, sizes.len())?;
                    sizes[axis] = Size::Known(1);
                }
                (self.op.int("keepdims").unwrap_or(1) != 0).then_some(sizes)
            }
            "Attention" => self.attention(slot),
            _ => None,
        }
    }

    /// The sizes of an output that has the rank of the first input; a size that `of` does not tell
    /// is one of its own.
    fn each_size(
        &self,
        out: ValueId,
        of: impl Fn(&Self, usize, &Size) -> Option<Size>,
    ) -> Option<Vec<Size>> {
        let sizes = self.input_sizes(0)?.iter().enumerate();
        Some(sizes.map(|(i, size)| of(self, i, size).unwrap_or(Size::Of(out, i))).collect())
    }

    /// A size of a Pad of all axes.
    fn padded(&self, axis: usize, size: &Size) -> Option<Size> {
        let rank = self.input_sizes(0)?.len();
        let pads =
            self.numbers(1, "pads").filter(|p| p.len() == 2 * rank && self.inputs.len() < 4)?;
        match pads[axis].checked_add(pads[rank + axis])? {
            0 => Some(size.clone()),
            more => known(size)?.checked_add(more).map(Size::Known),
        }
    }

    /// A spatial size of a Conv, padded by numbers of its own.
    fn convolved(&self, axis: usize, size: &Size) -> Option<Size> {
        let explicit =
            |a: &AttributeValue| matches!(a, AttributeValue::String(s) if s[..] == *b"NOTSET");
        if self.op.attribute("auto_pad").is_some_and(|a| !explicit(a)) {
            return None;
        }
        let at = |name, i: usize, default| match self.op.attribute(name) {
            Some(AttributeValue::Ints(ints)) => ints.get(i).copied(),
            _ => Some(default),
        };
        let kernel = self.input_sizes(1)?;
        let window = at("dilations", axis, 1)? * (known(kernel.get(axis + 2)?)? - 1) + 1;
        let padded = known(size)? + at("pads", axis, 0)? + at("pads", axis + kernel.len() - 2, 0)?;
        let steps = (padded - window).checked_div(at("strides", axis, 1)?)?;
        (padded >= window).then_some(Size::Known(steps + 1))
    }

    fn broadcast(&self, out: ValueId) -> Option<Vec<Size>> {
        let mut sizes: Vec<Size> = Vec::new();
        for slot in 0..self.inputs.len() {
            sizes = broadcast(&sizes, self.input_sizes(slot)?, out);
        }
        Some(sizes)
    }

    fn quantized(&self, name: &str) -> Option<Vec<Size>> {
        let mut sizes = self.input_sizes(0)?.to_vec();
        if !matches!(name, "MatMulNBits" | "MatMulBnb4") {
            return None;
        }
        *sizes.last_mut()? = Size::Known(self.op.int("N")?);
        Some(sizes)
    }

    fn reshaped(&self, out: ValueId) -> Option<Vec<Size>> {
        let target = self.input_elements(1)?;
        let Some(source) = self.input_sizes(0) else {
            let size = |(i, s): (usize, &Size)| match s {
                Size::Known(-1 | 0) => Size::Of(out, i),
                other => other.clone(),
            };
            return Some(target.iter().enumerate().map(size).collect());
        };
        let copies = self.op.int("allowzero").unwrap_or(0) == 0;
        let copied = |(i, size): (usize, &Size)| match size {
            Size::Known(0) if copies => source.get(i).cloned().unwrap_or(Size::Known(0)),
            other => other.clone(),
        };
        let mut sizes: Vec<Size> = target.iter().enumerate().map(copied).collect();
        if let Some(free) = sizes.iter().position(|s| *s == Size::Known(-1)) {
            let others: Vec<Size> = sizes
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != free)
                .map(|(_, s)| s.clone())
                .collect();
            sizes[free] = quotient(source, &others).unwrap_or(Size::Of(out, free));
        }
        Some(sizes)
    }

    fn joined(&self, out: ValueId) -> Option<Vec<Size>> {
        let mut sizes = self.input_sizes(0)?.to_vec();
        let axis = self.axis(sizes.len(), 0)?;
        let parts: Option<Vec<&[Size]>> =
            (0..self.inputs.len()).map(|i| self.input_sizes(i)).collect();
        let total =
            parts.as_ref().and_then(|p| p.iter().map(|s| known(s.get(axis)?)).sum::<Option<i64>>());
        if self.inputs.len() > 1 {
            sizes[axis] = total.map_or(Size::Of(out, axis), Size::Known);
        }
        Some(sizes)
    }

    fn slice_sizes(&self, out: ValueId) -> Option<Vec<Size>> {
        let mut sizes = self.input_sizes(0)?.to_vec();
        let starts = self.numbers(1, "starts");
        let ends = self.numbers(2, "ends");
        let axes = match self.inputs.get(3).copied().flatten() {
            Some(_) => self.numbers(3, "axes")?,
            None => self.numbers(3, "axes").unwrap_or_else(|| (0..sizes.len() as i64).collect()),
        };
        let steps = match self.inputs.get(4).copied().flatten() {
            Some(_) => self.numbers(4, ""),
            None => Some(vec![1; axes.len()]),
        };
        for (i, axis) in axes.iter().enumerate() {
            let axis = place(*axis, sizes.len())?;
            let start = starts.as_ref().and_then(|s| s.get(i));
            let end = ends.as_ref().and_then(|e| e.get(i));
            let step = steps.as_ref().and_then(|s| s.get(i).copied()).filter(|&step| step > 0);
            sizes[axis] = match (start, end, step, &sizes[axis]) {
                (Some(0), Some(&end), Some(1), size) if end > 1 << 31 => size.clone(),
                (Some(&start), Some(&end), Some(step), Size::Known(n)) => {
                    let n = usize::try_from(*n).ok()?;
                    let length = bound(end, n).saturating_sub(bound(start, n));
                    Size::Known(length.div_ceil(step as usize) as i64)
                }
                _ => Size::Of(out, axis),
            };
        }
        Some(sizes)
    }

    fn attention(&self, slot: usize) -> Option<Vec<Size>> {
        match slot {
            0 => self.input_sizes(0).map(<[Size]>::to_vec),
            _ => None,
        }
    }
}

/// The number a size is.
fn known(size: &Size) -> Option<i64> {
    match size {
        Size::Known(n) => Some(*n),
        _ => None,
    }
}

/// The index that an axis or an index means, counted from the end where it is negative.
fn place(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&a| a < rank)
}

/// A bound of a slice, as ONNX clamps it.
fn bound(at: i64, length: usize) -> usize {
    let length = length as i64;
    (if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length) as usize
}

fn broadcast(left: &[Size], right: &[Size], out: ValueId) -> Vec<Size> {
    let rank = left.len().max(right.len());
    let at =
        |sizes: &[Size], i: usize| (i + sizes.len()).checked_sub(rank).map(|i| sizes[i].clone());
    (0..rank)
        .map(|i| match (at(left, i), at(right, i)) {
            (Some(a), Some(b)) if a == b => a,
            (Some(Size::Known(1)) | None, Some(other))
            | (Some(other), Some(Size::Known(1)) | None) => other,
            (Some(Size::Grown), _) | (_, Some(Size::Grown)) => Size::Grown,
            (Some(a @ Size::Known(_)), _) | (_, Some(a @ Size::Known(_))) => a,
            _ => Size::Of(out, i),
        })
        .collect()
}

fn matmul(left: &[Size], right: &[Size], out: ValueId) -> Option<Vec<Size>> {
    let ([batch_left @ .., rows, _], [batch_right @ .., _, columns]) = (left, right) else {
        return None;
    };
    let mut sizes = broadcast(batch_left, batch_right, out);
    sizes.extend([rows.clone(), columns.clone()]);
    Some(sizes)
}

/// What is left of a product of sizes when others are taken out of it.
pub(in crate::adapter) fn quotient(all: &[Size], others: &[Size]) -> Option<Size> {
    let ((number, mut rest), (divisor, others)) = (Size::factors(all)?, Size::factors(others)?);
    for other in others {
        let at = rest.iter().position(|size| *size == other)?;
        rest.swap_remove(at);
    }
    let is_whole = divisor != 0 && number % divisor == 0;
    is_whole.then(|| Size::product(number / divisor, rest.into_iter().cloned().collect()))
}
