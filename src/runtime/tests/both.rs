//! A model run twice: compiled, and by the references.

use crate::error::{Error, ErrorKind};
use crate::ir::{DataType, Tensor};
use crate::ops::Value;
use crate::ops::numbers::{of_floats, of_integers, reals};
use crate::runtime::{Options, Session};
use std::collections::HashMap;

/// A model on the engine and on references.
pub(super) struct Both {
    pub(super) engine: Session,
    reference: Session,
}

pub(super) type Inputs<'a> = &'a [(&'a str, Tensor)];

pub(super) fn floats(dims: &[i64], data: &[f64]) -> Tensor {
    of_floats(DataType::F32, dims, data).expect("the sizes fit")
}

/// Numbers that differ from each other, between −2 and 2.
pub(super) fn some(dims: &[i64], seed: i64) -> Tensor {
    let count: i64 = dims.iter().product();
    let number = |at: i64| ((at * 37 + seed * 11) % 101) as f64 / 25.0 - 2.0;
    floats(dims, &(0..count).map(number).collect::<Vec<_>>())
}

pub(super) fn integers(dims: &[i64], data: &[i128]) -> Tensor {
    of_integers(DataType::I64, dims, data).expect("the sizes fit")
}

pub(super) fn values(inputs: Inputs<'_>) -> HashMap<String, Value> {
    inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone().into())).collect()
}

impl Both {
    pub(super) fn of(text: &str, threads: usize) -> Self {
        let model = super::parse(text);
        let session = |is_reference| {
            let session = Session::new(&model, &Options { threads, is_reference });
            session.unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        Self { engine: session(false), reference: session(true) }
    }

    /// Runs both: what they give, if it is the same.
    pub(super) fn compared(&self, inputs: Inputs<'_>) -> Result<Vec<Tensor>, String> {
        let inputs = values(inputs);
        let expected = self.reference.run(&inputs).map_err(|e| format!("the references: {e}"))?;
        let found = self.engine.run(&inputs).map_err(|e| format!("the engine: {e}"))?;
        let tensors = |values: &[Value]| -> Option<Vec<Tensor>> {
            values.iter().map(|value| value.tensor().ok().cloned()).collect()
        };
        let (expected, found) = (tensors(&expected), tensors(&found));
        let (expected, found) = (expected.ok_or("no tensor")?, found.ok_or("no tensor")?);
        if expected.len() != found.len() {
            return Err("another number of outputs".to_owned());
        }
        for (at, (expected, found)) in expected.iter().zip(&found).enumerate() {
            near(expected, found).map_err(|error| format!("output {at}: {error}"))?;
        }
        Ok(found)
    }

    /// Asserts that both give the same, and gives it.
    pub(super) fn same(&self, inputs: Inputs<'_>) -> Vec<Tensor> {
        self.compared(inputs).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs both: neither can, and the engine says that the input is why.
    pub(super) fn refused(&self, inputs: Inputs<'_>) -> Error {
        let inputs = values(inputs);
        self.reference.run(&inputs).expect_err("the references refuse");
        let error = self.engine.run(&inputs).expect_err("the engine refuses");
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        error
    }
}

/// Whether tensors are the same: floats to 1e-5 of the largest, all else exactly.
fn near(expected: &Tensor, found: &Tensor) -> Result<(), String> {
    if expected.ty() != found.ty() {
        return Err(format!("{} instead of {}", found.ty(), expected.ty()));
    }
    if !expected.dtype.is_float() {
        let is_same = expected.bytes() == found.bytes();
        return is_same.then_some(()).ok_or_else(|| format!("{found:?} instead of {expected:?}"));
    }
    let (x, y) = (reals(expected).expect("numbers"), reals(found).expect("numbers"));
    let largest = x.iter().filter(|x| x.is_finite()).fold(1.0f64, |most, x| most.max(x.abs()));
    let most = 1e-5 * largest;
    let is_same = |x: &f64, y: &f64| x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= most;
    match x.iter().zip(&y).position(|(x, y)| !is_same(x, y)) {
        Some(at) => {
            Err(format!("{} instead of {}, element {at} of {}", y[at], x[at], expected.ty()))
        }
        None => Ok(()),
    }
}
