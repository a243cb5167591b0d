//! The adapter's tensors by what they are for.

use peftc_plugin::{AttentionInfo, Error, Result, Run, Stack, TensorView};
use std::collections::{BTreeMap, BTreeSet};

/// What stands before all that is of a prefix; before it the path of an attention layer, or of the
/// model.
const CONTAINER: &str = "prefix_tuning.";
const POOL: &str = "pool.prefix_tunings.";
const PREFIXES: &str = "prefix_tunings.";
const GATES: &str = "prefix_gates.";

/// A half of an encoder–decoder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Encoder,
    Decoder,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Encoder => Self::Decoder,
            Self::Decoder => Self::Encoder,
        }
    }

    /// The half that a path is in.
    fn of_path(path: &str) -> Option<Self> {
        path.split('.').find_map(|part| match part {
            "encoder" => Some(Self::Encoder),
            "decoder" => Some(Self::Decoder),
            _ => None,
        })
    }

    fn of_prefix(name: &str) -> Self {
        if name == "encoder_prefix" { Self::Encoder } else { Self::Decoder }
    }
}

/// The full names of a tensor: every attention layer has a copy.
pub(super) type Copies<'a> = Vec<&'a str>;

/// The tensors of an adapter, grouped.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    /// Tensors by name below a prefix (`control_trans`), by name of the prefix (`self_prefix`).
    pub(super) prefixes: BTreeMap<&'a str, BTreeMap<&'a str, Copies<'a>>>,
    /// Gates by name below them (`weight`), by path of the attention layer.
    gates: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
    /// The paths of attention layers that have copies: all, those without a prefix too.
    places: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// Groups tensors by their names. Those that are of no known form are left to the host,
    /// which refuses an adapter with tensors nobody used.
    pub(super) fn of(names: &[&'a str]) -> Self {
        let mut keys = Self::default();
        for &name in names {
            let Some((place, below)) = split(name) else { continue };
            if let Some(leaf) = below.strip_prefix(GATES) {
                keys.gates.entry(place).or_default().insert(leaf, name);
                continue;
            }
            let (is_copy, below) = match below.strip_prefix(POOL) {
                Some(below) => (true, Some(below)),
                None => (false, below.strip_prefix(PREFIXES)),
            };
            let Some((prefix, leaf)) = below.and_then(|below| below.split_once('.')) else {
                continue;
            };
            if is_copy {
                keys.places.insert(place);
            }
            keys.prefixes.entry(prefix).or_default().entry(leaf).or_default().push(name);
        }
        keys
    }

    /// The half of the adapter's model that this model is: a decoder, which has cross-attention;
    /// or an encoder whose modules are those that the adapter names.
    pub(super) fn half(&self, sites: &[AttentionInfo<'_>]) -> Option<Side> {
        let has = |stack| sites.iter().any(|site| site.stack == stack);
        let is_named = |site: &AttentionInfo<'_>| {
            let mut encoders = self.places_of(Some(Side::Encoder));
            encoders
                .any(|place| site.module == place || site.module.ends_with(&format!(".{place}")))
        };
        if has(Stack::Cross) {
            let is_for_both = self.prefixes.contains_key("encoder_prefix") || self.has_both_sides();
            return (!has(Stack::Encoder) && is_for_both).then_some(Side::Decoder);
        }
        let is_encoder = match self.has_both_sides() {
            true => sites.iter().all(is_named),
            false => self.prefixes.keys().eq(&["encoder_prefix"]),
        };
        is_encoder.then_some(Side::Encoder)
    }

    /// Takes out what is of the other half, with a note.
    pub(super) fn leave_other_half(&mut self, run: &Run<'_>, half: Side) -> Result<()> {
        let other = half.other();
        let mut left: Vec<&str> = Vec::new();
        let mut tensors: Vec<&str> = Vec::new();
        self.prefixes.retain(|name, own| {
            let is_left = Side::of_prefix(name) == other;
            if is_left {
                left.push(name);
                tensors.extend(own.values().flatten());
            }
            !is_left
        });
        self.gates.retain(|place, own| {
            let is_left = Side::of_path(place) == Some(other);
            if is_left {
                tensors.extend(own.values());
            }
            !is_left
        });
        // Reading a tensor is what marks it as used.
        tensors.iter().try_for_each(|name| run.adapter_tensor(name).map(drop))?;
        if !left.is_empty() {
            let (half, other) = (half.name(), other.name());
            run.note(&format!(
                "the model is the {half} alone: what is of the {other} ({}) is left out; it belongs into the {other}'s model",
                left.join(", ")
            ));
        }
        Ok(())
    }

    /// The model has as many attention layers as the adapter's.
    pub(super) fn check_layers(
        &self,
        sites: &[AttentionInfo<'_>],
        half: Option<Side>,
    ) -> Result<()> {
        let layers = self.places_of(half).count();
        match layers == 0 || layers == sites.len() {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "the prefix is for a model of {layers} layers of attention, this one has {}: `peftc inspect --sites` \
                 lists them",
                sites.len()
            ))),
        }
    }

    /// How many layers the encoder of the adapter's model has.
    pub(super) fn encoder_layers(&self) -> Result<usize> {
        match self.places_of(Some(Side::Encoder)).count() {
            0 => Err(Error::invalid(
                "the model is the decoder alone, and the adapter does not say how many layers the encoder has, behind \
                 which its leave_out counts those of the decoder",
            )),
            layers => Ok(layers),
        }
    }

    /// The weight and the bias of a site's gate.
    pub(super) fn gate(
        &self,
        site: &AttentionInfo<'_>,
        half: Option<Side>,
    ) -> Result<[&'a str; 2]> {
        let side = match site.stack {
            Stack::Encoder => Some(Side::Encoder),
            Stack::Decoder | Stack::Cross => Some(Side::Decoder),
            Stack::Only => half,
        };
        let is_of = |place: &str| {
            (!self.has_both_sides() || Side::of_path(place) == side)
                && layer(place) == Some(site.layer)
                && is_cross(place) == (site.stack == Stack::Cross)
        };
        let found = self.gates.iter().find(|(place, _)| is_of(place)).map(|(_, own)| own);
        let leaf = |leaf: &str| {
            found.and_then(|own| own.get(leaf)).copied().ok_or_else(|| {
                Error::invalid(format!(
                    "{}: the adapter has no {leaf} of a gate for it",
                    site.module
                ))
            })
        };
        Ok([leaf("weight")?, leaf("bias")?])
    }

    /// The paths of attention layers in a half, or of all.
    fn places_of(&self, half: Option<Side>) -> impl Iterator<Item = &'a str> {
        let is_of = move |place: &&str| half.is_none() || Side::of_path(place) == half;
        self.places.iter().copied().filter(is_of)
    }

    fn has_both_sides(&self) -> bool {
        let paths = || self.places.iter().chain(self.gates.keys());
        let has = |side| paths().any(|path| Side::of_path(path) == Some(side));
        has(Side::Encoder) && has(Side::Decoder)
    }
}

/// The first of the copies of a tensor, which have to be the same.
pub(super) fn same<'a>(run: &Run<'a>, copies: &[&'a str]) -> Result<(&'a str, TensorView<'a>)> {
    let [first, copies @ ..] = copies else {
        return Err(Error::invalid("the adapter lacks a tensor"));
    };
    let tensor = run.adapter_tensor(first)?;
    for copy in copies {
        let other = run.adapter_tensor(copy)?;
        if (tensor.dtype, tensor.dims, tensor.bytes) != (other.dtype, other.dims, other.bytes) {
            return Err(Error::invalid(format!(
                "{first} and {copy} are one tensor in AdapterHub, but differ in the adapter"
            )));
        }
    }
    Ok((first, tensor))
}

/// The path before the container, and what stands behind it.
fn split(name: &str) -> Option<(&str, &str)> {
    match name.strip_prefix(CONTAINER) {
        Some(below) => Some(("", below)),
        None => {
            let at = name.find(&format!(".{CONTAINER}"))?;
            Some((&name[..at], &name[at + 1 + CONTAINER.len()..]))
        }
    }
}

/// The layer in a path: its first part that is a number.
fn layer(path: &str) -> Option<usize> {
    path.split('.').find_map(|part| part.parse().ok())
}

/// Whether a path is of a cross-attention.
fn is_cross(path: &str) -> bool {
    path.split('.').any(|part| {
        part.to_lowercase().contains("cross") || part.contains("EncDec") || part == "encoder_attn"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_grouped() {
        let names = [
            "bert.encoder.layer.0.attention.self.prefix_tuning.pool.prefix_tunings.self_prefix.control_trans",
            "bert.encoder.layer.0.attention.self.prefix_tuning.prefix_gates.weight",
            "bert.prefix_tuning.prefix_tunings.self_prefix.control_trans",
            "bert.pooler.weight",
        ];
        let keys = Keys::of(&names);
        assert_eq!(keys.prefixes["self_prefix"]["control_trans"], [names[0], names[2]]);
        assert_eq!(keys.gates["bert.encoder.layer.0.attention.self"]["weight"], names[1]);
        assert_eq!(keys.places.len(), 1);
    }

    #[test]
    fn places_of_attention() {
        let cases = [
            ("decoder.block.3.layer.1.EncDecAttention", Some(Side::Decoder), 3, true),
            ("encoder.block.0.layer.0.SelfAttention", Some(Side::Encoder), 0, false),
            ("model.decoder.layers.2.encoder_attn", Some(Side::Decoder), 2, true),
            ("transformer.h.11.attn", None, 11, false),
        ];
        for (path, side, number, crosses) in cases {
            assert_eq!(Side::of_path(path), side, "{path}");
            assert_eq!(layer(path), Some(number), "{path}");
            assert_eq!(is_cross(path), crosses, "{path}");
        }
    }
}
