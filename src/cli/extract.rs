//! `peftc extract`

use super::Global;
use super::layers;
use super::style::{count, plural, table, wrapped};
use peftc::adapter::Checkpoint;
use peftc::apply::find_model;
use peftc::extract::{Job, LayerReport, Limit, Report, extract};
use peftc::{Error, Result};
use std::path::PathBuf;

/// Extract the best adapter between a model and the same model after training
#[derive(clap::Args)]
pub(super) struct Args {
    /// The ONNX model before
    base: PathBuf,
    /// The model after: ONNX, or safetensors, a file or a folder
    tuned: PathBuf,
    /// Keep this rank of each layer
    #[arg(long, value_name = "R", conflicts_with = "energy", required_unless_present = "energy")]
    rank: Option<usize>,
    /// Keep the least rank of each layer that has this share of ‖ΔW‖²
    #[arg(long, value_name = "SHARE")]
    energy: Option<f64>,
    /// The folder to write: a LoRA that PEFT and `peftc apply` load
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Overwrite the output
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    let limit = match (args.rank, args.energy) {
        (Some(0), _) => return Err(Error::input("--rank is 0: at least 1 is accepted")),
        (Some(rank), _) => Limit::Rank(rank),
        (None, Some(share)) if share > 0.0 && share <= 1.0 => Limit::Energy(share),
        (None, share) => {
            let share = share.unwrap_or_default();
            return Err(Error::input(format!(
                "--energy is {share}: more than 0, up to 1 is accepted"
            )));
        }
    };
    let tuned = match Checkpoint::is_at(&args.tuned) {
        true => args.tuned.clone(),
        false => find_model(&args.tuned)?,
    };
    let job = Job {
        base: find_model(&args.base)?,
        tuned,
        output: args.output.clone(),
        limit,
        force: args.force,
    };
    let report = extract(&job, &global.context()?)?;
    global.report(&report, || text(&report))
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.layers.is_empty() {
        text += &layers(&report.layers);
        text += "\n";
    }
    text += &format!(
        "{}, {} with equal weights, {} parameters\n",
        plural(report.layers.len(), "layer"),
        report.unchanged,
        count(report.parameters)
    );
    let share = |error: f64| if report.norm == 0.0 { 0.0 } else { 100.0 * error / report.norm };
    text += &format!(
        "‖ΔW‖ {:.6}; left out {:.3e} ({:.4}%), the best of these ranks leaves out {:.3e}\n",
        report.norm,
        report.frobenius_error,
        share(report.frobenius_error),
        report.expected_frobenius_error
    );
    let noise: Vec<String> = report
        .layers
        .iter()
        .filter(|l| l.above_noise < l.rank)
        .map(|l| format!("{} ({} of {})", l.module, l.rank - l.above_noise, l.rank))
        .collect();
    text += &wrapped("noise", &noise);
    if !noise.is_empty() {
        text += "            singular values that may be rounding errors of the stored type\n";
    }
    text += &wrapped("saved whole", &report.saved);
    text += &wrapped("left out", &report.left_out);
    text += &wrapped("note", &report.notes);
    text + &format!("written: {}\n", report.output.display())
}

fn layers(layers: &[LayerReport]) -> String {
    let row = |name: String, of: &[&LayerReport]| {
        let sum =
            |part: fn(&LayerReport) -> f64| of.iter().map(|l| part(l).powi(2)).sum::<f64>().sqrt();
        let largest =
            |part: fn(&LayerReport) -> f64| of.iter().map(|l| part(l)).fold(0.0, f64::max);
        vec![
            name,
            format!("{}×{}", of[0].shape[0], of[0].shape[1]),
            of[0].rank.to_string(),
            format!("{:.3e}", sum(|l| l.weight_norm)),
            format!("{:.3e}", sum(|l| l.norm)),
            format!("{:.3e}", largest(|l| l.singular_values.first().copied().unwrap_or(0.0))),
            format!(
                "{:.3e} ({:.3e})",
                largest(|l| l.spectral_error),
                largest(|l| l.expected_spectral_error)
            ),
            format!(
                "{:.3e} ({:.3e})",
                sum(|l| l.frobenius_error),
                sum(|l| l.expected_frobenius_error)
            ),
            format!("{:.3e}", largest(|l| l.noise_floor)),
        ]
    };
    let rows: Vec<Vec<String>> = match layers::grouped(layers, |l| &l.module, |l| (l.shape, l.rank))
    {
        Some(groups) => groups
            .into_iter()
            .map(|((name, _), of)| row(format!("{name} ({})", of.len()), &of))
            .collect(),
        None => layers.iter().map(|l| row(l.module.clone(), &[l])).collect(),
    };
    let head = [
        "module",
        "shape",
        "rank",
        "‖W‖",
        "‖ΔW‖",
        "σ₁",
        "‖·‖₂ left out ≥ (σ next)",
        "‖·‖_F left out (best)",
        "noise",
    ];
    let head = head.map(str::to_owned).to_vec();
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), "")
}
