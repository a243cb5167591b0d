//! `peftc run`

use super::Global;
use super::style::{count, decimals, table};
use peftc::run::{Job, ProfileReport, Random, Report, run as run_model};
use peftc::runtime::profile::Group;
use peftc::{Error, Result};
use std::path::PathBuf;

/// Where inputs come from.
#[derive(clap::Args)]
pub(super) struct InputArgs {
    /// Inputs: an archive (.npz), an array (NAME.npy), or a folder with input_0.pb and so on
    #[arg(short, long, value_name = "PATH")]
    pub(super) input: Vec<PathBuf>,
    /// Of inputs that are made the size of an axis by its name, such as batch=2; may be given more than once
    #[arg(long, value_name = "NAME=SIZE", value_parser = parse_dim)]
    dim: Vec<(String, i64)>,
    /// Of inputs that are made
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl InputArgs {
    fn is_default(&self) -> bool {
        self.dim.is_empty() && self.seed == 0
    }

    pub(super) fn random(&self, past: i64) -> Random {
        Random { seed: self.seed, dims: self.dim.iter().cloned().collect(), past }
    }
}

fn parse_dim(text: &str) -> Result<(String, i64), String> {
    let (name, size) = text.split_once('=').ok_or("NAME=SIZE is accepted, such as batch=2")?;
    let size = size.parse().ok().filter(|&size: &i64| size >= 0);
    Ok((name.to_owned(), size.ok_or(format!("{name}: a size of 0 or more is accepted"))?))
}

/// Run a model on stored inputs
#[derive(clap::Args)]
pub(super) struct Args {
    /// The ONNX model
    model: PathBuf,
    #[command(flatten)]
    inputs: InputArgs,
    /// Make the inputs that are not given
    #[arg(long = "random")]
    is_random: bool,
    /// Write all inputs, also those that were made, into an archive (.npz)
    #[arg(long, value_name = "PATH")]
    save_inputs: Option<PathBuf>,
    /// Where outputs go: an archive (.npz), or a folder that gets output_0.pb and so on
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Overwrite what is written
    #[arg(long)]
    force: bool,
    /// Report what the time goes to, and write a trace of it that Chrome and Perfetto open
    #[arg(long, value_name = "TRACE.json", num_args = 0..=1, require_equals = true)]
    profile: Option<Option<PathBuf>>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    if !args.is_random && !args.inputs.is_default() {
        return Err(Error::input("--dim and --seed are for inputs that are made: --random"));
    }
    let job = Job {
        model: peftc::apply::find_model(&args.model)?,
        inputs: args.inputs.input.clone(),
        random: args.is_random.then(|| args.inputs.random(3)),
        save_inputs: args.save_inputs.clone(),
        output: args.output.clone(),
        threads: global.threads,
        force: args.force,
        profile: args.profile.is_some(),
        trace: args.profile.clone().flatten(),
    };
    let report = run_model(&job)?;
    global.report(&report, || text(&report))
}

fn text(report: &Report) -> String {
    let rows: Vec<Vec<String>> =
        report.outputs.iter().map(|o| vec![o.name.clone(), o.ty.clone()]).collect();
    let profile = report.profile.as_ref().map(profile).unwrap_or_default();
    table(&rows, "") + &profile
}

fn profile(profile: &ProfileReport) -> String {
    const NODES: usize = 10;
    let titles =
        |first: &str| [first, "calls", "ms", "%", "GFLOP/s", "GB/s"].map(str::to_owned).to_vec();
    let mut rows = vec![titles("step")];
    rows.extend(profile.kinds.iter().map(row));
    rows.push(titles("node"));
    rows.extend(profile.nodes.iter().take(NODES).map(row));
    format!("\n{:.3} ms\n{}", 1e3 * profile.seconds, table(&rows, "  "))
}

fn row(group: &Group) -> Vec<String> {
    let rate = |amount: u64| match amount {
        0 => "–".to_owned(),
        _ => decimals(amount as f64 / group.seconds.max(1e-9) / 1e9, 2),
    };
    vec![
        group.name.clone(),
        count(group.calls),
        format!("{:.3}", 1e3 * group.seconds),
        format!("{:.1}", 100.0 * group.share),
        rate(group.flops),
        rate(group.bytes),
    ]
}
