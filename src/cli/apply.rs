//! `peftc apply`

use super::Global;
use super::layers;
use super::style::{bytes, count, percent, plural, table};
use peftc::adapter::Adapter;
use peftc::apply::{self, AdapterReport, Approximation, Job, PassReport, Report, WeightError};
use peftc::onnx::{ExternalData, WriteOptions};
use peftc::plugin::{Plugins, Record};
use peftc::recipe::Recipe;
use peftc::{Error, Level, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Apply a recipe, or one adapter, to a model
#[derive(clap::Args)]
pub(super) struct Args {
    /// A recipe (.toml), a PEFT adapter folder, or a checkpoint of bitsandbytes in 4 bits
    recipe: PathBuf,
    /// An ONNX model, or a folder with one
    model: PathBuf,
    /// Where to write; with a / at the end, a folder with the model's configuration and tokenizer
    #[arg(short, long, value_name = "OUT.onnx|DIR/")]
    output: Option<PathBuf>,
    /// How the adapter is applied: merge, inject
    #[arg(long)]
    mode: Option<String>,
    /// Set an option of a pass; may be given more than once
    #[arg(long, value_name = "PASS.OPTION=VALUE")]
    set: Vec<String>,
    /// Check everything and report, but compute and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Overwrite the output; apply an adapter that is already applied, or for models of another type
    #[arg(long)]
    force: bool,
    /// Write although fields of the model that this version does not know get lost
    #[arg(long)]
    drop_unknown: bool,
    /// Where the output's tensors are stored
    #[arg(long, value_enum, default_value_t = Placement::Auto)]
    external_data: Placement,
    /// Leave unchanged weights in the model's data file and refer to it: the output needs that
    /// file, in its folder or below it, as it is now
    #[arg(long)]
    link_weights: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Placement {
    /// As the input: in the model file unless the input has external data or it gets too large
    Auto,
    /// Large tensors in a data file
    Always,
    /// All in the model file
    Never,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    let context = global.context()?;
    let plugins = global.plugins()?;
    let job = Job {
        recipe: recipe(args, &plugins)?,
        model: args.model.clone(),
        output: args.output.clone(),
        dry_run: args.dry_run,
        force: args.force,
        drop_unknown: args.drop_unknown,
        write: WriteOptions {
            external_data: match args.external_data {
                Placement::Auto => ExternalData::Auto,
                Placement::Always => ExternalData::Always,
                Placement::Never => ExternalData::Never,
            },
            link_weights: args.link_weights,
            refuse_existing: !args.force,
        },
    };
    let report = apply::apply(&job, &plugins, &context).map_err(|e| with_command(e, &job))?;
    global.report(&report, || text(&report))
}

/// A refusal that `--force` lifts says which command does it.
fn with_command(error: Error, job: &Job) -> Error {
    if job.force || !error.helps().iter().any(|h| h.starts_with("--force")) {
        return error;
    }
    let words: Vec<String> = std::env::args().map(|word| quoted(&word)).collect();
    error.help(format!("{} --force", words.join(" ")))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn recipe(args: &Args, plugins: &Plugins) -> Result<Recipe> {
    let mut recipe = if args.recipe.is_dir() || Adapter::is_at(&args.recipe) {
        let adapter = Adapter::open(&args.recipe)?;
        let selected = plugins.pass_for_peft_type(adapter.kind())?;
        Recipe::for_adapter(&args.recipe, &selected.pass.name)
    } else if is_recipe(&args.recipe) {
        Recipe::read(&args.recipe)?
    } else {
        return Err(Error::input(format!(
            "{}: neither a recipe (.toml) nor an adapter",
            args.recipe.display()
        )));
    };
    if let Some(mode) = &args.mode {
        recipe.set_for_all(|pass| plugins.has_option(pass, "mode"), "mode", mode)?;
    }
    for assignment in &args.set {
        recipe.set(assignment)?;
    }
    Ok(recipe)
}

fn is_recipe(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "toml") || path.is_file()
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for pass in &report.passes {
        text += &pass_text(pass);
    }
    text += &parameters_text(report);
    for input in &report.added_inputs {
        text += &format!("new input   {input}\n");
    }
    let verb = if report.dry_run { "would write " } else { "wrote       " };
    for file in &report.files {
        text += &format!("{verb}{} ({})\n", file.path.display(), bytes(file.bytes));
    }
    for file in &report.linked {
        let verb = if report.dry_run { "would link  " } else { "linked      " };
        text += &format!("{verb}{} ({}, not copied)\n", file.location, bytes(file.bytes));
    }
    if !report.side_files.is_empty() {
        let verb = if report.dry_run { "would copy  " } else { "copied      " };
        text += &format!("{verb}{}\n", report.side_files.join(", "));
    }
    if !report.left_out.is_empty() {
        text += &format!("left out    {}\n", report.left_out.join(", "));
    }
    text + &format!("time        {:.2} s\n", report.seconds)
}

fn parameters_text(report: &Report) -> String {
    let model = count(report.model_parameters);
    if report.passes.is_empty() {
        return format!("parameters  {model}, unchanged: the recipe has no pass\n");
    }
    if report.adapter_parameters == 0 {
        return format!("parameters  {model} of the model\n");
    }
    let adapter = count(report.adapter_parameters);
    let share = percent(report.adapter_parameters, report.model_parameters);
    let added = count(report.added_parameters);
    format!(
        "parameters  {adapter} of adapters, {share} of the model's {model}; {added} added to the graph\n"
    )
}

fn pass_text(pass: &PassReport) -> String {
    let mut text = format!("{}  ({})\n", pass.pass, pass.plugin);
    if let Some(adapter) = &pass.adapter {
        text += &format!("  adapter   {} ({})\n", adapter.path.display(), adapter.peft_type);
        text += &format!("  base      {}\n", base_text(adapter));
    }
    for (key, value) in &pass.options {
        text += &format!("  {key:<9} {value}\n");
    }
    let modules: BTreeSet<&str> = pass.bound.iter().map(|r| r.module.as_str()).collect();
    text += &format!("  bound     {}\n", plural(modules.len(), "module"));
    text += &table(&bound_rows(&pass.bound), "            ");
    if pass.flops_per_token > 0 {
        let flops = count(pass.flops_per_token);
        text += &format!("  cost      {flops} more FLOPs per token\n");
    }
    for archive in &pass.archives {
        text += &format!("  archive   {}\n", archive.display());
    }
    for copied in &pass.copied_weights {
        text += &format!(
            "  copied    {} is used in {} other place(s) too: it stays, {} is the changed copy\n",
            copied.weight, copied.other_uses, copied.copy
        );
    }
    if let Some(loss) = &pass.rounding {
        text += &format!(
            "  rounding  {} of {} merged elements keep their value ({})\n",
            count(loss.unchanged),
            count(loss.elements),
            percent(loss.unchanged, loss.elements)
        );
    }
    if let Some(approximation) = &pass.approximation {
        text += &error_text(approximation);
    }
    for note in &pass.notes {
        let level = if note.level == Level::Warning { "warning" } else { "note" };
        let about = if note.node.is_empty() { String::new() } else { format!("{}: ", note.node) };
        text += &format!("  {level:<9} {about}{}\n", note.message);
    }
    text + "\n"
}

/// The errors of all weights together, and of each; in larger models the range of those that differ
/// in layer numbers alone.
fn error_text(approximation: &Approximation) -> String {
    let Approximation { total, weights } = approximation;
    let cells = |errors: &[&WeightError]| {
        let range = |unit: &str, digits: usize, of: &dyn Fn(&WeightError) -> Option<f64>| {
            range(errors.iter().filter_map(|e| of(e)), unit, digits)
        };
        vec![
            range("bits", 3, &|e| Some(e.bits_per_weight)),
            range("σ rms", 4, &|e| e.rms_in_sigma),
            range("σ at most", 3, &|e| e.max_in_sigma),
            range("dB", 2, &|e| e.snr_db),
        ]
    };
    let row = |name: String, errors: &[&WeightError]| {
        std::iter::once(name).chain(cells(errors)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = match layers::grouped(weights, |w| &w.weight, |_| ()) {
        None => weights.iter().map(|w| row(w.weight.clone(), &[&w.error])).collect(),
        Some(groups) => groups
            .into_iter()
            .map(|((name, ()), weights)| {
                row(name, &weights.iter().map(|w| &w.error).collect::<Vec<_>>())
            })
            .collect(),
    };
    let text = format!(
        "  error     {}; {:.3e} rms, {:.3e} at most\n",
        cells(&[total]).join(", "),
        total.rms,
        total.max
    );
    text + &table(&rows, "            ") + &output_error_text(approximation)
}

/// Both sides of the bound on the outputs' error, where inputs were given.
fn output_error_text(approximation: &Approximation) -> String {
    let line = |(name, error): (&str, &WeightError)| {
        let outputs = error.outputs.as_ref()?;
        let relative = outputs.relative.map(|r| format!(", {r:.4} of ‖x·Wᵀ‖")).unwrap_or_default();
        Some(format!(
            "  on inputs {name}: ‖x·(W − Ŵ)ᵀ‖ = {:.4e} ≤ ‖W − Ŵ‖·‖x‖ = {:.4e}{relative}\n",
            outputs.norm, outputs.bound
        ))
    };
    let weights = approximation.weights.iter().map(|w| (w.weight.as_str(), &w.error));
    weights.chain([("all", &approximation.total)]).filter_map(line).collect()
}

/// The least and the largest of some numbers, once where they look alike.
fn range(numbers: impl Iterator<Item = f64>, unit: &str, digits: usize) -> String {
    let text = |number: f64| format!("{number:.digits$}");
    let ends = numbers.fold(None, |ends: Option<(f64, f64)>, n| match ends {
        None => Some((n, n)),
        Some((least, most)) => Some((least.min(n), most.max(n))),
    });
    match ends.map(|(least, most)| (text(least), text(most))) {
        None => "–".to_owned(),
        Some((least, most)) if least == most => format!("{least} {unit}"),
        Some((least, most)) => format!("{least} to {most} {unit}"),
    }
}

/// A row for every module; in larger models one for modules that differ in layer numbers alone.
fn bound_rows(bound: &[Record]) -> Vec<Vec<String>> {
    let row = |module: String, what: &str, records: &[&Record], place: String| {
        let sum = |of: fn(&Record) -> u64| records.iter().map(|record| of(record)).sum();
        let cell =
            |number: u64, unit: &str| (number > 0).then(|| format!("{} {unit}", count(number)));
        let cells = [
            cell(sum(|r| r.parameters), "parameters"),
            cell(sum(|r| r.flops_per_token), "FLOPs per token"),
        ];
        let cost = cells.into_iter().flatten().collect::<Vec<_>>().join(", ");
        vec![module, what.to_owned(), cost, place]
    };
    match layers::grouped(bound, |r| &r.module, |r| &r.what) {
        None => bound
            .iter()
            .map(|r| row(r.module.clone(), &r.what, &[r], format!("-> {}", r.target)))
            .collect(),
        Some(groups) => groups
            .into_iter()
            .map(|((module, what), records)| {
                let place = format!("in {}", plural(records.len(), "place"));
                row(module, what, &records, place)
            })
            .collect(),
    }
}

fn base_text(adapter: &AdapterReport) -> String {
    let of_type = adapter.base_model_type.as_ref();
    let of_type = of_type.map(|t| format!(", of type {t}")).unwrap_or_default();
    match &adapter.base_model_name_or_path {
        None => format!("the adapter does not say which model it is for{of_type}"),
        Some(base) if adapter.base_verified => {
            format!("{base} (the model's config.json names it too)")
        }
        Some(base) => format!("{base}{of_type} (not verified: the model does not name its base)"),
    }
}
