//! The model-local functions.

use super::survey::{Survey, domain_name};
use crate::ir::{Function, Op};
use serde::Serialize;
use std::collections::BTreeMap;

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

/// The functions of a model, in the order of the file.
pub(super) fn functions(survey: &Survey<'_>) -> Vec<FunctionSummary> {
    let summary = |function: &Function| {
        let bodies =
            survey.parts.iter().filter(|p| p.function.is_some_and(|f| std::ptr::eq(f, function)));
        FunctionSummary {
            name: function.full_name(),
            nodes: bodies.map(|part| part.ops.len()).sum(),
            opsets: opsets(&function.opset_imports),
            calls: survey.ops().filter(|op| calls(op, function)).count(),
        }
    };
    survey.model.functions.iter().map(summary).collect()
}

/// Whether an operator is a call of this function.
pub(super) fn calls(op: &Op, function: &Function) -> bool {
    domain_name(&op.domain) == domain_name(&function.domain)
        && op.op_type == function.name
        && op.overload == function.overload
}

/// Operator sets by the names of their domains.
pub(super) fn opsets(imports: &[(String, i64)]) -> BTreeMap<String, i64> {
    imports.iter().map(|(domain, version)| (domain_name(domain).to_owned(), *version)).collect()
}
