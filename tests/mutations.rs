//! Damaged input is an error, or read as what it is now; nothing panics.

use peftc::adapter::{Adapter, Sites};
use peftc::ir::{text, verify_model};
use peftc::onnx;
use peftc::recipe::Recipe;
use proptest::prelude::*;
use std::path::Path;

fn fixture(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Some bytes overwritten, some left out, the rest cut off.
fn damaged(original: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = original.len();
    let changes = prop::collection::vec((0..len, any::<u8>(), 0usize..4), 1..8);
    (changes, prop::option::weighted(0.2, 0..len)).prop_map(move |(changes, cut)| {
        let mut bytes = original.clone();
        for (at, byte, removed) in changes {
            let at = at.min(bytes.len().saturating_sub(1));
            if removed > 0 {
                bytes.drain(at..(at + removed).min(bytes.len()));
            } else if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn models(bytes in damaged(fixture("models/llama/dynamo.onnx"))) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, bytes).expect("a file");
        if let Ok(read) = onnx::read(&path) {
            Sites::find(&read.model.graph);
            verify_model(&read.model);
            onnx::structure_sha256(&read.model).expect("what was read can be encoded");
        }
    }

    #[test]
    fn adapters(
        config in damaged(fixture("models/llama/adapters/patterns/adapter_config.json")),
        header in damaged(fixture("models/llama/adapters/qv/adapter_model.safetensors")[..900].to_vec()),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let weights = fixture("models/llama/adapters/qv/adapter_model.safetensors");
        let good = fixture("models/llama/adapters/qv/adapter_config.json");
        for (config, weights) in [(config, weights.clone()), (good, [header, weights[900..].to_vec()].concat())] {
            std::fs::write(folder.path().join("adapter_config.json"), config).expect("a file");
            std::fs::write(folder.path().join("adapter_model.safetensors"), weights).expect("a file");
            if let Ok(adapter) = Adapter::open(folder.path()) {
                adapter.config().pattern("rank_pattern", "model.layers.0.self_attn.q_proj").ok();
                prop_assert_eq!(adapter.sha256().len(), 64);
            }
        }
    }

    #[test]
    fn text_forms(bytes in damaged(fixture("tests/filetests/print/subgraphs.pir")), more in damaged(fixture("tests/filetests/print/attributes.pir"))) {
        for bytes in [bytes, more] {
            let damaged = String::from_utf8_lossy(&bytes).into_owned();
            if let Ok(model) = text::parse(&damaged) {
                let printed = text::print(&model);
                let again = text::parse(&printed).expect("what is printed is parsed");
                prop_assert_eq!(text::print(&again), printed);
                verify_model(&model);
            }
        }
    }

    #[test]
    fn recipes(bytes in damaged(fixture("examples/two-adapters.toml"))) {
        let damaged = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(error) = Recipe::parse(&damaged, Path::new("r.toml")) {
            prop_assert!(error.message().starts_with("r.toml:"), "{}", error);
        }
    }
}
