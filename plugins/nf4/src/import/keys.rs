//! The checkpoint's tensors by what they are for.

use crate::codec::QuantType;
use peftc_plugin::{Error, Result};
use std::collections::BTreeSet;

/// What stands beside the codes of a weight.
const PARTS: [&str; 4] = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"];
const STATES: [(&str, QuantType); 2] = [
    (".quant_state.bitsandbytes__nf4", QuantType::Nf4),
    (".quant_state.bitsandbytes__fp4", QuantType::Fp4),
];

/// A weight that is quantized.
#[derive(Debug, PartialEq)]
pub(crate) struct Key<'a> {
    /// The name of its codes: `MODULE.weight`.
    pub(crate) name: &'a str,
    pub(crate) module: &'a str,
    /// The name of the tensor that says how it is quantized.
    pub(crate) state: &'a str,
    pub(crate) quant_type: QuantType,
}

/// The tensors of a checkpoint, grouped.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Keys<'a> {
    pub(crate) quantized: Vec<Key<'a>>,
    /// Tensors that are stored as they are.
    pub(crate) plain: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// Groups tensors by their names.
    ///
    /// # Errors
    /// A part of a weight without the others, or a weight that is quantized otherwise.
    pub(crate) fn of(names: &[&'a str]) -> Result<Self> {
        let mut keys = Self::default();
        for &state in names {
            let Some((name, quant_type)) = STATES
                .iter()
                .find_map(|&(suffix, quant_type)| Some((state.strip_suffix(suffix)?, quant_type)))
            else {
                continue;
            };
            let module = name.strip_suffix(".weight").ok_or_else(|| {
                Error::unsupported(format!(
                    "{name} is quantized, but is not the weight of a linear layer"
                ))
            })?;
            keys.quantized.push(Key { name, module, state, quant_type });
        }
        let weights: BTreeSet<&str> = keys.quantized.iter().map(|key| key.name).collect();
        for &name in names {
            let part = PARTS.iter().find_map(|part| name.strip_suffix(part));
            match part {
                _ if name.contains(".quant_state.bitsandbytes__") || weights.contains(name) => {}
                Some(weight) if weights.contains(weight) => {}
                Some(weight) => {
                    return Err(Error::invalid(format!(
                        "the checkpoint has {name}, but no {weight}{} that says how the weight is quantized",
                        STATES[0].0
                    )));
                }
                None if name.ends_with(".SCB") => {
                    return Err(Error::unsupported(format!(
                        "the checkpoint has {name}: a weight in 8 bits (load_in_8bit); 4 bits can be imported"
                    )));
                }
                None => keys.plain.push(name),
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_grouped() {
        let names = [
            "m.norm.weight",
            "m.q.bias",
            "m.q.weight",
            "m.q.weight.absmax",
            "m.q.weight.quant_map",
            "m.q.weight.quant_state.bitsandbytes__fp4",
        ];
        let keys = Keys::of(&names).expect("they are of a checkpoint");
        let expected =
            Key { name: "m.q.weight", module: "m.q", state: names[5], quant_type: QuantType::Fp4 };
        assert_eq!(keys.quantized, [expected]);
        assert_eq!(keys.plain, ["m.norm.weight", "m.q.bias"]);
    }

    #[test]
    fn what_is_no_whole_weight_is_named() {
        for (names, expected) in [
            (&["m.q.weight", "m.q.weight.absmax"], "m.q.weight.absmax, but no m.q.weight.quant"),
            (&["m.q.SCB", "m.q.weight"], "m.q.SCB: a weight in 8 bits"),
            (&["m.up", "m.up.quant_state.bitsandbytes__nf4"], "m.up is quantized, but is not"),
        ] {
            let error = Keys::of(names).expect_err("not a checkpoint to import");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
