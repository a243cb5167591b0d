//! Calls of functions, replaced by what the functions are.

use super::copy::{Captured, Copy};
use crate::error::{Error, Result};
use crate::ir::{Attribute, Function, Graph, Model, Names, NodeId, Op, Tensor};
use crate::ops::{self, Call, Value};
use std::collections::HashMap;

/// How many nodes a graph may have before calls stay: functions that call each other can stand for
/// any number of them.
const MOST_NODES: usize = 1 << 20;

/// The model with calls inlined and constants as initializers, in subgraphs too.
pub(super) fn inline(model: &Model) -> Result<Model> {
    let (names, _) = Names::of(&model.graph);
    let mut inline = Inline { model, names, calls: Vec::new() };
    let scope = Scope { attributes: &[], is_inlined: false };
    let graph = inline.graph(Copy::new(&model.graph), &[], scope)?;
    Ok(Model { graph, ..model.clone() })
}

struct Inline<'m> {
    model: &'m Model,
    names: Names,
    /// The functions that are being inlined, each in the one before.
    calls: Vec<&'m Function>,
}

/// Where nodes stand.
#[derive(Clone, Copy)]
struct Scope<'s> {
    /// Attributes of the function that is called.
    attributes: &'s [(String, Attribute)],
    is_inlined: bool,
}

impl<'m> Inline<'m> {
    fn graph(&mut self, mut copy: Copy<'_>, outer: &[Captured], scope: Scope<'_>) -> Result<Graph> {
        let mut to = copy.start(outer);
        self.ops(&mut copy, &mut to, scope)?;
        copy.finish(&mut to)?;
        Ok(to)
    }

    fn ops(&mut self, copy: &mut Copy<'_>, to: &mut Graph, scope: Scope<'_>) -> Result<()> {
        for (id, op) in copy.from.ops() {
            let op = op.resolved(scope.attributes);
            if let (Some(value), Some(tensor)) = (copy.from.output(id), self.constant(&op)) {
                copy.set_constant(value, tensor);
                continue;
            }
            let done = match self.inlined(&op, to) {
                Some(function) => self.call(copy, to, (id, &op), function),
                None => copy.op(to, id, op.into_owned(), |inner, outer| {
                    let copy = match scope.is_inlined {
                        true => Copy::renamed(inner, &mut self.names, HashMap::new()),
                        false => Copy::new(inner),
                    };
                    self.graph(copy, outer, scope)
                }),
            };
            done.map_err(|e| e.within(copy.from.describe(id)))?;
        }
        Ok(())
    }

    fn call(
        &mut self,
        copy: &mut Copy<'_>,
        to: &mut Graph,
        (id, op): (NodeId, &Op),
        function: &'m Function,
    ) -> Result<()> {
        if self.calls.iter().any(|&caller| std::ptr::eq(caller, function)) {
            let name = function.full_name();
            return Err(Error::input(format!("function {name} calls itself")));
        }
        let body = &function.body;
        let made = body.outputs().iter().map(|&output| body.node_input(output, 0));
        let outputs = copy.from.node(id).outputs().iter().zip(made);
        let outputs: Vec<_> = outputs.filter_map(|(&outer, inner)| Some((outer?, inner))).collect();
        let mut names = HashMap::new();
        for &(outer, inner) in &outputs {
            let Some(inner) = inner else { continue };
            names.entry(inner).or_insert_with(|| copy.name(outer).to_owned());
        }
        let mut inner = Copy::renamed(body, &mut self.names, names);
        for (&input, given) in body.inputs().iter().zip(copy.inputs(to, id)) {
            let value = body.output(input).filter(|_| given.is_some());
            value.into_iter().for_each(|value| inner.set(value, given));
        }
        self.calls.push(function);
        let attributes = function.given(op);
        self.ops(&mut inner, to, Scope { attributes: &attributes, is_inlined: true })?;
        self.calls.pop();
        for (outer, made) in outputs {
            let made = made.and_then(|made| inner.value(to, made));
            if let (Some(made), Some(info)) = (made, copy.info(outer))
                && to.node(to.value(made).producer()).op().is_some()
            {
                to.value_mut(made).info = Some(info);
            }
            copy.set(outer, made);
        }
        Ok(())
    }

    /// The function of a call that can be inlined.
    fn inlined(&self, op: &Op, to: &Graph) -> Option<&'m Function> {
        let function = self.model.function(op)?;
        let can = to.node_count() < MOST_NODES
            && op.subgraphs().next().is_none()
            && self.is_alike(&function.body, &function.opset_imports);
        can.then_some(function)
    }

    /// Whether a graph's operators are the same in these operator sets and in those of the model.
    fn is_alike(&self, graph: &Graph, opsets: &[(String, i64)]) -> bool {
        let schema = |op: &Op, opsets| Some(ops::operator(op, opsets).ok()?.1.since);
        graph.node_ids().filter_map(|id| graph.node(id).op()).all(|op| {
            let own = schema(op, opsets);
            (self.model.function(op).is_some()
                || own.is_some() && own == schema(op, &self.model.opset_imports))
                && op.subgraphs().all(|inner| self.is_alike(inner, opsets))
        })
    }

    /// The tensor that a `Constant` makes.
    fn constant(&self, op: &Op) -> Option<Tensor> {
        if !op.is("Constant") || self.model.function(op).is_some() {
            return None;
        }
        let (operator, schema) = ops::operator(op, &self.model.opset_imports).ok()?;
        match (operator.compute)(&Call::without_inputs(op, schema)).ok()?.pop()? {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }
}
