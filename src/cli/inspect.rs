//! `peftc inspect`

mod adapter;
mod attention;
mod model;
mod sites;

use super::Global;
use peftc::adapter::Adapter;
use peftc::inspect::{inspect_adapter, inspect_model, list_sites};
use peftc::ir::text::{Options, print_with};
use peftc::{Error, Result, onnx};
use std::path::{Path, PathBuf};

/// Tensors of more elements are left out of the text form.
const MOST_ELEMENTS: u64 = 16;

/// Show what a model or an adapter holds
#[derive(clap::Args)]
pub(super) struct Args {
    /// An ONNX model, a folder with one, an adapter folder, or a checkpoint of bitsandbytes
    path: PathBuf,
    /// Print the model's graph in text form (.pir), without the elements of larger tensors
    #[arg(long)]
    graph: bool,
    /// List the model's sites one by one: linear layers, sublayers, attention
    #[arg(long, conflicts_with = "graph")]
    sites: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    if args.graph {
        return graph(&args.path, global);
    }
    if args.sites {
        return list(&args.path, global);
    }
    if is_adapter(&args.path) {
        let inspection = inspect_adapter(&args.path)?;
        return global.report(&inspection, || adapter::text(&inspection));
    }
    let inspection = inspect_model(&peftc::apply::find_model(&args.path)?)?;
    global.report(&inspection, || model::text(&inspection))
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
