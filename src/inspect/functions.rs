//! The model-local functions.

use super::survey::{Survey, domain_name};
use crate::ir::{Function, Op};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A model-local function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionSummary {
    /// `domain::name<overload>`.
    pub name: String,
    /// Nodes of its body and of the subgraphs in there.
    pub nodes: usize,
    /// Operator sets by domain.
    pub opsets: BTreeMap<String, i64>,
    /// How many nodes call it, those in subgraphs and other functions included.
    pub calls: usize,
}

/// What tells functions apart: domain, name and overload.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The functions of a model, in the order of the file.
pub(super) fn functions(survey: &Survey<'_>) -> Vec<FunctionSummary> {
    let mut calls: HashMap<Key<'_>, usize> = HashMap::new();
    for op in survey.ops() {
        *calls.entry(callee(op)).or_default() += 1;
    }
    let mut nodes: HashMap<Key<'_>, usize> = HashMap::new();
    for part in &survey.parts {
        if let Some(function) = part.function {
            *nodes.entry(key(function)).or_default() += part.ops.len();
        }
    }
    let summary = |function: &Function| FunctionSummary {
        name: function.full_name(),
        nodes: nodes.get(&key(function)).copied().unwrap_or(0),
        opsets: opsets(&function.opset_imports),
        calls: calls.get(&key(function)).copied().unwrap_or(0),
    };
    survey.model.functions.iter().map(summary).collect()
}

/// What tells a function from others.
pub(super) fn key(function: &Function) -> Key<'_> {
    (domain_name(&function.domain), &function.name, &function.overload)
}

/// The function that an operator calls, if it is a call.
pub(super) fn callee(op: &Op) -> Key<'_> {
    (domain_name(&op.domain), &op.op_type, &op.overload)
}

/// Operator sets by the names of their domains.
pub(super) fn opsets(imports: &[(String, i64)]) -> BTreeMap<String, i64> {
    imports.iter().map(|(domain, version)| (domain_name(domain).to_owned(), *version)).collect()
}
