//! Adding operators of one adapter.

use peftc_plugin::{Attr, DataType, NodeSpec, Result, Run, TensorType, Value, one};
use std::cell::RefCell;
use std::collections::HashMap;

/// Numbers that operators read, each stored once.
#[derive(Default)]
pub(crate) struct Scalars {
    values: RefCell<HashMap<(u64, DataType), Value>>,
    axes: RefCell<HashMap<i64, Value>>,
}

/// Adds the operators of one adapter.
pub(crate) struct Builder<'b, 'a> {
    pub(crate) run: &'b Run<'a>,
    /// Where the adapter stands, as the adapter or the model names it.
    pub(crate) module: &'b str,
    pub(crate) dtype: DataType,
    pub(crate) opset: i64,
    pub(crate) scalars: &'b Scalars,
}

impl Builder<'_, '_> {
    /// Adds an operator: `part` is what it is of (`down`, `act`, …), which its role says too.
    pub(crate) fn node(
        &self,
        part: &str,
        op_type: &str,
        inputs: &[Value],
        attrs: Vec<(&str, Attr<'_>)>,
    ) -> Result<Value> {
        let inputs: Vec<_> = inputs.iter().map(|&v| Some(v)).collect();
        self.spec(part, op_type, "", inputs, attrs)
    }

    /// As [`node`](Self::node), of any domain and with inputs left out.
    pub(crate) fn spec(
        &self,
        part: &str,
        op_type: &str,
        domain: &str,
        inputs: Vec<Option<Value>>,
        attrs: Vec<(&str, Attr<'_>)>,
    ) -> Result<Value> {
        let name = format!("/{}/adapters/{part}/{op_type}", self.module.replace('.', "/"));
        one(self.run.add_node(NodeSpec {
            op_type,
            domain,
            name: &name,
            role: &format!("bottleneck.{part}"),
            module: self.module,
            inputs,
            outputs: vec![format!("{name}_output_0")],
            attrs,
        })?)
    }

    /// An operator of the non-linearity.
    pub(crate) fn act(&self, op_type: &str, inputs: &[Value]) -> Result<Value> {
        self.node("act", op_type, inputs, Vec::new())
    }

    /// A number of the adapter's type.
    pub(crate) fn scalar(&self, number: f64) -> Result<Value> {
        let key = (number.to_bits(), self.dtype);
        if let Some(&known) = self.scalars.values.borrow().get(&key) {
            return Ok(known);
        }
        let bytes_of_one = (self.dtype.bits() / 8) as usize;
        let mut bytes = vec![0; bytes_of_one];
        self.dtype.encode_f32(&[number as f32], &mut bytes)?;
        let ty = TensorType::new(self.dtype, []);
        let value = self.run.add_tensor(&format!("bottleneck.number_{number}"), &ty, &bytes)?;
        self.scalars.values.borrow_mut().insert(key, value);
        Ok(value)
    }

    /// The mean over an axis, which stays with size 1.
    pub(crate) fn mean(&self, part: &str, x: Value, axis: i64) -> Result<Value> {
        if self.opset < 18 {
            let axes = [axis];
            let attrs = vec![("axes", Attr::Ints(&axes)), ("keepdims", Attr::Int(1))];
            return self.node(part, "ReduceMean", &[x], attrs);
        }
        let axes = self.axes(axis)?;
        self.node(part, "ReduceMean", &[x, axes], vec![("keepdims", Attr::Int(1))])
    }

    fn axes(&self, axis: i64) -> Result<Value> {
        if let Some(&known) = self.scalars.axes.borrow().get(&axis) {
            return Ok(known);
        }
        let ty = TensorType::new(DataType::I64, [1]);
        let value = self.run.add_tensor("bottleneck.axes", &ty, &axis.to_le_bytes())?;
        self.scalars.axes.borrow_mut().insert(axis, value);
        Ok(value)
    }

    /// PyTorch's `LayerNorm` over the last axis, of its default ε.
    pub(crate) fn layer_norm(
        &self,
        part: &str,
        x: Value,
        weight: Value,
        bias: Value,
    ) -> Result<Value> {
        const EPSILON: f64 = 1e-5;
        if self.opset >= 17 {
            let attrs = vec![("axis", Attr::Int(-1)), ("epsilon", Attr::Float(EPSILON as f32))];
            return self.node(part, "LayerNormalization", &[x, weight, bias], attrs);
        }
        let node = |op_type, inputs: &[Value]| self.node(part, op_type, inputs, Vec::new());
        let centered = node("Sub", &[x, self.mean(part, x, -1)?])?;
        let variance = self.mean(part, node("Mul", &[centered, centered])?, -1)?;
        let deviation = node("Sqrt", &[node("Add", &[variance, self.scalar(EPSILON)?])?])?;
        let scaled = node("Mul", &[node("Div", &[centered, deviation])?, weight])?;
        node("Add", &[scaled, bias])
    }
}
