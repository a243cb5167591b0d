//! What can be run, checked before anything is.

use crate::error::{Error, Result};
use crate::ir::{Graph, Model, Op};
use crate::ops;
use crate::ops::schema::Schema;

/// Whether all that a model has can be run.
///
/// # Errors
/// An operator cannot: the first, with its node.
pub(super) fn check(model: &Model) -> Result<()> {
    graph(model, &model.graph, &model.opset_imports)?;
    for function in &model.functions {
        graph(model, &function.body, &function.opset_imports)
            .map_err(|e| e.within(format!("function {}", function.full_name())))?;
    }
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
