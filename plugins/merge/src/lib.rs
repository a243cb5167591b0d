//! The pass `merge`: several adapters into a model at once, whatever PEFT calls their kind.
//!
//! W + Δ, where Δ is what a method makes of the changes s·B·A of all adapters (`peftc merge --list`).
//! Sums of factors, and combinations element by element, are exact but for one rounding to the
//! weight's type; where a rank is asked for it is the nearest of that rank.

mod layer;
mod plan;
mod settings;
mod tasks;

use peftc_plugin::{Result, Run, saved};
use plan::Plan;
use settings::Settings;

peftc_plugin::export_plugin! {
    passes: [{
        name: "merge",
        summary: "several adapters at once, by the algebra of their changes",
        peft_types: ["several", "LOHA", "LOKR", "ADALORA", "DORA"],
        options: [
            {
                key: "mode",
                kind: String,
                default: "\"merge\"",
                choices: ["merge", "compose", "inject"],
                help: "into the weights; into the weights with a weight of 1 each; or as one side branch",
            },
            { key: "method", kind: String, default: "\"linear\"", choices: [], help: "how they become one: `peftc merge --list`" },
            { key: "weights", kind: List, default: "", choices: [], help: "a number for each adapter, used as given" },
            { key: "normalize", kind: Bool, default: "", choices: [], help: "divide weights by their sum" },
            { key: "per_module", kind: Bool, default: "", choices: [], help: "weights from norms: those of each module" },
            { key: "rank", kind: Int, default: "", choices: [], help: "keep the nearest of this rank" },
            { key: "energy", kind: Float, default: "", choices: [], help: "keep the nearest that has this share of ‖Δ‖²_F" },
            { key: "density", kind: Float, default: "", choices: [], help: "the share of elements that sparse methods keep" },
            { key: "gamma", kind: Float, default: "", choices: [], help: "breadcrumbs: the share of the largest that is left out; 0.01" },
            { key: "epsilon", kind: Float, default: "", choices: [], help: "della: how far probabilities go from the density; 0.1" },
            { key: "seed", kind: Int, default: "", choices: [], help: "of the random choices of dare and della; 0" },
        ],
        run: run,
    }],
    task_kinds: [
        { name: "scales", split_axes: [0], run: tasks::scales::run },
        { name: "sum", split_axes: [0, 1], run: tasks::sum::run },
        { name: "bounds", split_axes: [], run: tasks::elementwise::bounds },
        { name: "elementwise", split_axes: [0], run: tasks::elementwise::rows },
        { name: "elementwise-turned", split_axes: [1], run: tasks::elementwise::columns },
        { name: "factors", split_axes: [], run: tasks::factors::run },
        { name: "branch", split_axes: [], run: tasks::branch::run },
        { name: "turn", split_axes: [], run: saved::turn },
    ],
}

fn run(run: &Run<'_>) -> Result<()> {
    let plan = Plan::of(run)?;
    let settings = Settings::of(run, plan.adapters)?;
    plan.check_modules(run)?;
    layer::all(run, &plan, &settings)?;
    plan.replace_saved(run)
}
