//! `peftc inspect`

mod adapter;
mod attention;
mod changes;
mod model;
mod pairs;
mod sites;

use super::Global;
use peftc::adapter::Adapter;
use peftc::inspect::{HtmlReport, compare_adapters, inspect_changes, inspect_model, list_sites};
use peftc::ir::text::{Options, print_with};
use peftc::{Error, Result, onnx};
use std::path::{Path, PathBuf};

/// Tensors of more elements are left out of the text form.
const MOST_ELEMENTS: u64 = 16;

/// Show what a model or an adapter holds, or what adapters have in common
#[derive(clap::Args)]
pub(super) struct Args {
    /// An ONNX model, a folder with one, an adapter folder, or a checkpoint of bitsandbytes; or several
    /// adapters, to compare them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print the model's graph in text form (.pir), without the elements of larger tensors
    #[arg(long)]
    graph: bool,
    /// List the model's sites one by one: linear layers, sublayers, attention
    #[arg(long, conflicts_with = "graph")]
    sites: bool,
    /// Write charts of what adapters do to weights: an HTML file that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["graph", "sites"])]
    report: Option<PathBuf>,
    /// Overwrite the report
    #[arg(long, requires = "report")]
    force: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    let report = args.report.clone().map(|path| HtmlReport::at(path, args.force)).transpose()?;
    let [path] = args.paths.as_slice() else { return compare(args, report.as_ref(), global) };
    if args.graph {
        return graph(path, global);
    }
    if args.sites {
        return list(path, global);
    }
    if is_adapter(path) {
        let inspection = inspect_changes(path, &global.context()?)?;
        if let Some(report) = report {
            report.write(std::slice::from_ref(&inspection), &[])?;
        }
        return global.report(&inspection, || adapter::text(&inspection));
    }
    if report.is_some() {
        let message = format!("{}: is no adapter", path.display());
        return Err(Error::input(message).help("--report is for adapters"));
    }
    let inspection = inspect_model(&peftc::apply::find_model(path)?)?;
    global.report(&inspection, || model::text(&inspection))
}

fn compare(args: &Args, report: Option<&HtmlReport>, global: &Global) -> Result<String> {
    if args.graph || args.sites {
        let option = if args.graph { "--graph" } else { "--sites" };
        return Err(Error::input(format!(
            "{option} is for one model, not for {}",
            args.paths.len()
        )));
    }
    if let Some(other) = args.paths.iter().find(|path| !is_adapter(path)) {
        return Err(Error::input(format!("{}: is no adapter", other.display()))
            .help("accepted: one model, one adapter, or several adapters, to compare them"));
    }
    let comparison = compare_adapters(&args.paths, &global.context()?)?;
    if let Some(report) = report {
        report.write(&comparison.adapters, &comparison.pairs)?;
    }
    global.report(&comparison, || pairs::text(&comparison))
}

/// A folder with an adapter, or with a checkpoint and no ONNX model beside it.
fn is_adapter(path: &Path) -> bool {
    path.join("adapter_config.json").exists()
        || Adapter::is_at(path) && !(path.is_dir() && peftc::apply::find_model(path).is_ok())
}

fn list(path: &Path, global: &Global) -> Result<String> {
    if is_adapter(path) {
        let message = format!("{}: is an adapter, which has no sites", path.display());
        return Err(Error::input(message).help("--sites is for models"));
    }
    let listing = list_sites(&peftc::apply::find_model(path)?)?;
    global.report(&listing, || sites::text(&listing))
}

fn graph(path: &Path, global: &Global) -> Result<String> {
    if global.json {
        return Err(Error::input("--graph prints the text form of a model, which is no JSON")
            .help("accepted: one of --graph and --json"));
    }
    if is_adapter(path) {
        let message = format!("{}: is an adapter, which has no graph", path.display());
        return Err(Error::input(message).help("--graph is for models"));
    }
    let read = onnx::read(&peftc::apply::find_model(path)?)?;
    Ok(print_with(&read.model, Options { most_elements: MOST_ELEMENTS }))
}
