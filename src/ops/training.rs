//! Operators of ai.onnx.preview.training: one step of an optimizer. `Gradient` is made of other
//! operators before a model is run.

use super::numbers::{integers, of_floats, one, reals};
use super::{Call, Operator, Value};
use crate::error::{Error, Result};
use crate::ir::Tensor;

const fn op(name: &'static str, compute: super::Compute) -> Operator {
    Operator::new("ai.onnx.preview.training", name, compute)
}

pub(super) static OPERATORS: &[Operator] =
    &[op("Adagrad", adagrad), op("Adam", adam), op("Momentum", momentum)];

/// R and T: the learning rate, and how many updates there were.
fn progress(call: &Call<'_>) -> Result<(f64, f64)> {
    let count = one("T", &integers(call.input(1)?)?)?;
    Ok((one("R", &reals(call.input(0)?)?)?, count as f64))
}

/// Changes all tensors by a function of their elements: of x, its gradient and N − 1 numbers of
/// state to the new x and the new state. Inputs are all x, then all gradients, then the state.
fn update<const N: usize>(
    call: &Call<'_>,
    change: impl Fn([f64; N], f64) -> [f64; N],
) -> Result<Vec<Value>> {
    let given: Vec<&Tensor> =
        (2..call.inputs.len()).map(|at| call.input(at)).collect::<Result<_>>()?;
    let count = given.len() / (N + 1);
    if given.len() != count * (N + 1) || count == 0 {
        let what = format!("there are {} inputs behind R and T", given.len());
        return Err(Error::input(what).help(format!("{} for each tensor", N + 1)));
    }
    let mut made: [Vec<Value>; N] = std::array::from_fn(|_| Vec::new());
    for at in 0..count {
        let x = given[at];
        let own: Vec<&Tensor> = (0..=N).map(|group| given[group * count + at]).collect();
        if let Some(other) = own.iter().find(|other| other.dims != x.dims || other.dtype != x.dtype)
        {
            return Err(Error::input(format!("tensor {at} is {}, and has {}", x.ty(), other.ty())));
        }
        let numbers: Vec<Vec<f64>> =
            own.iter().map(|tensor| reals(tensor)).collect::<Result<_>>()?;
        let element = |place: usize| {
            // The gradient stands second.
            let state = |part: usize| numbers[if part == 0 { 0 } else { part + 1 }][place];
            change(std::array::from_fn(state), numbers[1][place])
        };
        let changed: Vec<[f64; N]> = (0..numbers[0].len()).map(element).collect();
        for (part, made) in made.iter_mut().enumerate() {
            let numbers: Vec<f64> = changed.iter().map(|all| all[part]).collect();
            made.push(of_floats(x.dtype, &x.dims, &numbers)?.into());
        }
    }
    Ok(made.into_iter().flatten().collect())
}

/// J. Duchi, E. Hazan, Y. Singer: Adaptive subgradient methods (2011).
fn adagrad(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, count) = progress(call)?;
    let (norm, epsilon) = (call.float("norm_coefficient")?, call.float("epsilon")?);
    let rate = rate / (1.0 + count * call.float("decay_factor")?);
    update(call, |[x, squares], gradient| {
        let gradient = norm * x + gradient;
        let squares = squares + gradient * gradient;
        [x - rate * gradient / (squares.sqrt() + epsilon), squares]
    })
}

/// D. Kingma, J. Ba: Adam, a method for stochastic optimization (2014).
fn adam(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, count) = progress(call)?;
    let (alpha, beta) = (call.float("alpha")?, call.float("beta")?);
    let (norm, epsilon) = (call.float("norm_coefficient")?, call.float("epsilon")?);
    let left = 1.0 - call.float("norm_coefficient_post")?;
    let rate = match count > 0.0 {
        true => rate * (1.0 - beta.powf(count)).sqrt() / (1.0 - alpha.powf(count)),
        false => rate,
    };
    update(call, |[x, mean, squares], gradient| {
        let gradient = norm * x + gradient;
        let mean = alpha * mean + (1.0 - alpha) * gradient;
        let squares = beta * squares + (1.0 - beta) * gradient * gradient;
        [left * (x - rate * mean / (squares.sqrt() + epsilon)), mean, squares]
    })
}

fn momentum(call: &Call<'_>) -> Result<Vec<Value>> {
    let (rate, count) = progress(call)?;
    let (alpha, norm) = (call.float("alpha")?, call.float("norm_coefficient")?);
    let beta = if count > 0.0 { call.float("beta")? } else { 1.0 };
    let is_nesterov = match call.string("mode")?.as_str() {
        "nesterov" => true,
        "standard" => false,
        other => {
            let error = Error::input(format!("mode is {other:?}"));
            return Err(error.help("nesterov and standard are accepted"));
        }
    };
    update(call, |[x, momentum], gradient| {
        let gradient = norm * x + gradient;
        let momentum = alpha * momentum + beta * gradient;
        let step = if is_nesterov { gradient + alpha * momentum } else { momentum };
        [x - rate * step, momentum]
    })
}
