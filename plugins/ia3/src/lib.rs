//! The `ia3` pass: learned scales of activations.
//!
//! A layer gives l ⊙ (Wx + b) with l ∈ ℝ^{out}, or, in a feed-forward block, W(l ⊙ x) + b with
//! l ∈ ℝ^{in}. `merge` scales the rows of W and b, or the columns of W; `inject` keeps l as a Mul.
//! Adapters are PEFT's; or AdapterHub's, which scale outputs alone, and by α besides.
//! Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
//! Learning", 2022, section 3.3.

mod fresh;
mod inject;
mod keys;
mod layer;
mod merge;
mod scale;

use layer::{Form, Layer, Learned};
use peftc_plugin::{Result, Run, fresh as fresh_tensors, saved};

peftc_plugin::export_plugin! {
    passes: [{
        name: "ia3",
        summary: "learned scales of activations (IA3), merged into the weights or as a Mul",
        peft_types: ["IA3", "adapterhub_ia3"],
        options: [
            {
                key: "mode",
                kind: String,
                default: "\"merge\"",
                choices: ["merge", "inject"],
                help: "into the weights, or as a Mul beside them",
            },
            { key: "targets", kind: List, default: "", choices: [], help: "layers whose outputs a fresh adapter scales" },
            { key: "feedforward", kind: List, default: "", choices: [], help: "layers whose inputs a fresh adapter scales" },
        ],
        run: run,
    }],
    task_kinds: [
        { name: "scale", split_axes: [0, 1], run: scale::run },
        { name: "ones", split_axes: [], run: scale::ones },
        { name: "turn", split_axes: [], run: saved::turn },
        { name: "spread", split_axes: [], run: scale::spread },
    ],
}

/// How the scales are put onto a layer.
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
    let given = ["targets", "feedforward"].map(|key| Ok((key, run.option_list(key)?.is_some())));
    let given = given.into_iter().collect::<Result<Vec<_>>>()?;
    fresh_tensors::refuse_options("adapter", &given)?;
    let form = Form::of(run)?;
    let keys = keys::Keys::of(&run.adapter_tensor_names()?);
    // All modules are looked for, so that the host can list those that are not there.
    let looked: Vec<_> = keys.layers.iter().map(|(m, _)| run.sites_of_module(m)).collect();
    let sites = looked.into_iter().collect::<Result<Vec<_>>>()?;
    for (&(module, name), sites) in keys.layers.iter().zip(sites) {
        let layer = Layer::check(run, module, sites, Learned::Adapter { name, form })?;
        apply(run, &layer, mode)?;
    }
    saved::replace_all(run, &keys.parameters)
}

fn apply(run: &Run<'_>, layer: &Layer<'_>, mode: Mode) -> Result<()> {
    match mode {
        Mode::Merge => merge::layer(run, layer)?,
        Mode::Inject => inject::layer(run, layer)?,
    }
    layer.record(run, mode)
}
