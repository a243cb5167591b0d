//! Operators one after the other, as the file has them.

use super::profile::{Event, Recorder};
use crate::error::{Error, Result};
use crate::ir::{
    Attribute, AttributeValue, Function, Graph, Model, NodeId, NodeKind, Op, Tensor, ValueId,
};
use crate::ops::{self, Call, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// Where a graph is run: the main graph's surroundings, or a function's.
#[derive(Clone, Copy)]
struct Scope<'m> {
    model: &'m Model,
    opsets: &'m [(String, i64)],
    /// Attributes of the function that is called.
    attributes: &'m [(String, Attribute)],
    recorder: Option<&'m Recorder>,
}

/// Sees each value of the main graph that a node has made.
pub(crate) type Observer<'o> = &'o mut dyn FnMut(NodeId, ValueId, &Value);

/// Runs the main graph. `inputs` are those of the signature, by slot; none for a default. The
/// recorder, if any, takes down each operator.
pub(super) fn run(
    model: &Model,
    inputs: Vec<Option<Value>>,
    observer: Observer<'_>,
    recorder: Option<&Recorder>,
) -> Result<Vec<Value>> {
    let scope = Scope { model, opsets: &model.opset_imports, attributes: &[], recorder };
    let outputs = scope.graph(&model.graph, inputs, &[], observer)?;
    outputs.into_iter().map(|o| o.ok_or_else(|| Error::input("an output is missing"))).collect()
}

impl Scope<'_> {
    /// Runs a graph, with the outer values that it captures.
    fn graph(
        self,
        graph: &Graph,
        inputs: Vec<Option<Value>>,
        captures: &[Option<Value>],
        observer: Observer<'_>,
    ) -> Result<Vec<Option<Value>>> {
        let mut values: HashMap<ValueId, Value> = HashMap::new();
        for id in graph.captures() {
            let node = graph.node(id);
            let NodeKind::Capture { slot } = node.kind else { continue };
            let outer = captures.get(slot as usize).cloned().flatten();
            values.extend(node.outputs()[0].zip(outer));
        }
        for (value, tensor) in graph.stored_tensors() {
            let dense = ops::dense(tensor).map_err(|e| e.within(graph.value(value).name()))?;
            values.insert(value, dense.into());
        }
        for (&id, input) in graph.inputs().iter().zip(inputs) {
            values.extend(graph.output(id).zip(input));
        }
        let uses = |id: ValueId| (id, graph.uses(id).len());
        let mut left: HashMap<ValueId, usize> = graph.value_ids().map(uses).collect();
        for (id, op) in graph.ops() {
            let made = self.node(graph, id, op, &values);
            let made = made.map_err(|e| e.within(graph.describe(id)))?;
            for (value, made) in graph.node(id).outputs().iter().zip(made) {
                let (Some(value), Some(made)) = (*value, made) else { continue };
                observer(id, value, &made);
                if left.get(&value).is_some_and(|left| *left > 0) {
                    values.insert(value, made);
                }
            }
            for used in graph.node_inputs(id).into_iter().chain(graph.node_captures(id)).flatten() {
                let left = left.entry(used).or_insert(1);
                *left = left.saturating_sub(1);
                if *left == 0 {
                    values.remove(&used);
                }
            }
        }
        let output =
            |&id: &NodeId| graph.node_input(id, 0).and_then(|value| values.get(&value).cloned());
        Ok(graph.outputs().iter().map(output).collect())
    }

    fn node(
        self,
        graph: &Graph,
        id: NodeId,
        op: &Op,
        values: &HashMap<ValueId, Value>,
    ) -> Result<Vec<Option<Value>>> {
        let op = self.resolved(op);
        let inputs = graph.node_inputs(id);
        let given = || inputs.iter().map(|input| input.and_then(|value| values.get(&value)));
        if let Some(function) = self.function(&op) {
            let attributes = with_defaults(&op, function);
            let scope = Scope {
                model: self.model,
                opsets: &function.opset_imports,
                attributes: &attributes,
                ..self
            };
            let inputs = given().map(Option::<&Value>::cloned).collect();
            return scope.graph(&function.body, inputs, &[], &mut |_, _, _| {});
        }
        let captures: Vec<Option<Value>> = graph
            .node_captures(id)
            .into_iter()
            .map(|value| value.and_then(|value| values.get(&value).cloned()))
            .collect();
        let run_graph = |inner: &Graph, inputs: Vec<Value>| {
            let inputs = inputs.into_iter().map(Some).collect();
            let outputs = self.graph(inner, inputs, &captures, &mut |_, _, _| {})?;
            outputs
                .into_iter()
                .map(|o| o.ok_or_else(|| Error::input("an output is missing")))
                .collect()
        };
        let (operator, schema) = super::support::operator(&op, self.opsets)?;
        let call = Call {
            op: &op,
            schema,
            inputs: given().collect(),
            outputs: graph.node(id).outputs().len(),
            run_graph: &run_graph,
        };
        let start_ns = self.recorder.map(Recorder::now);
        let made = (operator.compute)(&call)?;
        // What a control flow operator does is recorded by the operators of its subgraphs.
        if let (Some(recorder), Some(start_ns), None) =
            (self.recorder, start_ns, op.subgraphs().next())
        {
            recorder.record(event(graph, id, &call, &made, start_ns, recorder.now()));
        }
        Ok(made.into_iter().map(Some).collect())
    }

    fn function(&self, op: &Op) -> Option<&Function> {
        super::support::function(self.model, op)
    }

    /// The operator with the attributes of the function in place of references to them.
    fn resolved<'o>(&self, op: &'o Op) -> Cow<'o, Op> {
        let is_reference =
            |(_, a): &(String, Attribute)| matches!(a.value, AttributeValue::Reference { .. });
        if !op.attributes.iter().any(is_reference) {
            return Cow::Borrowed(op);
        }
        let mut resolved = op.clone();
        resolved.attributes = op
            .attributes
            .iter()
            .filter_map(|(name, attribute)| match &attribute.value {
                AttributeValue::Reference { name: of, .. } => {
                    let given = self.attributes.iter().find(|(known, _)| known == of)?;
                    Some((name.clone(), given.1.clone()))
                }
                _ => Some((name.clone(), attribute.clone())),
            })
            .collect();
        Cow::Owned(resolved)
    }
}

fn event(
    graph: &Graph,
    id: NodeId,
    call: &Call<'_>,
    made: &[Value],
    start_ns: u64,
    end_ns: u64,
) -> Event {
    let outputs: Vec<&Tensor> = made.iter().filter_map(|value| value.tensor().ok()).collect();
    let inputs: Vec<Option<&Tensor>> =
        call.inputs.iter().map(|input| input.and_then(|value| value.tensor().ok())).collect();
    let input_sizes: Vec<Option<&[i64]>> =
        inputs.iter().map(|input| input.map(|tensor| tensor.dims.as_slice())).collect();
    let output_sizes: Vec<&[i64]> = outputs.iter().map(|tensor| tensor.dims.as_slice()).collect();
    let all = inputs.iter().flatten().chain(&outputs);
    Event {
        name: call.op.op_type.clone(),
        kind: call.op.op_type.clone(),
        node: graph.describe(id),
        thread: 0,
        start_ns,
        end_ns,
        flops: ops::flops(call.op, &input_sizes, &output_sizes),
        bytes: all.filter_map(|tensor| tensor.byte_len()).sum(),
    }
}

/// The attributes of a call, and the function's defaults of those that it does not have.
fn with_defaults(op: &Op, function: &Function) -> Vec<(String, Attribute)> {
    let mut attributes = op.attributes.clone();
    for (name, default) in &function.attribute_defaults {
        if op.attribute(name).is_none() {
            attributes.push((name.clone(), default.clone()));
        }
    }
    attributes
}
