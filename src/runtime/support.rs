//! What can be run, checked before anything is.

use crate::error::{Error, Result};
use crate::ir::{Function, Graph, Model, Op};
use crate::ops;
use crate::ops::schema::Schema;
use std::collections::HashSet;

/// Whether all that a model has can be run.
///
/// # Errors
/// An operator cannot: the first, with its node. A function calls itself.
pub(super) fn check(model: &Model) -> Result<()> {
    graph(model, &model.graph, &model.opset_imports)?;
    for function in &model.functions {
        graph(model, &function.body, &function.opset_imports)
            .map_err(|e| e.within(format!("function {}", function.full_name())))?;
    }
    let mut seen = HashSet::new();
    model.functions.iter().try_for_each(|f| calls(model, f, &f.body, &mut Vec::new(), &mut seen))
}

/// Whether what a graph of a function calls does not call the function, nor one of its callers.
fn calls<'m>(
    model: &'m Model,
    function: &'m Function,
    graph: &'m Graph,
    callers: &mut Vec<&'m Function>,
    seen: &mut HashSet<*const Function>,
) -> Result<()> {
    callers.push(function);
    for (_, op) in graph.ops() {
        for inner in op.subgraphs() {
            calls(model, function, inner, callers, seen)?;
        }
        let Some(called) = model.function(op) else { continue };
        if callers.iter().any(|caller| std::ptr::eq(*caller, called)) {
            return Err(Error::input(format!("function {} calls itself", called.full_name())));
        }
        if seen.insert(called) {
            calls(model, called, &called.body, callers, seen)?;
        }
    }
    callers.pop();
    Ok(())
}

fn graph(model: &Model, graph_: &Graph, opsets: &[(String, i64)]) -> Result<()> {
    for (id, op) in graph_.ops() {
        let within = |e: Error| e.within(graph_.describe(id));
        if model.function(op).is_none() {
            let (_, schema) = ops::operator(op, opsets).map_err(within)?;
            attributes(op, schema).map_err(within)?;
        }
        for inner in op.subgraphs() {
            graph(model, inner, opsets).map_err(within)?;
        }
    }
    Ok(())
}

/// Whether a node's attributes are the schema's.
fn attributes(op: &Op, schema: &Schema) -> Result<()> {
    for (name, attribute) in &op.attributes {
        let kind = attribute.value.kind();
        match schema.attribute(name) {
            Some(known) if known.kind == kind => {}
            Some(known) => {
                return Err(Error::input(format!(
                    "attribute {name:?} is a {kind:?}, not a {:?}",
                    known.kind
                )));
            }
            None => {
                let known: Vec<&str> = schema.attributes.iter().map(|a| a.name).collect();
                return Err(Error::input(format!("there is no attribute {name:?}")).help(format!(
                    "{} has: {}",
                    op.op_type,
                    known.join(", ")
                )));
            }
        }
    }
    let missing =
        schema.attributes.iter().find(|a| a.is_required && op.attribute(a.name).is_none());
    match missing {
        Some(missing) => Err(Error::input(format!("attribute {:?} is missing", missing.name))),
        None => Ok(()),
    }
}
