//! The `lora` pass: low-rank adaptation of linear layers.
//!
//! h = W₀x + s·B(Ax), B ∈ ℝ^{out×r}, A ∈ ℝ^{r×in}, s = α/r, or α/√r for rsLoRA.
//! `merge` adds s·BA to the weights; `inject` keeps A and B as a side branch, with s in B.
//! Adapters are PEFT's or AdapterHub's.
//! Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021; Kalajdzievski, "A Rank
//! Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023.

mod config;
mod fresh;
mod inject;
mod keys;
mod merge;
mod tasks;

use config::Scaling;
use peftc_plugin::{Result, Run, fresh as fresh_tensors, saved};

peftc_plugin::export_plugin! {
    passes: [{
        name: "lora",
        summary: "low-rank adaptation, merged into the weights or as a side branch",
        peft_types: ["LORA", "adapterhub_lora"],
        options: [
            {
                key: "mode",
                kind: String,
                default: "\"merge\"",
                choices: ["merge", "inject"],
                help: "into the weights, or as a side branch",
            },
            { key: "weight", kind: Float, default: "1.0", choices: [], help: "multiplies the adapter's scaling" },
            { key: "rank", kind: Int, default: "", choices: [], help: "rank of a fresh adapter" },
            { key: "alpha", kind: Float, default: "", choices: [], help: "scaling of a fresh adapter times its rank; the rank" },
            { key: "targets", kind: List, default: "", choices: [], help: "layers a fresh adapter is put on; all-linear" },
            {
                key: "init",
                kind: String,
                default: "",
                choices: ["kaiming", "gaussian"],
                help: "how A of a fresh adapter is drawn; kaiming",
            },
            { key: "seed", kind: Int, default: "", choices: [], help: "seed of a fresh adapter; 0" },
        ],
        run: run,
    }],
    task_kinds: [
        { name: "merge", split_axes: [0, 1], run: tasks::merge::run },
        { name: "turn", split_axes: [], run: saved::turn },
        { name: "bias", split_axes: [], run: tasks::bias::run },
        { name: "spread", split_axes: [], run: tasks::spread::run },
        { name: "init", split_axes: [], run: fresh_tensors::init },
    ],
}

/// How an adapter is put onto a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Merge,
    Inject,
}

fn run(run: &Run<'_>) -> Result<()> {
    let mode = match run.option_str("mode")? {
        Some("inject") => Mode::Inject,
        _ => Mode::Merge,
    };
    if !run.has_adapter() {
        return fresh::run(run, mode);
    }
    refuse_fresh_options(run)?;
    config::refuse_unsupported(run)?;
    let keys = keys::Keys::of(&run.adapter_tensor_names()?)?;
    keys.check_modules(run)?;
    let scaling = Scaling::of(run)?;
    for (module, layer) in &keys.layers {
        let layer = keys::CheckedLayer::check(run, module, layer, &scaling)?;
        match mode {
            Mode::Merge => merge::layer(run, &layer)?,
            Mode::Inject => inject::layer(run, &layer)?,
        }
    }
    saved::replace_all(run, &keys.parameters)
}

fn refuse_fresh_options(run: &Run<'_>) -> Result<()> {
    let given = [
        ("rank", run.option_i64("rank")?.is_some()),
        ("alpha", run.option_f64("alpha")?.is_some()),
        ("targets", run.option_list("targets")?.is_some()),
        ("init", run.option_str("init")?.is_some()),
        ("seed", run.option_i64("seed")?.is_some()),
    ];
    fresh_tensors::refuse_options("adapter", &given)
}
