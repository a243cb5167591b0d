//! Rules on the operators: their domains, names and devices.

use super::{Facts, found};
use crate::inspect::functions::{callee, key};
use crate::inspect::survey::domain_name;
use crate::ir::Op;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Operators are of domains that are neither imported nor, as functions, in the model.
pub(super) fn uncovered_domains(facts: &Facts<'_>) -> Option<String> {
    let model = facts.survey.model;
    let functions: HashSet<_> = model.functions.iter().map(key).collect();
    let is_call = |op: &Op| functions.contains(&callee(op));
    let mut uncovered: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for part in &facts.survey.parts {
        let imports = part.function.map_or(&model.opset_imports, |f| &f.opset_imports);
        let is_imported =
            |op: &Op| imports.iter().any(|(d, _)| domain_name(d) == domain_name(&op.domain));
        for (_, op) in part.ops.iter().filter(|(_, op)| !is_imported(op) && !is_call(op)) {
            uncovered.entry(domain_name(&op.domain)).or_default().insert(&op.op_type);
        }
    }
    let shown = |(domain, ops): (&str, BTreeSet<&str>)| {
        format!("{domain} ({})", super::examples(&ops.into_iter().collect::<Vec<_>>()))
    };
    found(
        &uncovered.into_iter().map(shown).collect::<Vec<_>>(),
        "domain of operators is neither imported as an opset nor made of functions",
        "domains of operators are neither imported as opsets nor made of functions",
    )
}

/// Opsets are imported for nothing.
pub(super) fn unused_opsets(facts: &Facts<'_>) -> Option<String> {
    let used: BTreeSet<&str> = facts.survey.ops().map(|op| domain_name(&op.domain)).collect();
    let imports = facts.survey.model.opset_imports.iter();
    let unused = imports.filter(|(domain, _)| !used.contains(domain_name(domain)));
    found(
        &unused.map(|(d, version)| format!("{} {version}", domain_name(d))).collect::<Vec<_>>(),
        "opset is imported that no node uses",
        "opsets are imported that no node uses",
    )
}

/// Nodes of one graph have one name.
pub(super) fn repeated_names(facts: &Facts<'_>) -> Option<String> {
    let mut repeated = Vec::new();
    for part in &facts.survey.parts {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, op) in part.ops.iter().filter(|(_, op)| !op.name.is_empty()) {
            *counts.entry(&op.name).or_default() += 1;
        }
        let several = counts.into_iter().filter(|(_, n)| *n > 1);
        repeated.extend(several.map(|(name, n)| part.locate(format_args!("{name:?} ({n} nodes)"))));
    }
    found(
        &repeated,
        "node name is not unique in its graph",
        "node names are not unique in their graph",
    )
}

/// The model, or its nodes, say which devices to run on.
pub(super) fn device_configurations(facts: &Facts<'_>) -> Option<String> {
    let named = facts.carried.device_configurations.iter().chain(&facts.carried_by_ops);
    let names: BTreeSet<String> = named.map(|name| format!("{name:?}")).collect();
    found(
        &names.into_iter().collect::<Vec<_>>(),
        "device configuration is carried along as it is, unseen by passes",
        "device configurations are carried along as they are, unseen by passes",
    )
}
