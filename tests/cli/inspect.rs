//! `inspect`.

use crate::support::{
    BERT, CHECKPOINT, Folder, LLAMA, QV, QV2, assert_has, done, inspect, keys, read, refused, root,
    text,
};
use serde_json::Value;

#[test]
fn the_sites_of_a_model_are_listed() {
    let text = done(&["inspect", LLAMA, "--sites"]);
    assert_has(
        &text,
        &[
            "model.layers.0.self_attn.k_proj",
            "blocks      4 sublayers",
            "layer 1 feed-forward  f32 64  rms norm before  model.layers.1.mlp.down_proj",
        ],
    );
    let json: Value =
        serde_json::from_str(&done(&["inspect", BERT, "--sites", "--json"])).expect("JSON");
    let block = &json["blocks"][3];
    assert_eq!((&block["sublayer"], &block["norm"]), (&"feed-forward".into(), &"after".into()));
    assert_eq!((&block["layer"], &block["hidden_size"]), (&1.into(), &64.into()));
}

#[test]
fn inspect_shows_models_and_adapters() {
    let model: Value = serde_json::from_str(&done(&["inspect", LLAMA, "--json"])).expect("JSON");
    assert_eq!(model["schema"], 1);
    assert_eq!(model["inputs"][0]["name"], "input_ids");
    assert_eq!(model["inputs"][0]["shape"][0], "batch");
    let sites = model["sites"].as_array().expect("sites");
    assert_eq!(sites.len(), 15);
    let heads: Vec<_> =
        sites.iter().filter(|s| s["output_head"] == true).map(|s| &s["module"]).collect();
    assert_eq!(heads, ["lm_head"]);
    let adapter: Value = serde_json::from_str(&done(&["inspect", QV, "--json"])).expect("JSON");
    assert_eq!((&adapter["peft_type"], &adapter["parameters"]), (&"LORA".into(), &3584.into()));
    assert_has(&done(&["inspect", QV]), &["lora_alpha = 16", "q_proj.lora_A.weight", "3,584"]);
}

/// A model with something of everything.
const EVERYTHING: &str = include_str!("../inspect/everything.pir");

#[test]
fn the_json_of_inspect_has_its_schema() {
    let folder = Folder::new();
    let model = inspect(&folder.write_model("everything.onnx", EVERYTHING));
    let expected = [
        (
            "",
            "schema path ir_version opsets producer inputs outputs operators operators_in_subgraphs operators_in_functions functions parameters dtypes locations external_bytes largest linked sites branches applied unknown_fields unusual",
        ),
        ("/inputs/0", "name type dtype shape has_default"),
        ("/functions/0", "name nodes opsets calls"),
        ("/dtypes/0", "dtype tensors elements bytes"),
        ("/locations/0", "file tensors bytes"),
        ("/largest/0", "name node attribute graph dtype shape bytes file"),
        (
            "/sites/0",
            "module op weight dtype quantized bits_per_weight in_features out_features bias output_head",
        ),
    ];
    for (place, expected) in expected {
        let value = model.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!(model["schema"], 1);
    assert!(model["unusual"].as_array().expect("a list").iter().all(Value::is_string));
}

#[test]
fn the_json_of_adapters_has_its_schema() {
    let one: Value = serde_json::from_str(&done(&["inspect", QV, "--json"])).expect("JSON");
    let several = done(&["inspect", QV, QV2, "--json"]);
    let several: Value = serde_json::from_str(&several).expect("JSON");
    let adapter = "schema path peft_type base_model_name_or_path config unknown_keys tensors quantized parameters bytes sha256 changes no_changes";
    let expected = [
        (&one, "", adapter),
        (&one, "/tensors/0", "name dtype shape"),
        (&one, "/changes", "norm trained weights ratio replaced layers"),
        (
            &one,
            "/changes/layers/0",
            "module layer shape rank scale norm spectral_norm effective_rank stable_rank singular_values energy_by_rank bias_norm trained ratio",
        ),
        (&several, "", "schema adapters pairs"),
        (&several, "/adapters/0", adapter),
        (
            &several,
            "/pairs/0",
            "left right cosine mean_cosine column_overlap row_overlap sign_conflict layers only_left only_right",
        ),
        (&several, "/pairs/0/layers/0", "module cosine column_overlap row_overlap sign_conflict"),
    ];
    for (report, place, expected) in expected {
        let value = report.pointer(place).unwrap_or_else(|| panic!("{place} is missing"));
        assert_eq!(keys(value).join(" "), expected, "{place}");
    }
    assert_eq!((&one["schema"], &several["schema"]), (&1.into(), &1.into()));
}

/// `PEFTC_BLESS=1` accepts what is new.
#[test]
fn the_text_of_inspect_is_as_it_was() {
    let folder = Folder::new();
    let everything = folder.write_model("everything.onnx", EVERYTHING);
    for (model, name) in [(everything.as_str(), "everything.txt"), (LLAMA, "llama.txt")] {
        let got = done(&["inspect", model]).replace(&folder.path(""), "");
        let snapshot = root().join("tests/inspect").join(name);
        if std::env::var_os("PEFTC_BLESS").is_some() {
            std::fs::write(&snapshot, &got).expect("the file is written");
        }
        assert_eq!(got, text(&read(snapshot)), "PEFTC_BLESS=1 accepts it");
    }
}

#[test]
fn inspect_says_which_file_tensors_are_in() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    done(&["apply", QV, LLAMA, "-o", &out, "--external-data", "always"]);
    let data = folder.names().remove(1);
    let report = done(&["inspect", &out]);
    let parts = ["\nstored\n  the model file  ", &format!("\n  {data}  356.0 KiB  ")];
    assert_has(&report, &parts);
    assert_has(&report, &[&format!("f32[232, 64]  model.embed_tokens.weight  {data}\n")]);
}

#[test]
fn many_linear_sites_are_grouped_in_text_and_whole_in_json() {
    let folder = Folder::new();
    let layer = |i: u32| {
        let input = if i == 0 { "x".to_owned() } else { format!("y{}", i - 1) };
        format!(
            "const %w{i} = f32[2, 2] {{1, 2, 3, 4}}\n%y{i} = MatMul(%{input}, %w{i}) name \"/model/layers.{i}/proj/MatMul\"\n"
        )
    };
    let layers: String = (0..25).map(layer).collect();
    let source =
        format!("model ir=8 opset \"\"=17\ngraph g(%x: f32[1, 2]) -> (%y24) {{\n{layers}}}");
    let model = folder.write_model("layers.onnx", &source);
    let report = done(&["inspect", &model]);
    assert_has(
        &report,
        &["25 sites\n  model.layers.*.proj  2 -> 2  f32  MatMul    in 25 places\n"],
    );
    assert_eq!(inspect(&model)["sites"].as_array().map(Vec::len), Some(25));
}

#[test]
fn inspect_prints_the_graph_alone() {
    let folder = Folder::new();
    let model = folder.write_model("everything.onnx", EVERYTHING);
    let printed = done(&["inspect", &model, "--graph"]);
    let reparsed = peftc::ir::text::parse(&printed).expect("what is printed is parsed");
    assert_eq!(peftc::ir::text::print(&reparsed), printed);
    assert_has(&done(&["inspect", LLAMA, "--graph"]), &["model ir=8", "f32[64, 64] elided(16384)"]);
    let message = refused(&["inspect", LLAMA, "--graph", "--json"]);
    assert_has(&message, &["--graph prints the text form", "which is no JSON"]);
    assert_has(&refused(&["inspect", QV, "--graph"]), &[QV, "an adapter, which has no graph"]);
}

#[test]
fn inspect_lists_attention() {
    let sites = ["inspect", "--sites", LLAMA];
    let listed = done(&sites);
    assert_has(&listed, &["attention   2 sites", "4 heads of 16, 2 of K and V", "additive mask"]);
    assert_has(&listed, &["positions   rotary: input 0 of /model/rotary_emb/Cast"]);
    let json: Value =
        serde_json::from_str(&done(&[&sites[..], &["--json"]].concat())).expect("it is JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["attention"][1]["kv_heads"], 2);
    assert_has(&refused(&["inspect", "--sites", QV]), &["is an adapter", "--sites is for models"]);
}

#[test]
fn inspect_says_how_a_checkpoint_is_quantized() {
    let text = done(&["inspect", CHECKPOINT]);
    let parts =
        ["14 weights in nf4, blocks of 64, double quantized", "q_proj.weight", "nf4[64, 64]"];
    assert_has(&text, &parts);
    assert!(!text.contains("absmax"), "{text}");
    let report: Value =
        serde_json::from_str(&done(&["inspect", CHECKPOINT, "--json"])).expect("JSON");
    let expected = "schema path peft_type base_model_name_or_path config unknown_keys tensors quantized parameters bytes sha256 changes no_changes";
    assert_eq!(keys(&report).join(" "), expected);
    let weight = keys(&report["quantized"][0]).join(" ");
    assert_eq!(weight, "name quant_type block_size double_quant shape");
    assert_eq!(report["parameters"], 91_456);
}
