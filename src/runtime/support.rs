//! What can be run, checked before anything is.

use crate::error::{Error, Result};
use crate::ir::{Function, Graph, Model, Op};
use crate::ops::schema::Schema;
use crate::ops::{self, Operator};

/// The function that a node calls.
pub(super) fn function<'m>(model: &'m Model, op: &Op) -> Option<&'m Function> {
    let same =
        |f: &&Function| f.name == op.op_type && f.domain == op.domain && f.overload == op.overload;
    model.functions.iter().find(same)
}

/// The domain of ONNX's own operators as the newest operator set has them, whatever is imported.
pub(super) const NEWEST: &str = "peftc.newest";

/// The operator of a node, and its schema in the operator sets that are imported.
pub(super) fn operator(
    op: &Op,
    opsets: &[(String, i64)],
) -> Result<(&'static Operator, &'static Schema)> {
    let domain = if matches!(op.domain.as_str(), "ai.onnx" | NEWEST) { "" } else { &op.domain };
    let same = |known: &str| known == domain || (domain.is_empty() && known == "ai.onnx");
    let opsets = if op.domain == NEWEST { &[] } else { opsets };
    let imported = opsets.iter().find(|(known, _)| same(known)).map(|&(_, version)| version);
    let name =
        if domain.is_empty() { op.op_type.clone() } else { format!("{domain}.{}", op.op_type) };
    // Some exporters forget the domains of ONNX Runtime.
    let version = imported.unwrap_or(if domain.is_empty() { i64::MAX } else { 1 });
    let schema = ops::schema(domain, &op.op_type, version);
    match (ops::find(domain, &op.op_type), schema) {
        (Some(operator), Some(schema)) => Ok((operator, schema)),
        (Some(_), None) => {
            Err(Error::input(format!("operator set {version} has no operator {name}")))
        }
        (None, _) => Err(Error::input(format!("operator {name} is not supported"))),
    }
}

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
        if function(model, op).is_none() {
            let (_, schema) = operator(op, opsets).map_err(within)?;
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
