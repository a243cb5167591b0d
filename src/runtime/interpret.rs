//! Operators one after the other, as the file has them.

use crate::error::{Error, Result};
use crate::ir::{Attribute, Graph, Model, NodeId, NodeKind, Op, ValueId};
use crate::ops::{self, Call, Value};
use std::collections::HashMap;

/// Where a graph is run: the main graph's surroundings, or a function's.
#[derive(Clone, Copy)]
struct Scope<'m> {
    model: &'m Model,
    opsets: &'m [(String, i64)],
    /// Attributes of the function that is called.
    attributes: &'m [(String, Attribute)],
}

/// Sees each value of the main graph that a node has made.
pub(crate) type Observer<'o> = &'o mut dyn FnMut(NodeId, ValueId, &Value);

/// Runs the main graph. `inputs` are those of the signature, by slot; none for a default.
pub(super) fn run(
    model: &Model,
    inputs: Vec<Option<Value>>,
    observer: Observer<'_>,
) -> Result<Vec<Value>> {
    let scope = Scope { model, opsets: &model.opset_imports, attributes: &[] };
    let outputs = scope.graph(&model.graph, inputs, &[], observer)?;
    outputs.into_iter().map(|o| o.ok_or_else(|| Error::input("an output is missing"))).collect()
}

/// Runs one node of the main graph, on values by slot.
#[cfg(feature = "cpu")]
pub(super) fn one(
    model: &Model,
    id: NodeId,
    inputs: &[Option<Value>],
    captures: &[Option<Value>],
) -> Result<Vec<Option<Value>>> {
    let graph = &model.graph;
    let NodeKind::Op(op) = &graph.node(id).kind else { return Ok(Vec::new()) };
    let scope = Scope { model, opsets: &model.opset_imports, attributes: &[] };
    let all = graph.node_inputs(id).into_iter().zip(inputs);
    let all = all.chain(graph.node_captures(id).into_iter().zip(captures));
    let values = all.filter_map(|(id, value)| Some((id?, value.clone()?))).collect();
    scope.node(graph, id, op, &values)
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
        let op = op.resolved(self.attributes);
        let inputs = graph.node_inputs(id);
        let given = || inputs.iter().map(|input| input.and_then(|value| values.get(&value)));
        if let Some(function) = self.model.function(&op) {
            let attributes = function.given(&op);
            let scope = Scope {
                model: self.model,
                opsets: &function.opset_imports,
                attributes: &attributes,
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
        let (operator, schema) = ops::operator(&op, self.opsets)?;
        let call = Call {
            op: &op,
            schema,
            inputs: given().collect(),
            outputs: graph.node(id).outputs().len(),
            run_graph: &run_graph,
        };
        Ok((operator.compute)(&call)?.into_iter().map(Some).collect())
    }
}
