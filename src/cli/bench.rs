//! `peftc bench`

use super::Global;
use super::run::InputArgs;
use super::style::{bytes, decimals, plural, table};
use peftc::Result;
use peftc::bench::{Job, Report, bench};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Time a model, beside what the machine can do; inputs that are not given are made
#[derive(clap::Args)]
pub(super) struct Args {
    /// The ONNX model
    model: PathBuf,
    #[command(flatten)]
    inputs: InputArgs,
    /// The length of the past that is made, for models that take one
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    past: i64,
    /// How often the model is timed, instead of for some time
    #[arg(long, value_name = "N")]
    runs: Option<NonZeroUsize>,
    /// How long the model is timed, in seconds; three runs at least
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = parse_seconds)]
    seconds: Duration,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.ok_or_else(|| "a number of 0 or more is accepted".to_owned())
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    let report = bench(&Job {
        model: peftc::apply::find_model(&args.model)?,
        inputs: args.inputs.input.clone(),
        random: args.inputs.random(args.past),
        threads: global.threads,
        runs: args.runs,
        time: args.seconds,
    })?;
    global.report(&report, || text(&report))
}

fn text(report: &Report) -> String {
    let ms = |seconds: f64| decimals(1e3 * seconds, 3);
    let spread = &report.seconds;
    let rows = [
        ("load", ms(report.load)),
        ("session", format!("{} (compiling {})", ms(report.session), ms(report.compile))),
        ("first run", ms(report.first)),
        (
            "run",
            format!(
                "{} (median; least {}, p10 {}, p90 {}; {})",
                ms(spread.median),
                ms(spread.min),
                ms(spread.p10),
                ms(spread.p90),
                plural(spread.runs, "run")
            ),
        ),
    ];
    let rows = rows.map(|(what, ms)| vec![what.to_owned(), ms]);
    let memory = report.peak_memory.map_or("unknown".to_owned(), bytes);
    format!(
        "inputs: {}\nin ms, {}:\n{}peak memory: {memory}\n\n{}",
        report.inputs.join(", "),
        plural(report.threads, "thread"),
        table(&rows, "  "),
        table(&rates(report), "")
    )
}

/// What the model reached, what the machine can do, and the share.
fn rates(report: &Report) -> Vec<Vec<String>> {
    let number = |x: f64| decimals(x, 2);
    let share = |part: f64, whole: f64| format!("{}%", decimals(100.0 * part / whole, 1));
    let (flops, bytes) = (report.gflops, report.gigabytes);
    let mut rows = vec![
        ["", "GFLOP/s", "GB/s", "GB/s copied"].map(str::to_owned).to_vec(),
        vec!["the model".to_owned(), number(flops), number(bytes)],
    ];
    for ceiling in &report.ceilings {
        let can = format!("{} can", plural(ceiling.threads, "thread"));
        rows.push(vec![can, number(ceiling.gflops), number(ceiling.read), number(ceiling.copy)]);
        rows.push(vec![
            "  the model's share".to_owned(),
            share(flops, ceiling.gflops),
            share(bytes, ceiling.read),
            share(bytes, ceiling.copy),
        ]);
    }
    rows
}
