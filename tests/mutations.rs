//! Damaged input is an error, or read as what it is now; nothing panics.

use peftc::Context;
use peftc::adapter::{Adapter, BlockSites, Sites};
use peftc::inspect::inspect_model;
use peftc::ir::{text, verify_model};
use peftc::onnx::{self, WriteOptions};
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
            BlockSites::find(&read.model.graph, &Sites::find(&read.model.graph));
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
    fn pickles(
        config in damaged(fixture("models/blocks/bert/adapterhub/pickle/adapter_config.json")),
        weights in damaged(fixture("models/blocks/bert/adapterhub/pickle/pytorch_adapter.bin")),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let good = |name: &str| fixture(&format!("models/blocks/bert/adapterhub/pickle/{name}"));
        let cases = [(good("adapter_config.json"), weights), (config, good("pytorch_adapter.bin"))];
        for (config, weights) in cases {
            std::fs::write(folder.path().join("adapter_config.json"), config).expect("a file");
            std::fs::write(folder.path().join("pytorch_adapter.bin"), weights).expect("a file");
            if let Ok(adapter) = Adapter::open(folder.path()) {
                for name in adapter.tensor_names() {
                    let tensor = adapter.tensor(name).expect("a tensor that is listed");
                    let bytes = tensor.bytes().expect("its elements are in the file");
                    prop_assert_eq!(tensor.byte_len(), Some(bytes.len() as u64));
                }
            }
        }
    }

    #[test]
    fn checkpoints(
        config in damaged(fixture("models/bnb/llama/sharded/config.json")),
        index in damaged(fixture("models/bnb/llama/sharded/model.safetensors.index.json")),
        shard in damaged(fixture("models/bnb/llama/sharded/model-00004-of-00004.safetensors")),
    ) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/bnb/llama/sharded");
        let damaged = [
            ("config.json", config),
            ("model.safetensors.index.json", index),
            ("model-00004-of-00004.safetensors", shard),
        ];
        for (name, bytes) in damaged {
            let folder = tempfile::tempdir().expect("a folder");
            for entry in std::fs::read_dir(&from).expect("it is there").flatten() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
            }
            std::fs::write(folder.path().join(name), bytes).expect("a file");
            if let Ok(adapter) = Adapter::open(folder.path()) {
                prop_assert_eq!(adapter.peft_type(), "bitsandbytes_4bit");
                prop_assert!(adapter.quantized().len() <= 14);
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

#[test]
fn cycles_hold_no_parameters() {
    let source = "model ir=8 graph g(%x: f32[1, 2]) -> (%y) {
        const %w = f32[2, 2] {1, 2, 3, 4}
        %a = Identity(%b)
        %b = Transpose(%a)
        %z = MatMul(%x, %a)
        %y = MatMul(%x, %w)
        %d = Add(%e, %y) meta {\"peftc.role\": \"lora.delta\"}
        %e = Add(%d, %d) meta {\"peftc.role\": \"lora.delta\"}
    }";
    let model = text::parse(source).expect("a model");
    let sites = Sites::find(&model.graph);
    let [site] = sites.all() else { panic!("one site: {sites:?}") };
    assert_eq!((site.bias.as_ref(), site.out_features), (None, 2));
    assert_eq!(verify_model(&model).len(), 2);
}

#[test]
fn cycles_hold_no_sublayers() {
    let source = "model ir=8 graph g(%x: f32[1, 2]) -> (%y) {
        const %w = f32[2, 2] {1, 2, 3, 4}
        %a = Cast(%b) {to: 1}
        %b = Identity(%a)
        %h = MatMul(%a, %w)
        %s = Add(%h, %b)
        %p = Pow(%s, %q)
        %q = ReduceMean(%p)
        %y = Identity(%s)
    }";
    let model = text::parse(source).expect("a model");
    let sites = Sites::find(&model.graph);
    assert!(BlockSites::find(&model.graph, &sites).all().len() <= 1);
}

#[test]
fn a_pickle_is_read_as_what_it_is() {
    let folder = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/blocks/bert/adapterhub").join(name)
    };
    let adapter = Adapter::open(&folder("pickle")).expect("an adapter");
    assert_eq!(adapter.peft_type(), "adapterhub_bottleneck");
    let up = "bert.encoder.layer.0.output.adapters.adapter_up.weight";
    assert_eq!(adapter.tensor(up).map(|t| t.dims.as_slice()), Some(&[64, 4][..]));
    for (name, kind) in [("prefix-flat", "adapterhub_prefix_tuning"), ("ia3", "adapterhub_ia3")] {
        let adapter = Adapter::open(&folder(name)).expect("an adapter");
        assert_eq!(adapter.peft_type(), kind);
        assert!(adapter.tensor_names().all(|tensor| !tensor.contains(name)));
    }
}

#[test]
fn tensors_of_adapters_have_no_impossible_sizes() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = fixture("models/llama/adapters/qv/adapter_config.json");
    std::fs::write(folder.path().join("adapter_config.json"), config).expect("a file");
    let header = r#"{"a":{"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]}}"#;
    let weights = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    std::fs::write(folder.path().join("adapter_model.safetensors"), weights).expect("a file");
    let error = Adapter::open(folder.path()).expect_err("no such shape");
    assert!(error.message().contains("cannot have the shape"), "{error}");
}

#[test]
fn what_is_nested_deeply_is_refused() {
    let graphs = |depth: usize| {
        let open = "graph g() -> () { Loop() {body: ".repeat(depth);
        format!("model ir=8 {open} graph g() -> () {{}} {}", "}}".repeat(depth))
    };
    let types = |depth: usize| {
        let (open, close) = ("sequence(".repeat(depth), ")".repeat(depth));
        format!("model ir=8 graph g(%x: {open}f32{close}) -> () {{}}")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context");
    for source in [graphs(100_000), types(100_000)] {
        let error = text::parse(&source).expect_err("too deep");
        assert!(error.message().contains("nested deeper than"), "{error}");
    }
    // 33 graphs and 49 types are as deep as protobuf can say it.
    for source in [graphs(32), types(47)] {
        let model = text::parse(&source).expect("a model");
        text::print(&model);
        assert_eq!(verify_model(&model), []);
        let plan = onnx::plan(&model, &path, &WriteOptions::default()).expect("a plan");
        plan.commit(&context, &|_, _| Ok(())).expect("it is written");
        let read = onnx::read(&path).expect("it is read").model;
        assert_eq!(text::print(&read), text::print(&model));
        Sites::find(&read.graph);
    }
}

#[test]
fn a_few_bytes_that_claim_terabytes_are_refused() {
    let field = |tag: u8, inner: &[u8]| [&[tag, inner.len() as u8], inner].concat();
    // dims: 2^40, data_type: f32, name: "w"
    let tensor = b"\x08\x80\x80\x80\x80\x80\x20\x10\x01\x42\x01w";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    let node = field(0x0a, &field(0x2a, &[&field(0x2a, tensor)[..], b"\xa0\x01\x04"].concat()));
    let sparse = field(0x7a, &[field(0x0a, tensor), field(0x12, tensor)].concat());
    for graph in [field(0x2a, tensor), node, sparse] {
        std::fs::write(&path, field(0x3a, &graph)).expect("a file");
        let error = onnx::read(&path).expect_err("there are no bytes");
        assert!(error.message().contains("has 0 bytes, it needs 4398046511104"), "{error}");
    }
}

#[test]
fn sparse_tensors_that_claim_all_there_is_are_counted() {
    let sparse = "f32[9223372036854775807, 2] sparse(f32[0] {}, i64[0] {})";
    let source = format!(
        "model ir=8 graph g() -> (%y) {{ const %a = {sparse} const %b = {sparse}
        %y = Add(%a, %b) meta {{\"peftc.role\": \"lora.A\"}} }}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {}).expect("a context");
    let model = text::parse(&source).expect("a model");
    let plan = onnx::plan(&model, &path, &WriteOptions::default()).expect("a plan");
    plan.commit(&context, &|_, _| Ok(())).expect("it is written");
    let seen = inspect_model(&path).expect("it can be looked at");
    assert_eq!((seen.parameters, seen.branch_parameters()), (u64::MAX, u64::MAX));
    assert_eq!(seen.dtypes[0].elements, u64::MAX);
}
