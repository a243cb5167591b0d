//! The non-linearities that AdapterHub knows: those of transformers, and its own `leakyrelu`.

use crate::builder::Builder;
use peftc_plugin::{Attr, Error, Result, Value};

/// A non-linearity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Activation {
    Relu,
    Gelu,
    GeluTanh,
    Gelu10,
    QuickGelu,
    Silu,
    LeakyRelu,
    Linear,
    Mish,
    Relu2,
    Relu6,
    Sigmoid,
    Tanh,
    Laplace,
    /// Its slope for negative numbers is a parameter.
    Prelu,
}

/// Each by its names; the first is the one in reports.
const NAMES: [(Activation, &[&str]); 15] = [
    (Activation::Relu, &["relu"]),
    (Activation::Gelu, &["gelu", "gelu_python"]),
    (Activation::GeluTanh, &["gelu_new", "gelu_pytorch_tanh", "gelu_accurate", "gelu_fast"]),
    (Activation::Gelu10, &["gelu_10"]),
    (Activation::QuickGelu, &["quick_gelu"]),
    (Activation::Silu, &["swish", "silu"]),
    (Activation::LeakyRelu, &["leakyrelu", "leaky_relu"]),
    (Activation::Linear, &["linear"]),
    (Activation::Mish, &["mish"]),
    (Activation::Relu2, &["relu2"]),
    (Activation::Relu6, &["relu6"]),
    (Activation::Sigmoid, &["sigmoid"]),
    (Activation::Tanh, &["tanh"]),
    (Activation::Laplace, &["laplace"]),
    (Activation::Prelu, &["prelu"]),
];

impl Activation {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let lower = name.to_lowercase();
        let found = NAMES.iter().find(|(_, names)| names.contains(&lower.as_str()));
        found.map(|(activation, _)| *activation).ok_or_else(|| {
            let known: Vec<&str> =
                NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
            Error::unsupported(format!("unknown activation {name:?}; known: {}", known.join(", ")))
        })
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(activation, _)| *activation == self).map_or("", |(_, names)| names[0])
    }

    /// Applies it; `slope` is the parameter of [`Prelu`](Self::Prelu).
    pub(crate) fn apply(
        self,
        b: &Builder<'_, '_>,
        x: Value,
        slope: Option<Value>,
    ) -> Result<Value> {
        match self {
            Self::Linear => Ok(x),
            Self::Relu => b.act("Relu", &[x]),
            Self::Sigmoid => b.act("Sigmoid", &[x]),
            Self::Tanh => b.act("Tanh", &[x]),
            Self::Silu => b.act("Mul", &[x, b.act("Sigmoid", &[x])?]),
            Self::QuickGelu => {
                let scaled = b.act("Mul", &[x, b.scalar(1.702)?])?;
                b.act("Mul", &[x, b.act("Sigmoid", &[scaled])?])
            }
            Self::LeakyRelu => b.node("act", "LeakyRelu", &[x], vec![("alpha", Attr::Float(0.01))]),
            Self::Prelu => {
                let slope = slope.ok_or_else(|| Error::invalid("prelu without its slope"))?;
                b.act("PRelu", &[x, slope])
            }
            Self::Relu2 => {
                let positive = b.act("Relu", &[x])?;
                b.act("Mul", &[positive, positive])
            }
            Self::Relu6 => b.act("Clip", &[x, b.scalar(0.0)?, b.scalar(6.0)?]),
            Self::Mish => {
                let soft = b.act("Softplus", &[x])?;
                b.act("Mul", &[x, b.act("Tanh", &[soft])?])
            }
            Self::Gelu => gelu(b, x),
            Self::Gelu10 => b.act("Clip", &[gelu(b, x)?, b.scalar(-10.0)?, b.scalar(10.0)?]),
            Self::GeluTanh => gelu_tanh(b, x),
            Self::Laplace => {
                let centered = b.act("Sub", &[x, b.scalar(LAPLACE_MEAN)?])?;
                let scaled =
                    b.act("Div", &[centered, b.scalar(LAPLACE_DEVIATION * 2f64.sqrt())?])?;
                half_of_one_plus(b, b.act("Erf", &[scaled])?)
            }
        }
    }
}

/// μ and σ of Laplace, with the digits that transformers has.
#[expect(clippy::approx_constant, reason = "transformers does not use 1/√2 itself")]
const LAPLACE_MEAN: f64 = 0.707_107;
const LAPLACE_DEVIATION: f64 = 0.282_095;

/// x · ½(1 + erf(x/√2))
fn gelu(b: &Builder<'_, '_>, x: Value) -> Result<Value> {
    let scaled = b.act("Div", &[x, b.scalar(2f64.sqrt())?])?;
    b.act("Mul", &[x, half_of_one_plus(b, b.act("Erf", &[scaled])?)?])
}

/// x · ½(1 + tanh(√(2/π)(x + 0.044715x³)))
fn gelu_tanh(b: &Builder<'_, '_>, x: Value) -> Result<Value> {
    let square = b.act("Mul", &[x, x])?;
    let cube = b.act("Mul", &[b.act("Mul", &[square, x])?, b.scalar(0.044_715)?])?;
    let scale = b.scalar((2.0 / std::f64::consts::PI).sqrt())?;
    let inner = b.act("Mul", &[b.act("Add", &[x, cube])?, scale])?;
    b.act("Mul", &[x, half_of_one_plus(b, b.act("Tanh", &[inner])?)?])
}

fn half_of_one_plus(b: &Builder<'_, '_>, x: Value) -> Result<Value> {
    b.act("Mul", &[b.act("Add", &[x, b.scalar(1.0)?])?, b.scalar(0.5)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_activation() {
        let names: Vec<&str> = NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(names.len(), 21);
        for (activation, all) in NAMES {
            for name in all {
                assert_eq!(Activation::parse(name).ok(), Some(activation), "{name}");
            }
        }
        assert_eq!(Activation::parse("ReLU").ok(), Some(Activation::Relu));
    }

    #[test]
    fn an_unknown_activation_is_named_with_those_known() {
        let text = Activation::parse("swosh").expect_err("it is unknown").to_string();
        assert!(
            text.contains("swosh") && text.contains("swish") && text.contains("relu6"),
            "{text}"
        );
    }
}
