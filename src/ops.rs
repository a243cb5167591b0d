//! The operators: what ONNX says of each ([`mod@schema`]), and what it computes, in float64;
//! of operators of each element alone also as kernel operations ([`element`]).
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
mod value;

pub(crate) use call::Call;
pub(crate) use elements::dense;
pub use schema::schema;
pub use value::Value;

use crate::error::Result;
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
}

/// An operator of ONNX's own domain.
const fn op(name: &'static str, compute: Compute) -> Operator {
    Operator { domain: "", name, compute }
}

/// An operator of ONNX Runtime's domain.
const fn microsoft(name: &'static str, compute: Compute) -> Operator {
    Operator { domain: "com.microsoft", name, compute }
}

/// An operator that ONNX tries out.
const fn preview(name: &'static str, compute: Compute) -> Operator {
    Operator { domain: "ai.onnx.preview", name, compute }
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
];

static BY_NAME: LazyLock<HashMap<String, &Operator>> = LazyLock::new(|| {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    all.map(|operator| (schema::key(operator.domain, operator.name), operator)).collect()
});

/// The operator of a domain and a name.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Operator> {
    BY_NAME.get(&schema::key(domain, name)).copied()
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
