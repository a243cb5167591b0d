//! Adapters of a whole encoder–decoder on a model that is one half of it, as exports with past are.

use super::attention::{AttentionSites, Stack};
use super::block::{BlockSites, Sublayer};
use std::collections::BTreeSet;

/// What of an adapter is not for this model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut {
    /// The names of the tensors.
    pub names: BTreeSet<String>,
    /// What they are, for the report.
    pub notes: Vec<String>,
}

impl LeftOut {
    /// The tensors of the half that the model plainly is not, if the adapter has tensors for layers of
    /// both halves; of several as one, those of the adapters that have. A decoder has cross-attention, and
    /// nothing but sublayers of a decoder; where it takes keys and values of the cross-attention as inputs,
    /// tensors for the layers that make them are left out too. An encoder has all layers that the adapter names for it, and nothing else.
    pub fn find<'a, 'g>(
        names: impl Iterator<Item = &'a str>,
        blocks: impl FnOnce() -> &'g BlockSites,
        attention: impl FnOnce() -> &'g AttentionSites,
    ) -> Self {
        let mut names: Vec<Name<'_>> = names.filter_map(Name::parse).collect();
        let halves: BTreeSet<(&str, &str)> = names
            .iter()
            .filter(|name| name.layer.is_some())
            .map(|name| (name.adapter, name.half))
            .collect();
        let has = |adapter, half| halves.contains(&(adapter, half));
        names.retain(|name| has(name.adapter, "encoder") && has(name.adapter, "decoder"));
        let model = if names.is_empty() { None } else { half_of(blocks(), &names) };
        let Some((half, other)) = model else { return Self::default() };
        let mut left = Self::default();
        left.add(names.iter().filter(|name| name.half == other), |count| {
            format!(
                "the model is the {half} alone: the adapter's tensors for the {other} are left out ({count}); they belong into \
                 the {other}'s model"
            )
        });
        if half == "decoder" {
            let attention = attention();
            left.add(names.iter().filter(|name| makes_input(name, attention)), |count| {
                format!(
                    "the model takes keys and values of the cross-attention as inputs: the adapter's tensors for the \
                     layers that make them are left out ({count}); they belong into the model that has these layers"
                )
            });
        }
        left
    }

    fn add<'a>(
        &mut self,
        names: impl Iterator<Item = &'a Name<'a>>,
        note: impl Fn(usize) -> String,
    ) {
        let names: Vec<String> = names.map(|name| name.whole.to_owned()).collect();
        self.notes.extend((!names.is_empty()).then(|| note(names.len())));
        self.names.extend(names);
    }
}

/// The name of a tensor that is of one half.
struct Name<'a> {
    whole: &'a str,
    /// The number of the adapter, of several as one.
    adapter: &'a str,
    /// `encoder` or `decoder`: the first part of the name that is one.
    half: &'a str,
    /// The name from there on.
    below: &'a str,
    /// The beginning of `below` up to the number of the layer: `encoder.block.0`.
    layer: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// AdapterHub keeps a copy of its prefixes in every layer: these are for no layer, and have names that
    /// tell halves apart.
    fn parse(whole: &'a str) -> Option<Self> {
        let (adapter, name) = whole.split_once('/').unwrap_or(("", whole));
        let is_prefix = name.split('.').any(|part| part == "prefix_tuning");
        let below = from_half(name).filter(|_| !is_prefix)?;
        let half = below.split('.').next()?;
        let is_number = |part: &&str| part.parse::<u64>().is_ok();
        let layer = below.split('.').find(is_number).and_then(|number| {
            let end = below.find(&format!(".{number}."))?;
            below.get(..end + 1 + number.len())
        });
        Some(Self { whole, adapter, half, below, layer })
    }
}

/// A path from its first part that is `encoder` or `decoder` on.
fn from_half(path: &str) -> Option<&str> {
    let mut at = 0;
    for part in path.split('.') {
        if ["encoder", "decoder"].contains(&part) {
            return path.get(at..);
        }
        at += part.len() + 1;
    }
    None
}

/// The half that the model is, and the other.
fn half_of(blocks: &BlockSites, names: &[Name<'_>]) -> Option<(&'static str, &'static str)> {
    let sites = blocks.all();
    let are_all = |stack| sites.iter().all(|site| site.stack.as_deref() == Some(stack));
    let crosses = sites.iter().any(|site| site.sublayer == Sublayer::CrossAttention);
    if are_all("decoder") && crosses {
        return Some(("decoder", "encoder"));
    }
    let modules: Vec<&str> =
        sites.iter().filter_map(|site| from_half(site.module.as_deref()?)).collect();
    let is_there = |layer: &str| {
        modules.iter().any(|module| module.strip_prefix(layer).is_some_and(|m| m.starts_with('.')))
    };
    let mut layers =
        names.iter().filter(|name| name.half == "encoder").filter_map(|name| name.layer);
    (!sites.is_empty() && are_all("encoder") && layers.all(is_there))
        .then_some(("encoder", "decoder"))
}

/// Whether a tensor is for a layer that makes keys or values of cross-attention, where the model
/// has none: `decoder.block.0.layer.1.EncDecAttention.k`.
fn makes_input(name: &Name<'_>, attention: &AttentionSites) -> bool {
    attention.all().iter().any(|site| {
        let module = site.module.as_deref().and_then(from_half).unwrap_or(".");
        let layer = name.below.strip_prefix(module).and_then(|rest| rest.strip_prefix('.'));
        site.stack == Stack::Cross
            && matches!(site.projections, [Some(_), None, None])
            && layer.is_some_and(|layer| layer.starts_with(['k', 'v']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Sites;
    use crate::ir::text;

    const ENCODER: &str = "encoder.block.0.layer.0.SelfAttention.k.lora_A.weight";
    const DECODER: &str = "decoder.block.0.layer.0.SelfAttention.k.lora_A.weight";
    const KEYS: &str = "decoder.block.0.layer.1.EncDecAttention.k.lora_A.weight";

    /// A sublayer of attention, in a stack and a module, over other states than those it is added to.
    fn model(stack: &str, module: &str, states: &str) -> String {
        let at = |part: &str| format!("name \"/{stack}/{module}/{part}/MatMul\"");
        let (q, o, inner) = (at("q"), at("o"), format!("name \"/{stack}/{module}/MatMul\""));
        format!(
            "model ir=8 opset \"\"=17
             graph g(%x: f32[1, 5, 2], %e: f32[1, 1, 5, 2]) -> (%y) {{
             const %w = f32[2, 2] {{1, 2, 3, 4}}
             const %shape = i64[4] {{1, 5, 1, 2}}
             const %flat = i64[3] {{1, 5, 2}}
             %q = MatMul(%x, %w) {q}
             %q4 = Reshape(%q, %shape)
             %qh = Transpose(%q4) {{perm: ints [0, 2, 1, 3]}}
             {states}
             %t = Transpose(%kv) {{perm: ints [0, 1, 3, 2]}}
             %s = MatMul(%qh, %t) {inner}
             %p = Softmax(%s)
             %c = MatMul(%p, %kv)
             %c4 = Transpose(%c) {{perm: ints [0, 2, 1, 3]}}
             %c3 = Reshape(%c4, %flat)
             %o = MatMul(%c3, %w) {o}
             %y = Add(%o, %x)
             }}"
        )
    }

    fn left_out(model: &str, names: &[&str]) -> LeftOut {
        let graph = text::parse(model).unwrap_or_else(|e| panic!("{e}: {model}")).graph;
        let (blocks, attention) =
            (BlockSites::find(&graph, &Sites::find(&graph)), AttentionSites::find(&graph));
        LeftOut::find(names.iter().copied(), || &blocks, || &attention)
    }

    fn decoder() -> String {
        model("decoder", "block.0/layer.1/EncDecAttention", "%kv = Identity(%e)")
    }

    fn encoder() -> String {
        let states = "%k = MatMul(%x, %w) name \"/encoder/block.0/layer.0/SelfAttention/k/MatMul\"
             %k4 = Reshape(%k, %shape)
             %kv = Transpose(%k4) {perm: ints [0, 2, 1, 3]}";
        model("encoder", "block.0/layer.0/SelfAttention", states)
    }

    #[test]
    fn a_decoder_leaves_the_encoder_out_and_what_makes_its_inputs() {
        let queries = KEYS.replace(".k.", ".q.");
        let left = left_out(&decoder(), &[ENCODER, DECODER, KEYS, &queries, "lm_head.weight"]);
        assert_eq!(left.names.iter().collect::<Vec<_>>(), [KEYS, ENCODER]);
        assert!(left.notes[0].contains("for the encoder are left out (1)"), "{:?}", left.notes);
        assert!(left.notes[1].contains("make them are left out (1)"), "{:?}", left.notes);
    }

    #[test]
    fn an_encoder_leaves_the_decoder_out_if_the_adapter_is_for_its_layers() {
        let left = left_out(&encoder(), &[ENCODER, DECODER, KEYS]);
        assert_eq!(left.names.iter().collect::<Vec<_>>(), [DECODER, KEYS]);
        let other = ENCODER.replace("block.0", "block.1");
        assert_eq!(left_out(&encoder(), &[ENCODER, &other, DECODER]), LeftOut::default());
    }

    #[test]
    fn of_several_adapters_those_of_both_halves_are_cut() {
        let of = |n: usize, names: [&str; 2]| names.map(|name| format!("{n}/{name}"));
        let [encoder, decoder] = of(0, [ENCODER, DECODER]);
        let [alone, _] = of(1, [ENCODER, DECODER]);
        let left = left_out(&self::decoder(), &[&encoder, &decoder, &alone]);
        assert_eq!(left.names.iter().collect::<Vec<_>>(), [&encoder]);
        assert_eq!(left_out(&self::decoder(), &["0/lm_head.weight", &alone]), LeftOut::default());
    }

    #[test]
    fn an_adapter_of_one_half_is_never_cut() {
        let head = "cls.predictions.decoder.weight";
        assert_eq!(left_out(&encoder(), &[ENCODER, head]), LeftOut::default());
        assert_eq!(left_out(&decoder(), &[ENCODER]), LeftOut::default());
        assert_eq!(left_out(&decoder(), &[DECODER, KEYS]), LeftOut::default());
        let copies = [ENCODER, DECODER].map(|name| name.replace("k.lora_A", "prefix_tuning.pool"));
        assert_eq!(left_out(&decoder(), &[&copies[0], &copies[1]]), LeftOut::default());
    }
}
