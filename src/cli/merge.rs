//! `peftc merge`

use super::Global;
use super::layers;
use super::style::{count, plural, table};
use peftc::merge::{Job, Limit, METHODS, Method, ModuleReport, Options, Report, merge};
use peftc::{Error, Result};
use std::path::PathBuf;

/// Merge adapters into one adapter, exactly or to a rank
#[derive(clap::Args)]
pub(super) struct Args {
    /// PEFT adapter folders: LoRA, DoRA, AdaLoRA, LoHa, LoKr, of any ranks and targets
    #[arg(required_unless_present = "list")]
    adapters: Vec<PathBuf>,
    /// The folder to write: a LoRA that PEFT and `peftc apply` load
    #[arg(short, long, value_name = "DIR", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// How they become one; --list shows all
    #[arg(long, default_value = "linear")]
    method: String,
    /// Show the methods with their formulas and sources
    #[arg(long)]
    list: bool,
    /// λ, one for each adapter, used as given
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_name = "λ,λ…")]
    weights: Option<Vec<f64>>,
    /// Divide --weights by their sum
    #[arg(long)]
    normalize: bool,
    /// Weights from norms: those of each module, not those over all
    #[arg(long)]
    per_module: bool,
    /// Keep the best approximation of this rank
    #[arg(long, value_name = "R", conflicts_with = "energy")]
    rank: Option<usize>,
    /// Keep the least rank that has this share of ‖Δ‖²
    #[arg(long, value_name = "SHARE")]
    energy: Option<f64>,
    /// The share of elements that sparse methods keep
    #[arg(long, value_name = "SHARE")]
    density: Option<f64>,
    /// breadcrumbs: the share of the largest elements that is left out [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    gamma: Option<f64>,
    /// della: how far probabilities go from the density [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    epsilon: Option<f64>,
    /// Of the random choices of dare and della [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// The ONNX model that the adapters are for: DoRA's change depends on its weights
    #[arg(long, value_name = "MODEL.onnx")]
    base: Option<PathBuf>,
    /// Overwrite the output
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    if args.list {
        return global.report(&methods(), list);
    }
    let output = args.output.clone().ok_or_else(|| Error::input("-o names the folder to write"))?;
    let limit = match (args.rank, args.energy) {
        (Some(rank), _) => Some(Limit::Rank(rank)),
        (None, energy) => energy.map(Limit::Energy),
    };
    let options = Options {
        method: Method::named(&args.method).map_err(|e| Error::input(e.to_string()))?,
        weights: args.weights.clone(),
        normalize: args.normalize,
        per_module: args.per_module,
        density: args.density,
        gamma: args.gamma,
        epsilon: args.epsilon,
        seed: args.seed,
    };
    let base = args.base.as_deref().map(peftc::apply::find_model).transpose()?;
    let (adapters, force) = (args.adapters.clone(), args.force);
    let job = Job { adapters, output, options, limit, base, force };
    let report = merge(&job, &global.context()?)?;
    global.report(&report, || text(&report))
}

#[derive(serde::Serialize)]
struct Methods {
    schema: u32,
    methods: Vec<MethodText>,
}

#[derive(serde::Serialize)]
struct MethodText {
    name: &'static str,
    formula: &'static str,
    source: &'static str,
}

fn methods() -> Methods {
    let text = |m: &Method| MethodText { name: m.name, formula: m.formula, source: m.source };
    Methods { schema: 1, methods: METHODS.iter().map(text).collect() }
}

fn list() -> String {
    let rows = METHODS.iter().map(|m| format!("{}\n    {}\n    {}\n", m.name, m.formula, m.source));
    rows.collect()
}

fn text(report: &Report) -> String {
    let mut text = format!("{}: {}\n\n", report.method, report.formula);
    let adapters = report.adapters.iter().map(|a| {
        let weight = a.weight.map_or("by module".to_owned(), |w| format!("{w:.6}"));
        vec![a.path.display().to_string(), a.peft_type.clone(), format!("{:.6}", a.norm), weight]
    });
    let head = ["adapter", "kind", "‖Δ‖", "λ"].map(str::to_owned).to_vec();
    text += &table(&std::iter::once(head).chain(adapters).collect::<Vec<_>>(), "");
    text += "\n";
    text += &modules(&report.modules);
    let share = if report.norm == 0.0 {
        0.0
    } else {
        report.frobenius_error / report.norm.hypot(report.frobenius_error)
    };
    text += &format!(
        "\n{}, {} parameters, ‖Δ‖ {:.6}",
        plural(report.modules.len(), "module"),
        count(report.parameters),
        report.norm
    );
    text += &match report.frobenius_error {
        0.0 => "; exact but for rounding to f32\n".to_owned(),
        error => {
            format!("; left out {error:.3e}, {:.4}% of what the method gives\n", 100.0 * share)
        }
    };
    text + &format!("written: {}\n", report.output.display())
}

fn modules(modules: &[ModuleReport]) -> String {
    let ranks = |ranks: &[usize]| ranks.iter().map(usize::to_string).collect::<Vec<_>>().join("+");
    let row = |name: String, of: &[&ModuleReport]| {
        let sum =
            |part: fn(&ModuleReport) -> f64| of.iter().map(|m| part(m).powi(2)).sum::<f64>().sqrt();
        let largest = of.iter().map(|m| m.spectral_error).fold(0.0, f64::max);
        vec![
            name,
            format!("{}×{}", of[0].shape[0], of[0].shape[1]),
            ranks(&of[0].ranks),
            of[0].rank.to_string(),
            format!("{:.6}", sum(|m| m.norm)),
            format!("{largest:.3e}"),
            format!("{:.3e}", sum(|m| m.frobenius_error)),
        ]
    };
    let key = |m: &ModuleReport| (m.shape, m.ranks.clone(), m.rank);
    let rows: Vec<Vec<String>> = match layers::grouped(modules, |m| &m.module, key) {
        Some(groups) => groups
            .into_iter()
            .map(|((name, _), of)| row(format!("{name} ({})", of.len()), &of))
            .collect(),
        None => modules.iter().map(|m| row(m.module.clone(), &[m])).collect(),
    };
    let head = ["module", "shape", "ranks", "rank", "‖Δ‖", "σ left out", "‖·‖ left out"];
    let head = head.map(str::to_owned).to_vec();
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), "")
}
