//! The recipes of the documentation.

use crate::support::{BERT, Folder, LLAMA, assert_has, done};

#[test]
fn the_examples_apply() {
    for recipe in ["lora", "fresh", "two-adapters", "qlora", "qlora-import", "combined"] {
        let folder = Folder::new();
        let report = done(&[
            "apply",
            &format!("examples/{recipe}.toml"),
            LLAMA,
            "-o",
            &folder.path("out.onnx"),
        ]);
        assert_has(&report, &["lora", "out.onnx", "parameters", "model.layers.0.self_attn.q_proj"]);
        assert_eq!(folder.names(), ["out.onnx"]);
    }
}

#[test]
fn the_example_of_a_bottleneck_applies() {
    let folder = Folder::new();
    let out = folder.path("out.onnx");
    let report = done(&["apply", "examples/bottleneck.toml", BERT, "-o", &out]);
    assert_has(
        &report,
        &[
            "feed-forward b=4 relu",
            "580 parameters, 1,024 FLOPs per token",
            "2,048 more FLOPs per token",
        ],
    );
}

#[test]
fn the_example_of_a_prefix_applies() {
    let folder = Folder::new();
    let output = folder.path("out.onnx");
    let report = done(&["apply", "examples/prefix.toml", LLAMA, "-o", &output]);
    assert_has(&report, &["model.layers.1.self_attn", "3 keys and values of 2 heads of 16"]);
    assert_has(&report, &["1,536 more FLOPs per token", "nf4"]);
    assert_eq!(folder.names(), ["out.onnx"]);
}

#[test]
fn the_example_of_a_prefix_as_a_past_applies() {
    let folder = Folder::new();
    let (model, output) = ("models/blocks/llama/torchscript-past.onnx", folder.path("out.onnx"));
    let report = done(&["apply", "examples/prefix-past.toml", model, "-o", &output]);
    assert_has(&report, &["archive   ", "out.prefix.npz", "3 ones in front of attention_mask"]);
    assert_eq!(folder.names(), ["out.onnx", "out.prefix.npz"]);
}
