//! What `peftc inspect` says of what an adapter does to weights.

use crate::cli::layers;
use crate::cli::style::{count, decimals, plural, table};
use peftc::inspect::{Changes, LayerChange};

/// Singular values of a line at most.
const MOST_VALUES: usize = 6;
/// The share of energy whose rank is shown.
const SHARE: f64 = 0.9;

pub(super) fn text(changes: &Changes) -> String {
    let mut text = format!(
        "changes     {}, ‖θ−θ0‖ {}\n",
        plural(changes.layers.len(), "weight"),
        decimals(changes.norm, 6)
    );
    text += &format!(
        "trained     {} for {} of the weights, r(d+k)/dk = {:.2}%\n",
        count(changes.trained),
        count(changes.weights),
        100.0 * changes.ratio
    );
    if !changes.replaced.is_empty() {
        let replaced = plural(changes.replaced.len(), "tensor");
        text += &format!("replaced    {replaced}, whose change depends on the base\n");
    }
    text + &table(&rows(&changes.layers), "  ")
}

fn rows(layers: &[LayerChange]) -> Vec<Vec<String>> {
    let key = |l: &LayerChange| (l.layer, l.shape.clone(), l.rank, l.singular_values.len());
    let rows: Vec<Vec<String>> = match layers::grouped(layers, |l| &l.module, key) {
        Some(groups) => groups
            .into_iter()
            .map(|((name, _), of)| match of.as_slice() {
                [one] => row(one.module.clone(), &of),
                _ => row(format!("{name} ({})", of.len()), &of),
            })
            .collect(),
        None => layers.iter().map(|layer| row(layer.module.clone(), &[layer])).collect(),
    };
    let is_grouped = rows.len() < layers.len();
    let of = if is_grouped { "mean " } else { "" };
    let head = [
        "module".to_owned(),
        "weight".to_owned(),
        "rank".to_owned(),
        "‖ΔW‖".to_owned(),
        if is_grouped { "largest ‖ΔW‖₂".to_owned() } else { "‖ΔW‖₂".to_owned() },
        format!("{of}effective rank"),
        format!("{of}stable rank"),
        format!("{:.0}% of ‖ΔW‖² at", 100.0 * SHARE),
        "r(d+k)/dk".to_owned(),
        format!("{of}singular values"),
    ];
    std::iter::once(head.to_vec()).chain(rows).collect()
}

/// A row of layers of one kind: norms are those of all together.
fn row(name: String, of: &[&LayerChange]) -> Vec<String> {
    let mean = |part: &dyn Fn(&LayerChange) -> f64| {
        of.iter().map(|layer| part(layer)).sum::<f64>() / of.len() as f64
    };
    let shape: Vec<String> = of[0].shape.iter().map(u64::to_string).collect();
    let norm = of.iter().map(|l| l.norm.powi(2)).sum::<f64>().sqrt();
    let largest = of.iter().map(|l| l.spectral_norm).fold(0.0, f64::max);
    vec![
        name,
        shape.join("×"),
        of[0].rank.to_string(),
        decimals(norm, 6),
        decimals(largest, 6),
        format!("{:.2}", mean(&|l| l.effective_rank)),
        format!("{:.2}", mean(&|l| l.stable_rank)),
        ranks(of.iter().map(|layer| needed(layer)).collect()),
        format!("{:.2}%", 100.0 * mean(&|l| l.ratio)),
        values(of[0].singular_values.len(), |at| mean(&|l| l.singular_values[at])),
    ]
}

/// The least rank with the share of energy that is shown; 0 of no change.
fn needed(layer: &LayerChange) -> usize {
    layer.energy_by_rank.iter().position(|&share| share >= SHARE).map_or(0, |at| at + 1)
}

fn ranks(ranks: Vec<usize>) -> String {
    let (least, most) = (ranks.iter().min().copied(), ranks.iter().max().copied());
    match (least, most) {
        (Some(least), Some(most)) if least != most => format!("{least}–{most}"),
        (least, _) => least.unwrap_or(0).to_string(),
    }
}

fn values(count: usize, value: impl Fn(usize) -> f64) -> String {
    let shown: Vec<String> = (0..count.min(MOST_VALUES)).map(|at| decimals(value(at), 4)).collect();
    shown.join(" ") + if count > MOST_VALUES { " …" } else { "" }
}
