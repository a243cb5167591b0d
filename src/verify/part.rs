//! The first value in which two models part.

use super::compare::{Tolerance, apart};
use crate::error::Result;
use crate::ops::Value;
use crate::runtime::Session;
use serde::Serialize;
use std::collections::HashMap;

/// The first value of one name in which two models part, in the order of the second.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// The value.
    pub value: String,
    /// What makes it in the second model.
    pub node: String,
    /// ‖x − y‖/‖x‖; infinite where it is of another type or shape.
    pub relative: f64,
}

/// Runs both, and compares the values that have one name.
pub(super) fn first(
    left: &Session,
    right: &Session,
    inputs: &dyn Fn(&Session) -> HashMap<String, Value>,
    tolerance: &Tolerance,
) -> Result<Option<PartReport>> {
    let mut values: HashMap<String, Value> = HashMap::new();
    left.run_observed(&inputs(left), &mut |_, id, value| {
        values.insert(left.graph().value(id).name().to_owned(), value.clone());
    })?;
    let mut found: Option<Result<PartReport>> = None;
    right.run_observed(&inputs(right), &mut |node, id, value| {
        let graph = right.graph();
        let name = graph.value(id).name();
        let (None, Some(Value::Tensor(own)), Value::Tensor(other)) =
            (&found, values.get(name), value)
        else {
            return;
        };
        let part =
            |relative| PartReport { value: name.to_owned(), node: graph.describe(node), relative };
        found = apart(own, other, tolerance).map(|apart| apart.map(part)).transpose();
    })?;
    found.transpose()
}
