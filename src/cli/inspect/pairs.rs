//! What `peftc inspect` says of several adapters.

use crate::cli::layers;
use crate::cli::style::{count, decimals, plural, table};
use peftc::inspect::{AdapterComparison, AdapterInspection, Pair, SharedLayer};

pub(super) fn text(comparison: &AdapterComparison) -> String {
    let AdapterComparison { adapters, pairs, .. } = comparison;
    let head =
        ["", "adapter", "kind", "parameters", "weights", "‖θ−θ0‖", "r(d+k)/dk"].map(str::to_owned);
    let rows = adapters.iter().enumerate().map(|(at, adapter)| adapter_row(at, adapter));
    let mut text = table(&std::iter::once(head.to_vec()).chain(rows).collect::<Vec<_>>(), "");
    text += "\n";
    let head = [
        "pair",
        "weights of both",
        "cosine",
        "mean cosine",
        "overlap of B",
        "overlap of A",
        "sign conflict",
    ];
    let head = head.map(str::to_owned).to_vec();
    text +=
        &table(&std::iter::once(head).chain(pairs.iter().map(pair_row)).collect::<Vec<_>>(), "");
    for pair in pairs {
        text += &format!("\n{}\n", name(pair));
        text += &table(&layers(&pair.layers), "  ");
        for (at, only) in [(pair.left, &pair.only_left), (pair.right, &pair.only_right)] {
            text += &alone(at, only);
        }
    }
    text
}

fn name(pair: &Pair) -> String {
    format!("{} and {}", pair.left + 1, pair.right + 1)
}

fn adapter_row(at: usize, adapter: &AdapterInspection) -> Vec<String> {
    let mut row = vec![
        (at + 1).to_string(),
        adapter.path.display().to_string(),
        adapter.peft_type.clone(),
        count(adapter.parameters),
    ];
    if let Some(changes) = &adapter.changes {
        row.extend([
            changes.layers.len().to_string(),
            decimals(changes.norm, 6),
            format!("{:.2}%", 100.0 * changes.ratio),
        ]);
    }
    row
}

fn pair_row(pair: &Pair) -> Vec<String> {
    let numbers =
        [pair.cosine, pair.mean_cosine, pair.column_overlap, pair.row_overlap, pair.sign_conflict];
    let texts = [name(pair), pair.layers.len().to_string()];
    let shown = |x: f64| if pair.layers.is_empty() { "–".to_owned() } else { format!("{x:.6}") };
    texts.into_iter().chain(numbers.map(shown)).collect()
}

fn layers(layers: &[SharedLayer]) -> Vec<Vec<String>> {
    let row = |name: String, of: &[&SharedLayer]| {
        let mean = |part: fn(&SharedLayer) -> f64| {
            of.iter().map(|layer| part(layer)).sum::<f64>() / of.len() as f64
        };
        let numbers = [
            mean(|l| l.cosine),
            mean(|l| l.column_overlap),
            mean(|l| l.row_overlap),
            mean(|l| l.sign_conflict),
        ];
        std::iter::once(name).chain(numbers.map(|x| format!("{x:.6}"))).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = match layers::grouped(layers, |l| &l.module, |_| ()) {
        Some(groups) => groups
            .into_iter()
            .map(|((name, ()), of)| match of.as_slice() {
                [one] => row(one.module.clone(), &of),
                _ => row(format!("{name} (mean of {})", of.len()), &of),
            })
            .collect(),
        None => layers.iter().map(|layer| row(layer.module.clone(), &[layer])).collect(),
    };
    if rows.is_empty() {
        return vec![vec!["no weight is changed by both".to_owned()]];
    }
    let head = ["module", "cosine", "overlap of B", "overlap of A", "sign conflict"];
    std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect()
}

/// The modules that one adapter alone changes.
fn alone(at: usize, modules: &[String]) -> String {
    if modules.is_empty() {
        return String::new();
    }
    let names: Vec<String> = match layers::grouped(modules, |m| m, |_| ()) {
        Some(groups) => {
            groups.into_iter().map(|((name, ()), of)| format!("{name} ({})", of.len())).collect()
        }
        None => modules.to_vec(),
    };
    let modules = plural(modules.len(), "module");
    format!("  {modules} of {} alone: {}\n", at + 1, names.join(", "))
}
