//! Attention sites of all exports that are fixtures.

use peftc::inspect::{Attention, list_sites};
use std::path::Path;

/// What a model's attention is: stacks of two layers each, and what all their sites have.
struct Expected {
    stacks: &'static [&'static str],
    heads: [i64; 3],
    scale: f64,
    masks: &'static [&'static str],
    positions: &'static [&'static str],
    has_past: bool,
}

fn sites(model: &str) -> Vec<Attention> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(model);
    list_sites(&path).unwrap_or_else(|e| panic!("{model}: {e}")).attention
}

fn check(models: &[&str], expected: &Expected) {
    for model in models {
        let found = sites(model);
        let stacks: Vec<_> = found.iter().map(|s| (s.stack, s.layer)).collect();
        let layers: Vec<_> =
            expected.stacks.iter().flat_map(|&stack| [(stack, 0), (stack, 1)]).collect();
        assert_eq!(stacks, layers, "{model}");
        for site in &found {
            let masks: Vec<_> = site.masks.iter().map(|m| m.kind).collect();
            let mut positions: Vec<_> = site.positions.iter().map(|p| p.kind).collect();
            positions.dedup();
            assert_eq!([site.heads, site.kv_heads, site.head_size], expected.heads, "{model}");
            assert_eq!(site.scale, Some(expected.scale), "{model}");
            assert_eq!(masks, expected.masks, "{model}");
            assert_eq!(positions, expected.positions, "{model}");
            assert_eq!(site.key.past.is_some(), expected.has_past, "{model}");
            assert_eq!(site.key.is_present, expected.has_past, "{model}");
            assert!(site.module.is_some(), "{model}: no module");
            assert!(site.projections.iter().all(Option::is_some), "{model}: {site:?}");
            assert!(site.output.is_some(), "{model}: {site:?}");
        }
    }
}

const GPT2: Expected = Expected {
    stacks: &["self"],
    heads: [4, 4, 16],
    scale: 0.25,
    masks: &["additive"],
    positions: &["learned"],
    has_past: false,
};
const LLAMA: Expected = Expected { heads: [4, 2, 16], positions: &["rotary"], ..GPT2 };
const VIT: Expected =
    Expected { heads: [4, 4, 12], scale: 0.288675, masks: &[], positions: &[], ..GPT2 };

#[test]
fn of_gpt2_and_bert() {
    let plain = ["torchscript", "dynamo", "dynamo-plain"];
    for family in ["gpt2", "bert", "gpt2-f16"] {
        check(&plain.map(|kind| format!("{family}/{kind}.onnx")).each_ref().map(|s| &**s), &GPT2);
    }
    check(&["blocks/bert/attention.onnx"], &Expected { masks: &["keep"], ..GPT2 });
    let past = Expected { has_past: true, ..GPT2 };
    check(&["blocks/gpt2/torchscript-past.onnx", "blocks/gpt2/dynamo-past.onnx"], &past);
    check(&["blocks/gpt2/attention-past.onnx"], &Expected { masks: &["keep"], ..past });
}

#[test]
fn of_llama_with_grouped_queries() {
    for family in ["llama", "llama-f16"] {
        let models =
            ["torchscript", "dynamo", "dynamo-plain"].map(|k| format!("{family}/{k}.onnx"));
        check(&models.each_ref().map(|s| &**s), &LLAMA);
    }
    let past = Expected { has_past: true, ..LLAMA };
    let models = ["torchscript-past", "dynamo-past", "torchscript-positions", "dynamo-positions"];
    let models = models.map(|kind| format!("blocks/llama/{kind}.onnx"));
    check(&models.each_ref().map(|s| &**s), &past);
    check(&["blocks/llama/attention-positions.onnx"], &Expected { masks: &["keep"], ..past });
}

#[test]
fn of_vit_without_masks_and_positions() {
    check(&["blocks/vit/torchscript.onnx"], &VIT);
}

#[test]
fn stacks_of_t5() {
    let stacks = |model: &str| {
        let found = sites(model);
        found.iter().map(|s| (s.stack, s.layer)).collect::<Vec<_>>()
    };
    let decoder = [("decoder", 0), ("decoder", 1), ("cross", 0), ("cross", 1)];
    for kind in ["torchscript", "dynamo"] {
        let all = stacks(&format!("blocks/t5/{kind}.onnx"));
        assert_eq!(all[..2], [("encoder", 0), ("encoder", 1)], "{kind}");
        assert_eq!(all[2..], decoder, "{kind}");
        assert_eq!(stacks(&format!("blocks/t5/{kind}-past.onnx")), decoder, "{kind}");
    }
}

#[test]
fn packed_projections_are_one_layer() {
    for site in sites("gpt2/torchscript.onnx") {
        let [query, key, value] = &site.projections;
        assert!(query == key && key == value, "{site:?}");
    }
}

#[test]
fn keys_are_described_where_they_are_narrowest() {
    let [first, _] = &sites("llama/torchscript.onnx")[..] else { panic!("two layers") };
    // After rotary embedding, before heads are repeated.
    assert_eq!(first.key.name, "/model/layers.0/self_attn/Add_1_output_0");
    assert_eq!((first.key.head_axis, first.key.sequence_axis), (1, 2));
    // Before the transposition that belongs to the product.
    let [first, _] = &sites("bert/torchscript.onnx")[..] else { panic!("two layers") };
    assert_eq!((first.key.head_axis, first.key.sequence_axis), (2, 1));
}
