//! All numbers as tables.

use super::svg::{escaped, number};
use crate::inspect::changes::LayerChange;
use crate::inspect::pairs::Pair;

/// Singular values of a row at most.
const MOST_VALUES: usize = 32;

pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| {
        format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
    };
    format!("<table class=\"facts\">\n{}</table>\n", facts.iter().map(row).collect::<String>())
}

pub(super) fn layers(layers: &[LayerChange]) -> String {
    let shape =
        |layer: &LayerChange| layer.shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
    let row = |layer: &LayerChange| {
        vec![
            layer.module.clone(),
            shape(layer),
            layer.rank.to_string(),
            number(layer.norm),
            number(layer.spectral_norm),
            number(layer.effective_rank),
            number(layer.stable_rank),
            layer.trained.to_string(),
            format!("{:.4}%", 100.0 * layer.ratio),
        ]
    };
    let head = [
        "module",
        "weight",
        "rank",
        "‖ΔW‖_F",
        "‖ΔW‖₂",
        "effective rank",
        "stable rank",
        "trained",
        "r(d+k)/dk",
    ];
    let values = |part: fn(&LayerChange) -> &[f64]| {
        let row = move |layer: &LayerChange| {
            let values = part(layer).iter().take(MOST_VALUES).map(|x| number(*x));
            std::iter::once(layer.module.clone()).chain(values).collect()
        };
        let columns = layers.iter().map(|l| part(l).len().min(MOST_VALUES)).max().unwrap_or(0);
        let numbers: Vec<String> = (1..=columns).map(|n| n.to_string()).collect();
        let head: Vec<&str> =
            std::iter::once("module").chain(numbers.iter().map(String::as_str)).collect();
        table(&head, layers.iter().map(row))
    };
    let more = layers.iter().any(|layer| layer.singular_values.len() > MOST_VALUES);
    let note = if more { format!(", the first {MOST_VALUES}") } else { String::new() };
    folded("Numbers by module", &table(&head, layers.iter().map(row)))
        + &folded(&format!("Singular values{note}"), &values(|l| &l.singular_values))
        + &folded(&format!("Share of ‖ΔW‖²_F by rank{note}"), &values(|l| &l.energy_by_rank))
}

pub(super) fn pairs(names: &[String], pairs: &[Pair]) -> String {
    let row = |pair: &Pair| {
        let numbers = [
            pair.cosine,
            pair.mean_cosine,
            pair.column_overlap,
            pair.row_overlap,
            pair.sign_conflict,
        ];
        let shown = |x: f64| if pair.layers.is_empty() { "–".to_owned() } else { number(x) };
        let counts = [pair.layers.len(), pair.only_left.len(), pair.only_right.len()];
        std::iter::once(format!("{} and {}", names[pair.left], names[pair.right]))
            .chain(counts.map(|n| n.to_string()))
            .chain(numbers.map(shown))
            .collect()
    };
    let head = [
        "adapters",
        "modules of both",
        "of the first alone",
        "of the second alone",
        "cosine",
        "mean cosine",
        "overlap of B",
        "overlap of A",
        "sign conflict",
    ];
    format!("<div class=\"wide\">{}</div>\n", table(&head, pairs.iter().map(row)))
}

pub(super) fn shared(pair: &Pair) -> String {
    let row = |layer: &crate::inspect::pairs::SharedLayer| {
        let numbers = [layer.cosine, layer.column_overlap, layer.row_overlap, layer.sign_conflict];
        std::iter::once(layer.module.clone()).chain(numbers.map(number)).collect()
    };
    let head = ["module", "cosine", "overlap of B", "overlap of A", "sign conflict"];
    folded("Numbers by module", &table(&head, pair.layers.iter().map(row)))
}

fn folded(name: &str, inside: &str) -> String {
    format!(
        "<details>\n<summary>{name}</summary>\n<div class=\"wide\">{inside}</div>\n</details>\n"
    )
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |tag: &str, cells: Vec<String>| {
        let cells: String =
            cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = cells("th", head.iter().map(|&name| name.to_owned()).collect());
    let rows: String = rows.map(|row| cells("td", row)).collect();
    format!("<table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody>\n</table>")
}
