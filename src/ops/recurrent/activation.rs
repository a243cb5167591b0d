//! The activations of recurrent layers.

use crate::error::{Error, Result};
use crate::ops::Call;
use crate::ops::activation::{sigmoid, softplus};

/// A function by its ONNX name, and its parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activation {
    function: fn(f64, f64, f64) -> f64,
    alpha: f64,
    beta: f64,
}

/// A function of x, alpha and beta, and the defaults of those that it has.
type Entry = (&'static str, fn(f64, f64, f64) -> f64, Option<f64>, Option<f64>);

static ACTIVATIONS: &[Entry] = &[
    ("Affine", |x, alpha, beta| alpha * x + beta, Some(1.0), Some(0.0)),
    ("Elu", |x, alpha, _| if x >= 0.0 { x } else { alpha * x.exp_m1() }, Some(1.0), None),
    ("HardSigmoid", |x, alpha, beta| (alpha * x + beta).clamp(0.0, 1.0), Some(0.2), Some(0.5)),
    ("LeakyRelu", |x, alpha, _| if x >= 0.0 { x } else { alpha * x }, Some(0.01), None),
    ("Relu", |x, _, _| if x < 0.0 { 0.0 } else { x }, None, None),
    ("ScaledTanh", |x, alpha, beta| alpha * (beta * x).tanh(), Some(1.0), Some(1.0)),
    ("Sigmoid", |x, _, _| sigmoid(x), None, None),
    ("Softplus", |x, _, _| softplus(x), None, None),
    ("Softsign", |x, _, _| x / (1.0 + x.abs()), None, None),
    ("Tanh", |x, _, _| x.tanh(), None, None),
    ("ThresholdedRelu", |x, alpha, _| if x >= alpha { x } else { 0.0 }, Some(1.0), None),
];

impl Activation {
    /// Those of all directions, one after the other. Functions take the values of
    /// `activation_alpha` and `activation_beta` in their order, those that have such a parameter.
    pub(super) fn all(call: &Call<'_>, directions: usize, default: &[&str]) -> Result<Vec<Self>> {
        let given = call.strings("activations")?;
        let count = directions * default.len();
        let names: Vec<String> = match given {
            Some(names) => {
                names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
            }
            None => default.iter().cycle().take(count).map(|name| name.to_string()).collect(),
        };
        if names.len() != count {
            return Err(Error::input(format!("{} activations instead of {count}", names.len())));
        }
        let mut alphas = call.floats("activation_alpha")?.unwrap_or_default().into_iter();
        let mut betas = call.floats("activation_beta")?.unwrap_or_default().into_iter();
        let mut one = |name: String| {
            let entry = ACTIVATIONS.iter().find(|entry| entry.0.eq_ignore_ascii_case(&name));
            let &(_, function, alpha, beta) =
                entry.ok_or_else(|| Error::input(format!("there is no activation {name:?}")))?;
            let take = |default: Option<f64>, given: &mut std::vec::IntoIter<f64>| {
                default.map_or(0.0, |default| given.next().unwrap_or(default))
            };
            let (alpha, beta) = (take(alpha, &mut alphas), take(beta, &mut betas));
            Ok(Self { function, alpha, beta })
        };
        names.into_iter().map(&mut one).collect()
    }

    pub(super) fn of(self, x: f64) -> f64 {
        (self.function)(x, self.alpha, self.beta)
    }
}
