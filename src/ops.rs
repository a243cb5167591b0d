//! The operators: what ONNX says of each ([`mod@schema`]), and what it computes, in float64;
//! of operators of each element alone also as kernel operations (`element`).
//!
//! An operator is an entry in the table of its family's file, and a family a line in `FAMILIES`.
#![forbid(unsafe_code)]

mod activation;
mod attention;
mod call;
mod contrib;
mod control;
mod convolution;
mod create;
pub(crate) mod element;
mod elements;
mod elementwise;
#[cfg(test)]
mod hostile;
pub(crate) mod infer;
mod minifloat;
mod ml;
mod movement;
mod normalize;
pub(crate) mod numbers;
mod product;
mod quantize;
mod random;
mod recurrent;
mod reduce;
mod resize;
mod rows;
pub mod schema;
pub(crate) mod shape;
mod signal;
pub mod size;
mod text;
mod training;
mod value;

pub(crate) use call::Call;
pub(crate) use contrib::dequantized;
#[cfg(test)]
pub(crate) use element::lowerings;
pub(crate) use element::{Element, Lowering, element};
pub(crate) use elements::{dense, zero};
pub(crate) use product::einsum_labels;
pub use schema::schema;
pub use value::Value;

use crate::error::{Error, Result};
use crate::ir::Op;
use infer::Infer;
use schema::Schema;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What an operator computes: its outputs by slot.
pub(crate) type Compute = fn(&Call<'_>) -> Result<Vec<Value>>;

/// An operator.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    domain: &'static str,
    name: &'static str,
    pub(crate) compute: Compute,
    /// What is known of its outputs before it runs; none for an operator that passes sequences or
    /// optional values on.
    infer: Option<Infer>,
}

impl Operator {
    const fn new(domain: &'static str, name: &'static str, compute: Compute) -> Self {
        Self { domain, name, compute, infer: None }
    }

    /// With a rule of what is known of its outputs before it runs.
    const fn infer(self, rule: Infer) -> Self {
        Self { infer: Some(rule), ..self }
    }
}

/// An operator of ONNX's own domain.
const fn op(name: &'static str, compute: Compute) -> Operator {
    Operator::new("", name, compute)
}

/// An operator of ONNX Runtime's domain.
const fn microsoft(name: &'static str, compute: Compute) -> Operator {
    Operator::new("com.microsoft", name, compute)
}

/// An operator that ONNX tries out.
const fn preview(name: &'static str, compute: Compute) -> Operator {
    Operator::new("ai.onnx.preview", name, compute)
}

/// The tables of all families.
static FAMILIES: &[&[Operator]] = &[
    activation::OPERATORS,
    attention::OPERATORS,
    contrib::OPERATORS,
    control::OPERATORS,
    convolution::OPERATORS,
    create::OPERATORS,
    elementwise::OPERATORS,
    ml::OPERATORS,
    movement::OPERATORS,
    normalize::OPERATORS,
    product::OPERATORS,
    quantize::OPERATORS,
    random::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    signal::OPERATORS,
    text::OPERATORS,
    training::OPERATORS,
];

static BY_NAME: LazyLock<HashMap<String, &Operator>> = LazyLock::new(|| {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    all.map(|operator| (schema::key(operator.domain, operator.name), operator)).collect()
});

/// The operator of a domain and a name.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Operator> {
    BY_NAME.get(&schema::key(domain, name)).copied()
}

/// The domain of ONNX's own operators as the newest operator set has them, whatever is imported.
pub(crate) const NEWEST: &str = "peftc.newest";

/// The version of a domain that is imported. Some exporters forget the domains of ONNX Runtime.
pub(crate) fn version(domain: &str, opsets: &[(String, i64)]) -> i64 {
    if domain == NEWEST {
        return i64::MAX;
    }
    let is_onnx = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let same = |known: &str| known == domain || (is_onnx(domain) && is_onnx(known));
    let imported = opsets.iter().find(|(known, _)| same(known)).map(|&(_, version)| version);
    imported.unwrap_or(if is_onnx(domain) { i64::MAX } else { 1 })
}

/// The schema of a node's operator in the operator sets that are imported.
pub(crate) fn schema_of(op: &Op, opsets: &[(String, i64)]) -> Option<&'static Schema> {
    schema(known(&op.domain), &op.op_type, version(&op.domain, opsets))
}

/// The name under which a domain's operators are known here.
fn known(domain: &str) -> &str {
    if matches!(domain, "ai.onnx" | NEWEST) { "" } else { domain }
}

/// The operator of a node, and its schema in the operator sets that are imported.
///
/// # Errors
/// There is none.
pub(crate) fn operator(
    op: &Op,
    opsets: &[(String, i64)],
) -> Result<(&'static Operator, &'static Schema)> {
    let domain = known(&op.domain);
    let name =
        if domain.is_empty() { op.op_type.clone() } else { format!("{domain}.{}", op.op_type) };
    match (find(domain, &op.op_type), schema_of(op, opsets)) {
        (Some(operator), Some(schema)) => Ok((operator, schema)),
        (Some(_), None) => {
            let version = version(&op.domain, opsets);
            Err(Error::input(format!("operator set {version} has no operator {name}")))
        }
        (None, _) => Err(Error::input(format!("operator {name} is not supported"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_a_schema_and_stands_once() {
        let all: Vec<&Operator> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
        assert_eq!(all.len(), BY_NAME.len());
        for operator in all {
            assert!(
                schema(operator.domain, operator.name, i64::MAX).is_some(),
                "{}",
                operator.name
            );
        }
    }
}
