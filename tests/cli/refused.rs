//! `apply` of what is wrong: exit code 2, the facts, and nothing written.

use crate::support::{CHECKPOINT, Folder, LLAMA, QV, assert_has, done, read, refused, root};

#[test]
fn an_adapter_of_more_layers_than_the_model_has_is_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let source = "model ir=8 opset \"\"=17 graph g(%x: f32[n, m, 64]) -> (%y) {
        const %w = f32[64, 64] {1, ...}
        %h = MatMul(%x, %w) name \"/layer.0/fc2/MatMul\"
        %y = Add(%h, %x)
    }";
    let zeros = vec!["0"; 64 * 64].join(", ");
    let model = folder.write_model("model.onnx", &source.replace("1, ...", &zeros));
    let message = refused(&["apply", "models/blocks/bert/adapterhub/seq_bn", &model, "-o", &out]);
    assert_has(
        &message,
        &[
            "the model has no feed-forward sublayer of layer 1 of the encoder",
            "near: feed-forward sublayer of layer 0",
            "sublayers that were found: 1",
        ],
    );
    assert_eq!(folder.names(), ["model.onnx"]);
}

#[test]
fn prefixes_that_do_not_fit_are_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let output = folder.path("out.onnx");
    let prefix = "models/blocks/bert/peft/prefix";
    let message = refused(&["apply", prefix, LLAMA, "-o", &output]);
    assert_has(&message, &["4 heads of 16", "the model's keys have 2 of 16"]);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn bad_models_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |model: &str| refused(&["apply", QV, model, "-o", &out]);
    assert_has(&apply("models/llama/missing.onnx"), &["models/llama/missing.onnx", "No such file"]);
    assert_has(&apply("models/llama"), &["3 .onnx files", "dynamo-plain.onnx"]);
    let whole = read(root().join(LLAMA));
    let truncated = folder.write("truncated.onnx", &whole[..whole.len() / 2]);
    assert_has(&apply(&truncated), &["truncated.onnx", &format!("{} bytes", whole.len() / 2)]);
    let garbage = folder.write("garbage.onnx", "this is no protobuf at all");
    assert_has(&apply(&garbage), &["garbage.onnx", "no ONNX model"]);
    let empty = folder.write("empty.onnx", "");
    assert_has(&apply(&empty), &["empty.onnx", "no ONNX model"]);
    let cycle = cyclic_model(&folder);
    assert_has(&apply(&cycle), &["is no valid ONNX model", "it is on a cycle"]);
    assert_eq!(folder.names(), ["cycle.onnx", "empty.onnx", "garbage.onnx", "truncated.onnx"]);
}

fn cyclic_model(folder: &Folder) -> String {
    let source = "model ir=8\ngraph g(%x: f32[2]) -> (%a) {\n%a = Add(%x, %b)\n%b = Neg(%a)\n}";
    folder.write_model("cycle.onnx", source)
}

#[test]
fn checkpoints_that_are_no_4_bit_ones_of_bitsandbytes_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |checkpoint: &str| refused(&["apply", checkpoint, LLAMA, "-o", &out]);
    let whole = read(root().join(CHECKPOINT).join("model.safetensors"));
    let file = folder.write("model.safetensors", &whole);
    for (config, part) in [
        (
            r#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#,
            "quantized by \"gptq\"",
        ),
        (r#"{"quantization_config": {"load_in_8bit": true}}"#, "in 8 bits (load_in_8bit)"),
        ("{}", "has no \"quantization_config\""),
        ("[", "is not JSON"),
    ] {
        folder.write("config.json", config);
        assert_has(&apply(&folder.path("")), &["config.json", part]);
    }
    folder.write("model.safetensors", &whole[..whole.len() - 1]);
    assert_has(&apply(&file), &["model.safetensors", "truncated"]);
    let weights = format!("{QV}/adapter_model.safetensors");
    assert_has(&apply(&weights), &["no weight of it is quantized", "named by its folder"]);
    assert_has(&apply(&folder.path("missing.safetensors")), &["missing.safetensors"]);
    let lora = folder.write(
        "lora.toml",
        format!("[[pass]]\nname = \"lora\"\nadapter = \"{}\"\n", root().join(CHECKPOINT).display()),
    );
    assert_has(&apply(&lora), &["does not handle adapters of peft_type \"bitsandbytes_4bit\""]);
    assert_eq!(folder.names(), ["config.json", "lora.toml", "model.safetensors"]);
}

#[test]
fn bad_adapters_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let apply = |adapter: &str| refused(&["apply", adapter, LLAMA, "-o", &out]);
    assert_has(&apply("models/llama/adapters/missing"), &["adapters/missing"]);
    assert_has(&apply("models/llama/adapters"), &["no adapter_config.json"]);
    assert_has(
        &apply("models/llama/unsupported/other-arch"),
        &["query_key_value", "it has 15 linear layers"],
    );
    let unknown = folder.copy(QV, "unknown");
    std::fs::write(unknown.join("adapter_config.json"), r#"{"peft_type": "XLORA"}"#)
        .expect("the file is written");
    let message = apply(&unknown.display().to_string());
    assert_has(&message, &["XLORA", "lora (LORA, adapterhub_lora)", "ia3 (IA3, adapterhub_ia3)"]);
    assert_has(&apply("models/llama/unsupported/pissa"), &["pissa"]);
    assert_has(&apply("models/gpt2/adapters/qv"), &["c_attn"]);

    let truncated = folder.copy(QV, "truncated");
    let weights = truncated.join("adapter_model.safetensors");
    let whole = read(&weights);
    std::fs::write(&weights, &whole[..whole.len() - 100]).expect("the file is written");
    let message = apply(&truncated.display().to_string());
    assert_has(
        &message,
        &["adapter_model.safetensors", "truncated", &format!("{} bytes", whole.len() - 100)],
    );

    let rank = folder.copy(QV, "rank");
    let config = rank.join("adapter_config.json");
    let text =
        std::fs::read_to_string(&config).expect("a configuration").replace("\"r\": 8", "\"r\": 4");
    std::fs::write(&config, text).expect("the file is written");
    let message = apply(&rank.display().to_string());
    assert_has(&message, &["model.layers.0.self_attn.q_proj: lora_A is [8, 64], expected [4, 64]"]);
    assert_eq!(folder.names(), ["rank", "truncated", "unknown"]);
}

#[test]
fn an_adapter_of_another_family_is_refused_where_the_model_says_its_own() {
    let folder = Folder::new();
    let (out, copy) = (folder.path("out.onnx"), folder.path("model.onnx"));
    let (adapter, model) = ("models/blocks/bert/adapterhub/seq_bn", "models/gpt2/torchscript.onnx");
    let message = refused(&["apply", adapter, model, "-o", &out]);
    assert_has(&message, &["is for models of type \"bert\"", "says \"gpt2\"", "--force"]);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
    done(&["apply", adapter, model, "-o", &out, "--force"]);
    std::fs::copy(root().join(model), &copy).expect("the model is copied");
    let report = done(&["apply", adapter, &copy, "--dry-run"]);
    assert_has(
        &report,
        &["peftc-fixtures/bert, of type bert (not verified: the model does not name its base)"],
    );
}

#[test]
fn bad_recipes_and_options_are_refused() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let recipe = |text: &str| {
        let path = folder.write("r.toml", text);
        refused(&["apply", &path, LLAMA, "-o", &out])
    };
    let adapter = root().join(QV).display().to_string();
    let message =
        recipe(&format!("[[pass]]\nname = \"lora\"\nadapter = \"{adapter}\"\nmoed = \"merge\"\n"));
    assert_has(&message, &["r.toml:4:1", "moed = \"merge\"", "^^^^", "did you mean \"mode\"?"]);
    let message =
        recipe(&format!("[[pass]]\nname = \"lora\"\nadapter = \"{adapter}\"\nmode = \"inputs\"\n"));
    assert_has(&message, &["r.toml:4:1", "merge, inject"]);
    assert_has(
        &recipe("[[pass]]\nname = \"nf5\"\n"),
        &[
            "no plugin has a pass \"nf5\"",
            "loaded: lora (LORA, adapterhub_lora) from",
            "loaded: nf4 (bitsandbytes_4bit) from",
        ],
    );
    assert_has(&recipe("[[pass]\n"), &["r.toml:1:"]);
    assert_has(&refused(&["apply", QV, LLAMA, "-o", &out, "--mode", "inputs"]), &["merge, inject"]);
    assert_has(
        &refused(&["apply", QV, LLAMA, "-o", &out, "--set", "lora.rank=x"]),
        &["an integer"],
    );
    assert_has(&refused(&["apply", QV, LLAMA, "--memory", "3x"]), &["unknown unit"]);
    assert_eq!(folder.names(), ["r.toml"]);
}
