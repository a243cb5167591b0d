//! What is computed before a model runs: constants, sizes, and what was computed already.

use super::{Home, LARGE, Lowering, MOVES};
use crate::error::Result;
use crate::ir::{NodeId, Op, Tensor, ValueId};
use crate::lower::program::Work;
use crate::ops::size::Size;
use crate::ops::{self, Call, Value};

impl Lowering<'_> {
    /// Whether a node gives the same for the same inputs, as far as is known: functions may do anything.
    fn is_plain(&self, op: &Op) -> bool {
        let is_known = ops::operator(op, self.opsets).is_ok_and(|(_, s)| !s.is_random());
        is_known && op.subgraphs().next().is_none()
    }

    /// Whether another node computes the same of the same values: exporters write a mask for each layer.
    pub(super) fn same_as_before(&mut self, id: NodeId, op: &Op) -> bool {
        let [Some(value)] = self.graph.node(id).outputs() else { return false };
        if !self.is_plain(op) || self.attentions.contains_key(&id) {
            return false;
        }
        let inputs = self.graph.node_inputs(id);
        let inputs: Vec<String> = inputs.into_iter().map(|input| self.identity(input)).collect();
        let key = format!("{} {} {:?} {inputs:?}", op.domain, op.op_type, op.attributes);
        let Some(&first) = self.computed.get(&key) else {
            self.computed.insert(key, *value);
            return false;
        };
        self.same.insert(*value, first);
        match self.homes.get(&first).cloned() {
            Some(home) => {
                self.homes.insert(*value, home);
                true
            }
            None => false,
        }
    }

    /// What stands for a value where nodes are compared: small constants by what they are.
    pub(super) fn identity(&self, value: Option<ValueId>) -> String {
        let Some(value) = value else { return String::new() };
        let value = self.same.get(&value).copied().unwrap_or(value);
        match self.constants.get(&value) {
            Some(tensor) if tensor.element_count().is_some_and(|count| count <= 8) => {
                format!("{} {:?} {:?}", tensor.dtype, tensor.dims, tensor.bytes())
            }
            _ => format!("{value:?}"),
        }
    }

    /// Computes all that is made of constants, and of sizes that are known.
    pub(super) fn fold_constants(&mut self) -> Result<()> {
        for (id, op) in self.graph.ops() {
            let outputs = self.graph.node(id).outputs();
            let mut is_known = !outputs.is_empty();
            for value in outputs.iter().flatten() {
                let sizes = self.sizes_of(*value).unwrap_or_default();
                let numbers: Option<Vec<i64>> = sizes.iter().map(Size::known).collect();
                match (numbers, self.known(*value)) {
                    (Some(numbers), Some((dims, dtype))) if !numbers.is_empty() => {
                        let dims: Option<Vec<i64>> = dims.iter().map(Size::known).collect();
                        let wide: Vec<i128> = numbers.into_iter().map(i128::from).collect();
                        let tensor =
                            ops::numbers::of_integers(dtype, &dims.unwrap_or_default(), &wide)?;
                        self.constants.insert(*value, tensor);
                    }
                    _ => is_known = false,
                }
            }
            if !is_known {
                self.folded(id, op);
            }
        }
        Ok(())
    }

    /// Computes a node of constants now.
    pub(super) fn folded(&mut self, id: NodeId, op: &Op) -> bool {
        let inputs = self.graph.node_inputs(id);
        let outputs = self.graph.node(id).outputs();
        let is_plain = self.is_plain(op) && self.graph.node_captures(id).is_empty();
        let elements = |v: &ValueId| self.constants.get(v).and_then(Tensor::element_count);
        let is_large = inputs.iter().flatten().filter_map(elements).any(|count| count > LARGE);
        if is_large && MOVES.contains(&op.op_type.as_str()) {
            // A view does it without a copy.
            return false;
        }
        if !is_plain || !inputs.iter().flatten().all(|v| self.constants.contains_key(v)) {
            return false;
        }
        let Ok((operator, schema)) = ops::operator(op, self.opsets) else { return false };
        let values: Vec<Option<Value>> =
            inputs.iter().map(|v| v.map(|v| self.constants[&v].clone().into())).collect();
        let call = Call {
            inputs: values.iter().map(Option::as_ref).collect(),
            outputs: outputs.len(),
            ..Call::without_inputs(op, schema)
        };
        let Ok(made) = (operator.compute)(&call) else { return false };
        let tensors: Option<Vec<Tensor>> = made
            .into_iter()
            .map(|value| match value {
                Value::Tensor(tensor) => Some(tensor),
                _ => None,
            })
            .collect();
        let Some(tensors) = tensors else { return false };
        for (value, tensor) in outputs.iter().zip(tensors) {
            if let Some(value) = value {
                self.constants.insert(*value, tensor);
            }
        }
        true
    }

    /// Writes a node's results where sizes of the model say them.
    pub(super) fn written_sizes(&mut self, id: NodeId) -> bool {
        let outputs = self.graph.node(id).outputs();
        let [Some(value)] = outputs else { return false };
        let (Some(elements), Some((dims, dtype))) = (self.sizes_of(*value), self.known(*value))
        else {
            return false;
        };
        let view = self.made(dtype, &dims);
        let to = self.program.sizes.place(&view);
        let elements = elements.iter().map(|size| self.program.sizes.id(size)).collect();
        self.work(id, Work::Sizes { to, elements }, &[], &[view.buffer]);
        self.homes.insert(*value, Home::View(view));
        true
    }
}
