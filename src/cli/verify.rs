//! `peftc verify`

use super::Global;
use super::run::InputArgs;
use super::style::table;
use peftc::Result;
use peftc::verify::{CaseReport, Job, OutputReport, Report, Tolerance, verify};
use std::path::PathBuf;

/// Compare what two models compute, on the same inputs; those that are not given are made
#[derive(clap::Args)]
pub(super) struct Args {
    /// The model that is right
    left: PathBuf,
    /// The model that is to compute the same
    right: PathBuf,
    /// A model that both are to differ from, such as the one before adapters
    #[arg(long, value_name = "MODEL")]
    base: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
    /// The largest ‖x − y‖/‖x‖ of outputs of floats [default: 1e-4, 5e-3 for types of 16 bits]
    #[arg(long, value_name = "SHARE")]
    rtol: Option<f64>,
    /// The largest |x − y| at which an output is the same whatever ‖x − y‖/‖x‖ is
    #[arg(long, value_name = "NUMBER")]
    atol: Option<f64>,
    /// Find the first node where they part
    #[arg(long)]
    bisect: bool,
}

/// The report, and whether the models compute the same.
pub(super) fn run(args: &Args, global: &Global) -> Result<(String, bool)> {
    let job = Job {
        base: args.base.as_deref().map(peftc::apply::find_model).transpose()?,
        inputs: args.inputs.input.clone(),
        random: args.inputs.random(0),
        tolerance: Tolerance { relative: args.rtol, absolute: args.atol },
        bisect: args.bisect,
        threads: global.threads,
        ..Job::new(peftc::apply::find_model(&args.left)?, peftc::apply::find_model(&args.right)?)
    };
    let report = verify(&job)?;
    Ok((global.report(&report, || text(&report))?, report.holds))
}

fn text(report: &Report) -> String {
    let cases: String = report.cases.iter().map(case).collect();
    let verdict = if report.holds { "the same" } else { "not the same" };
    format!("{cases}{verdict}\n")
}

fn case(case: &CaseReport) -> String {
    let mut rows =
        vec![["output", "max", "RMS", "relative", "at most", ""].map(str::to_owned).to_vec()];
    rows.extend(case.outputs.iter().map(row));
    let mut text = format!("inputs: {}\n{}", case.inputs.join(", "), table(&rows, "  "));
    for output in &case.outputs {
        if let Some([left, right]) = output.base {
            text += &format!(
                "  {}: the base is {left:.3e} from the first, {right:.3e} from the second\n",
                output.name
            );
        }
    }
    if let Some(parts) = &case.parts {
        text += &format!("  they part at {}: {:.3e}\n", parts.node, parts.relative);
    }
    text
}

fn row(output: &OutputReport) -> Vec<String> {
    let number = |of: fn(&peftc::verify::Distance) -> f64| {
        output.distance.as_ref().map_or("–".to_owned(), |d| format!("{:.3e}", of(d)))
    };
    vec![
        format!("{} {}", output.name, output.ty),
        number(|d| d.max),
        number(|d| d.rms),
        number(|d| d.relative),
        format!("{:e}", output.tolerance),
        output.wrong.clone().unwrap_or_else(|| "the same".to_owned()),
    ]
}
