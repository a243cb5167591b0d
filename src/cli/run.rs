//! `peftc run`

use super::Global;
use super::style::table;
use peftc::Result;
use peftc::run::{Job, Report, run as run_model};
use std::path::PathBuf;

/// Run a model on stored inputs
#[derive(clap::Args)]
pub(super) struct Args {
    /// The ONNX model
    model: PathBuf,
    /// Inputs: an archive (.npz), an array (NAME.npy), or a folder with input_0.pb and so on
    #[arg(short, long, value_name = "PATH")]
    input: Vec<PathBuf>,
    /// Where outputs go: an archive (.npz), or a folder that gets output_0.pb and so on
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Overwrite the output
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    let job = Job {
        model: peftc::apply::find_model(&args.model)?,
        inputs: args.input.clone(),
        output: args.output.clone(),
        force: args.force,
    };
    let report = run_model(&job, &global.context()?)?;
    global.report(&report, || text(&report))
}

fn text(report: &Report) -> String {
    let rows: Vec<Vec<String>> =
        report.outputs.iter().map(|o| vec![o.name.clone(), o.ty.clone()]).collect();
    table(&rows, "")
}
