//! A model that is expanded computes the same.

#[cfg(feature = "cpu")]
mod both;
#[cfg(feature = "cpu")]
mod drawn;
#[cfg(feature = "cpu")]
mod engine;
mod inline;
#[cfg(feature = "cpu")]
mod premises;
mod rewrite;
mod sizes;
#[cfg(feature = "cpu")]
mod slide;

use super::{interpret, support};
use crate::ir::{DataType, Model, Tensor, text, verify_model};
use crate::lower::expand::expand;
use crate::ops::Value;
use crate::ops::numbers::{of_floats, reals};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn parse(text: &str) -> Model {
    text::parse(text).expect("the text is a model")
}

/// The expanded model of a text, which is well-formed and can be run.
fn expanded(text: &str) -> Model {
    let model = expand(&parse(text)).expect("it can be expanded");
    assert_eq!(verify_model(&model), []);
    support::check(&model).expect("it can be run");
    model
}

/// The operators of the main graph.
fn operators(model: &Model) -> Vec<String> {
    model.graph.ops().iter().map(|(_, op)| op.op_type.clone()).collect()
}

/// Numbers between −1 and 1.
fn random(dims: &[i64], seed: u64) -> Value {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut next = || f64::from(random.next_u32()) / f64::from(1u32 << 31) - 1.0;
    let data: Vec<f64> = (0..dims.iter().product()).map(|_| next()).collect();
    of_floats(DataType::F32, dims, &data).expect("the sizes fit").into()
}

fn run(model: &Model, inputs: &[Option<Value>]) -> Vec<Tensor> {
    let outputs = interpret::run(model, inputs.to_vec(), &mut |_, _, _| {}).expect("it runs");
    outputs.iter().map(|output| output.tensor().expect("it is a tensor").clone()).collect()
}

/// Asserts that a model and the expanded one give the same, and gives the expanded one.
fn assert_same(text: &str, inputs: &[Option<Value>]) -> Model {
    let (model, other) = (parse(text), expanded(text));
    let (expected, found) = (run(&model, inputs), run(&other, inputs));
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected.ty(), found.ty());
        let (expected, found) = (reals(expected), reals(found));
        let (expected, found) = (expected.expect("numbers"), found.expect("numbers"));
        let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (expected, found) in expected.iter().zip(&found) {
            let off = (expected - found).abs();
            assert!(off <= 1e-6 * largest, "{found} instead of {expected}");
        }
    }
    other
}
