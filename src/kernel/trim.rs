//! Statements whose results nobody uses.

use super::ir::{Block, Index, Kernel, Stmt, Term, ValueId};
use std::collections::HashSet;

/// Removes what is computed and not used, and loops in which nothing is left. Loads from computed places
/// stay: they may be faults.
pub(super) fn trim(kernel: &mut Kernel) {
    let mut used = HashSet::new();
    let body = std::mem::take(&mut kernel.body);
    kernel.body = block(body, &mut used);
}

fn block(body: Block, used: &mut HashSet<ValueId>) -> Block {
    let mut kept: Block = body.into_iter().rev().filter_map(|stmt| statement(stmt, used)).collect();
    kept.reverse();
    kept
}

fn statement(mut stmt: Stmt, used: &mut HashSet<ValueId>) -> Option<Stmt> {
    match &mut stmt {
        Stmt::Constant { result, .. } | Stmt::Index { result, .. } => {
            used.contains(result).then_some(())?;
        }
        Stmt::Operation { result, arguments, .. } => {
            used.contains(result).then_some(())?;
            used.extend(arguments.iter().copied());
        }
        Stmt::Load { result, at, .. } => {
            (at.is_computed() || used.contains(result)).then_some(())?;
            of_index(at, used);
        }
        Stmt::Store { at, value, .. } => {
            used.insert(*value);
            of_index(at, used);
        }
        Stmt::For { body, .. } => {
            *body = block(std::mem::take(body), used);
            (!body.is_empty()).then_some(())?;
        }
        Stmt::Fold { axis, body, folds } => {
            folds.retain(|fold| used.contains(&fold.result));
            used.extend(folds.iter().map(|fold| fold.value));
            *body = block(std::mem::take(body), used);
            if folds.is_empty() {
                let (axis, body) = (*axis, std::mem::take(body));
                return (!body.is_empty()).then_some(Stmt::For { axis, body });
            }
        }
    }
    Some(stmt)
}

fn of_index(at: &Index, used: &mut HashSet<ValueId>) {
    used.extend(at.terms.iter().filter_map(|(term, _)| match term {
        Term::Value(value) => Some(*value),
        Term::Axis(_) => None,
    }));
}
