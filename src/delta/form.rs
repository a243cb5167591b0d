//! The forms in which PEFT stores changes of weights.

use super::numbers::{matrix, tensor};
use crate::adapter::Adapter;
use crate::error::{Error, Result};
use peftc_delta::dora::{self, Dora};
use peftc_delta::{Factors, Form as Arithmetic, Matrix, Rows};
use std::collections::BTreeMap;

/// The part that is added to a bias.
pub(super) const BIAS: &str = "lora_B.bias";

/// DoRA's; older versions of PEFT put `.weight` behind it.
const MAGNITUDE: &str = "lora_magnitude_vector";

/// What stands behind a module's name in those of its tensors.
const PARTS: [&str; 22] = [
    BIAS,
    MAGNITUDE,
    "lora_magnitude_vector.weight",
    "lora_A.weight",
    "lora_B.weight",
    "lora_embedding_A",
    "lora_embedding_B",
    "lora_A",
    "lora_B",
    "lora_E",
    "hada_w1_a",
    "hada_w1_b",
    "hada_w2_a",
    "hada_w2_b",
    "hada_t1",
    "lokr_w1",
    "lokr_w1_a",
    "lokr_w1_b",
    "lokr_w2",
    "lokr_w2_a",
    "lokr_w2_b",
    "lokr_t2",
];

/// The module and the part that a tensor is of, unless it replaces a parameter.
pub(super) fn part(name: &str) -> Option<(&str, &'static str)> {
    PARTS.into_iter().find_map(|part| Some((name.strip_suffix(part)?.strip_suffix('.')?, part)))
}

/// What kind of layer a change is for: how its A and B are stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Layer {
    /// A `[r, in]`, B `[out, r]`.
    Linear,
    /// `lora_embedding_A` `[r, entries]`, `lora_embedding_B` `[features, r]`.
    Embedding,
    /// A `[r, in, kernel…]`, B `[out, r, 1…]`.
    Convolution {
        /// Sizes of A behind the rank.
        kernel: Vec<i64>,
    },
}

/// The tensors of a change, by name.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// B·A; of an embedding (B·A)ᵀ.
    Lora { a: String, b: String, is_embedding: bool },
    /// m·V/‖V‖ − W of each output, V = W + s·B·A: Liu et al., "DoRA", 2024.
    Dora { a: String, b: String, magnitudes: String },
    /// B·(A∘E).
    AdaLora { a: String, b: String, e: String },
    /// (w1_a·w1_b)∘(w2_a·w2_b).
    Hadamard([String; 4]),
    /// w1⊗w2.
    Kronecker(Side, Side),
}

/// A matrix that is stored whole or as a product.
#[derive(Clone, Debug)]
pub(super) enum Side {
    Whole(String),
    Product(String, String),
}

impl Side {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Whole(name) => vec![name],
            Self::Product(left, right) => vec![left, right],
        }
    }
}

impl Form {
    pub(super) fn of(adapter: &Adapter, mut parts: BTreeMap<&str, String>) -> Result<Self> {
        if let Some(name) = ["hada_t1", "lokr_t2"].iter().find_map(|part| parts.get(part)) {
            return Err(Error::input(format!(
                "{name}: the Tucker form of convolutions (use_effective_conv2d) is not supported"
            )));
        }
        let has_magnitudes = parts.keys().any(|part| part.starts_with(MAGNITUDE));
        if adapter.config().uses_dora() && !has_magnitudes {
            return Err(Error::input(format!("use_dora is set, and there is no {MAGNITUDE}")));
        }
        let mut take =
            |part: &str| parts.remove(part).ok_or_else(|| Error::input(format!("has no {part}")));
        let form = match adapter.peft_type() {
            "ADALORA" => {
                Self::AdaLora { a: take("lora_A")?, b: take("lora_B")?, e: take("lora_E")? }
            }
            "LOHA" => Self::Hadamard([
                take("hada_w1_a")?,
                take("hada_w1_b")?,
                take("hada_w2_a")?,
                take("hada_w2_b")?,
            ]),
            "LOKR" => {
                let mut side = |whole: &str, left: &str, right: &str| match take(whole) {
                    Ok(name) => Ok(Side::Whole(name)),
                    Err(_) => Ok(Side::Product(take(left)?, take(right)?)),
                };
                let left = side("lokr_w1", "lokr_w1_a", "lokr_w1_b")?;
                Self::Kronecker(left, side("lokr_w2", "lokr_w2_a", "lokr_w2_b")?)
            }
            _ if has_magnitudes => Self::Dora {
                a: take("lora_A.weight")?,
                b: take("lora_B.weight")?,
                magnitudes: take(MAGNITUDE).or_else(|_| take("lora_magnitude_vector.weight"))?,
            },
            _ => match take("lora_embedding_A") {
                Ok(a) => Self::Lora { a, b: take("lora_embedding_B")?, is_embedding: true },
                Err(_) => {
                    let (a, b) = (take("lora_A.weight")?, take("lora_B.weight")?);
                    Self::Lora { a, b, is_embedding: false }
                }
            },
        };
        match parts.into_values().next() {
            None => Ok(form),
            Some(name) => {
                let kind = adapter.peft_type();
                Err(Error::input(format!("{name} is no tensor of {kind}")))
            }
        }
    }

    /// Whether it is AdaLoRA's of a module that lost all of its rank, and changes nothing.
    pub(super) fn is_pruned(&self, adapter: &Adapter) -> Result<bool> {
        let Self::AdaLora { a, b, e } = self else { return Ok(false) };
        let mut is_pruned = true;
        for name in [a, b, e] {
            is_pruned &= tensor(adapter, name)?.element_count() == Some(0);
        }
        Ok(is_pruned)
    }

    /// Refuses tensors that are no matrices, or without elements.
    pub(super) fn check(&self, adapter: &Adapter) -> Result<()> {
        for name in self.parts().1 {
            let dims = &tensor(adapter, name)?.dims;
            if dims.len() < 2 || dims.contains(&0) {
                return Err(Error::input(format!(
                    "{name} is {dims:?}: a matrix with elements is expected"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn is_embedding(&self) -> bool {
        matches!(self, Self::Lora { is_embedding: true, .. })
    }

    /// The tensor of DoRA's norms of the outputs' weights.
    pub(super) fn magnitudes(&self) -> Option<&str> {
        let Self::Dora { magnitudes, .. } = self else { return None };
        Some(magnitudes)
    }

    /// The layer, as far as the tensors tell: those of LoHa and AdaLoRA do not tell a convolution's kernel.
    pub(super) fn layer(&self, adapter: &Adapter) -> Result<Layer> {
        let dims = |name: &str| tensor(adapter, name).map(|tensor| tensor.dims.as_slice());
        let (inputs, dims) = match self {
            Self::Lora { is_embedding: true, .. } => return Ok(Layer::Embedding),
            Self::Lora { a, .. } => (1, dims(a)?),
            Self::Kronecker(Side::Whole(left) | Side::Product(_, left), Side::Whole(right)) => {
                (dims(left)?[1], dims(right)?)
            }
            _ => return Ok(Layer::Linear),
        };
        Ok(match dims {
            [_, own, size @ ..] if !size.is_empty() => {
                Layer::Convolution { kernel: [&[inputs * own], size].concat() }
            }
            _ => Layer::Linear,
        })
    }

    /// How the change follows from its tensors, and their names. Of an embedding it is the
    /// transposition, of DoRA B·A alone.
    pub(super) fn parts(&self) -> (Arithmetic, Vec<&str>) {
        match self {
            Self::Lora { a, b, .. } | Self::Dora { a, b, .. } => (Arithmetic::Product, vec![b, a]),
            Self::AdaLora { a, b, e } => (Arithmetic::Scaled, vec![b, a, e]),
            Self::Hadamard(parts) => {
                (Arithmetic::Hadamard, parts.iter().map(String::as_str).collect())
            }
            Self::Kronecker(left, right) => {
                let is_product = |side: &Side| matches!(side, Side::Product(..));
                let (of_left, of_right) = (is_product(left), is_product(right));
                let names = [left.names(), right.names()].concat();
                (Arithmetic::Kronecker { left: of_left, right: of_right }, names)
            }
        }
    }

    /// The change without its scale.
    pub(super) fn factors(&self, adapter: &Adapter) -> Result<Factors> {
        let (arithmetic, names) = self.parts();
        let matrices = names.iter().map(|name| matrix(adapter, name)).collect::<Result<_>>()?;
        let factors = arithmetic.factors(matrices);
        factors.map_err(|e| Error::input(format!("{}: {e}", names.join(", "))))
    }

    /// s: α/r, α/√r of rsLoRA; of AdaLoRA, as PEFT computes it, α/(r + 1e-5) of the r before
    /// pruning, with the r that is left for an α that is not above 0.
    pub(super) fn scale(&self, adapter: &Adapter, module: &str) -> Result<f64> {
        let config = adapter.config();
        let of_config = |key: &str| {
            let number = config.get(key).and_then(serde_json::Value::as_f64);
            number.ok_or_else(|| Error::input(format!("adapter_config.json has no {key:?}")))
        };
        let number = |pattern: &str, key: &str| {
            config.pattern(pattern, module)?.map_or_else(|| of_config(key), Ok)
        };
        let rows = |name: &str| Ok::<_, Error>(tensor(adapter, name)?.dims[0] as f64);
        match self {
            Self::Lora { a, .. } | Self::Dora { a, .. } => {
                let (alpha, rank) = (number("alpha_pattern", "lora_alpha")?, rows(a)?);
                let is_rslora = config.get("use_rslora") == Some(&serde_json::Value::Bool(true));
                Ok(alpha / if is_rslora { rank.sqrt() } else { rank })
            }
            Self::AdaLora { a, .. } => {
                let (alpha, first, left) =
                    (of_config("lora_alpha")?, of_config("init_r")?, rows(a)?);
                if left > first {
                    return Err(Error::input(format!("{a} has {left} rows, init_r is {first}")));
                }
                Ok(if alpha > 0.0 { alpha } else { left } / (first + 1e-5))
            }
            Self::Hadamard(_) | Self::Kronecker(..) => {
                Ok(number("alpha_pattern", "alpha")? / number("rank_pattern", "r")?)
            }
        }
    }
}

/// DoRA's change of a weight `[out, in]`.
pub(super) fn dora(weight: &Matrix, change: Factors, magnitudes: &[f64]) -> Result<Matrix> {
    let scales = dora::scales(weight, &change, magnitudes, 0..weight.rows());
    let scales = scales.map_err(|e| Error::input(e.to_string()))?;
    Ok(Dora::new(weight, change, scales).dense())
}
