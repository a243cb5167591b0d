//! The `bottleneck` pass: adapters between the sublayers of a transformer.
//!
//! h' = h + s·W_up·act(W_down·h), W_down ∈ ℝ^{b×d}, W_up ∈ ℝ^{d×b}: Houlsby et al., "Parameter-Efficient
//! Transfer Learning for NLP", 2019 (behind attention and feed-forward); Pfeiffer et al.,
//! "AdapterFusion", 2021 (behind the feed-forward alone); He et al., "Towards a Unified View of
//! Parameter-Efficient Transfer Learning", 2022 (parallel); Mahabadi et al., "Compacter", 2021 (phm layers).
//! Adapters are those of AdapterHub, with its semantics; or fresh ones, which change nothing.

mod activation;
mod adapter;
mod builder;
mod config;
mod fresh;
mod keys;
mod place;
mod tasks;
mod weights;

use config::Config;
use peftc_plugin::{BlockSiteInfo, Record, Result, Run, Sublayer};
use place::Placer;
use weights::Weights;

peftc_plugin::export_plugin! {
    passes: [{
        name: "bottleneck",
        summary: "bottleneck adapters behind attention and feed-forward sublayers",
        peft_types: ["adapterhub_bottleneck"],
        options: [
            {
                key: "config",
                kind: String,
                default: "",
                choices: ["seq_bn", "double_seq_bn", "par_bn"],
                help: "where a fresh adapter stands; seq_bn, behind the feed-forward",
            },
            { key: "reduction_factor", kind: Float, default: "", choices: [], help: "hidden size over bottleneck size of a fresh adapter" },
            { key: "activation", kind: String, default: "", choices: [], help: "non-linearity of a fresh adapter; relu" },
            { key: "seed", kind: Int, default: "", choices: [], help: "seed of a fresh adapter; 0" },
        ],
        run: run,
    }],
    task_kinds: [
        { name: "linear", split_axes: [], run: tasks::linear::run },
        { name: "phm", split_axes: [], run: tasks::phm::run },
        { name: "vector", split_axes: [], run: tasks::vector::run },
        { name: "init", split_axes: [], run: peftc_plugin::fresh::init },
    ],
}

fn run(run: &Run<'_>) -> Result<()> {
    if !run.has_adapter() {
        return fresh::run(run);
    }
    fresh::refuse_options(run)?;
    let config = Config::of(run)?;
    let keys = keys::Keys::of(&run.adapter_tensor_names()?)?;
    let sites = keys.sites(run)?;
    keys::check_complete(run, &config, &sites)?;
    let mut placer = Placer::new(run, &config)?;
    for (module, site) in &sites {
        let info = run.block_site(*site)?;
        config::check_hidden_size(run, &info)?;
        let weights = Weights::of(run, &config, &keys, module, &info)?;
        record(run, module, &info, &config, &weights)?;
        placer.place(module, &info, &weights)?;
    }
    Ok(())
}

/// Adds an adapter to the report: two products with matrices d×b, and one with the gate's d×1.
fn record(
    run: &Run<'_>,
    module: &str,
    site: &BlockSiteInfo<'_>,
    config: &Config,
    weights: &Weights,
) -> Result<()> {
    let (hidden, size) = (site.hidden_size as u64, weights.size as u64);
    let gate = if weights.gate.is_some() { 2 * hidden } else { 0 };
    let what = format!(
        "{}{} b={size} {}",
        if config.is_parallel { "parallel, " } else { "" },
        sublayer_name(site.sublayer),
        config.activation.name(),
    );
    run.record(&Record {
        module,
        value: Some(site.output),
        what: &what,
        parameters: weights.parameters,
        flops_per_token: 4 * hidden * size + gate,
    })
}

fn sublayer_name(sublayer: Sublayer) -> &'static str {
    match sublayer {
        Sublayer::Attention => "attention",
        Sublayer::CrossAttention => "cross-attention",
        Sublayer::FeedForward => "feed-forward",
    }
}
