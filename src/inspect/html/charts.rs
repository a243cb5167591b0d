//! Charts of changes.

use super::place::Grid;
use super::svg::{Anchor, Svg, digits, number};
use crate::inspect::changes::LayerChange;
use crate::inspect::pairs::Pair;

const WIDTH: f64 = 960.0;
const ROW: f64 = 22.0;
/// The width of a character of a label.
const LETTER: f64 = 6.6;

/// What the darkest and the lightest cell of a heat map stand for.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// The least and the largest value there is.
    Range,
    /// 0 and 1.
    Share,
    /// −1 and 1, in two colours.
    Signed,
}

impl Scale {
    fn ends(self, values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        match self {
            Self::Range => (
                values.clone().fold(f64::INFINITY, f64::min),
                values.fold(f64::NEG_INFINITY, f64::max),
            ),
            Self::Share => (0.0, 1.0),
            Self::Signed => (-1.0, 1.0),
        }
    }

    /// A value as its cell shows it.
    fn text(self, value: f64) -> String {
        match self {
            Self::Range => digits(value, 3),
            Self::Share | Self::Signed => hundredths(value),
        }
    }
}

/// Two decimals of what is between −1 and 1.
fn hundredths(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// How a value looks: the class of its cell, its opacity, the class of the text on it.
fn look(value: f64, (low, high): (f64, f64)) -> (&'static str, f64, &'static str) {
    let (class, share) = match () {
        () if low < 0.0 => (if value < 0.0 { "against" } else { "along" }, value.abs() / high),
        () if high > low => ("along", (value - low) / (high - low)),
        () => ("along", 0.5),
    };
    (class, 0.06 + 0.94 * share, if share > 0.7 { "on" } else { "in" })
}

/// Values of modules: a row for each kind, a column for each layer.
pub(super) fn heat_map(name: &str, values: &[(&str, f64)], scale: Scale) -> String {
    let grid = Grid::of(values.iter().map(|(module, _)| *module));
    let left = label_width(&grid.rows);
    let columns = grid.columns.len() as f64;
    let cell = ((WIDTH - left) / columns).clamp(4.0, 64.0);
    let (top, bottom) = (34.0, 34.0);
    let height = top + ROW * grid.rows.len() as f64 + bottom;
    let mut svg = Svg::new((left + cell * columns).max(WIDTH), height);
    let ends = scale.ends(values.iter().map(|(_, value)| *value));
    svg.text((left, 12.0), Anchor::Start, "axis", "layer");
    let step = (22.0 / cell).ceil().max(1.0) as usize;
    for (at, column) in grid.columns.iter().enumerate().step_by(step) {
        svg.text((left + cell * (at as f64 + 0.5), 28.0), Anchor::Middle, "tick", column);
    }
    for (at, row) in grid.rows.iter().enumerate() {
        svg.text((left - 8.0, top + ROW * at as f64 + 15.0), Anchor::End, "tick", row);
    }
    for ((module, value), (row, column)) in values.iter().zip(&grid.places) {
        let (x, y) = (left + cell * *column as f64, top + ROW * *row as f64);
        let (class, opacity, on) = look(*value, ends);
        let title = format!("{module}: {name} {}", number(*value));
        svg.rect([x + 0.5, y + 0.5, cell - 1.0, ROW - 1.0], class, opacity, &title);
        let text = scale.text(*value);
        if LETTER * text.len() as f64 <= cell {
            svg.text((x + cell / 2.0, y + 15.0), Anchor::Middle, on, &text);
        }
    }
    legend(&mut svg, (left, height - 22.0), name, ends);
    svg.finish(&format!("{name} by module and layer"))
}

/// A row of colours between the numbers they stand for.
fn legend(svg: &mut Svg, (x, y): (f64, f64), name: &str, (low, high): (f64, f64)) {
    const CELLS: usize = 20;
    const CELL: f64 = 8.0;
    let (least, most) = (digits(low, 4), digits(high, 4));
    let start = x + LETTER * least.len() as f64 + 6.0;
    svg.text((x, y + 11.0), Anchor::Start, "tick", &least);
    if low == high {
        svg.text((start, y + 11.0), Anchor::Start, "axis", name);
        return;
    }
    for at in 0..CELLS {
        let value = low + (high - low) * (at as f64 + 0.5) / CELLS as f64;
        let (class, opacity, _) = look(value, (low, high));
        svg.rect([start + CELL * at as f64, y, CELL, 12.0], class, opacity, "");
    }
    let end = start + CELL * CELLS as f64 + 6.0;
    svg.text((end, y + 11.0), Anchor::Start, "tick", &most);
    svg.text((end + LETTER * most.len() as f64 + 12.0, y + 11.0), Anchor::Start, "axis", name);
}

/// The width that labels need.
fn label_width(labels: &[String]) -> f64 {
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    LETTER * longest as f64 + 16.0
}

const PANEL: (f64, f64) = (240.0, 170.0);
const PANELS: usize = 4;
/// Points of a line at most.
const POINTS: usize = 64;

/// The share of energy by rank: a panel for each kind of module.
pub(super) fn energies(layers: &[LayerChange]) -> String {
    let grid = Grid::of(layers.iter().map(|layer| layer.module.as_str()));
    let rows = grid.by_row();
    let height = PANEL.1 * rows.len().div_ceil(PANELS) as f64;
    let mut svg = Svg::new(WIDTH, height);
    for (at, (name, members)) in grid.rows.iter().zip(&rows).enumerate() {
        let corner = (PANEL.0 * (at % PANELS) as f64, PANEL.1 * (at / PANELS) as f64);
        let members: Vec<&LayerChange> = members.iter().map(|&i| &layers[i]).collect();
        panel(&mut svg, corner, name, &members);
    }
    svg.finish("share of energy by rank, a panel for each kind of module")
}

fn panel(svg: &mut Svg, (x, y): (f64, f64), name: &str, layers: &[&LayerChange]) {
    let (left, top, width, height) = (x + 40.0, y + 24.0, PANEL.0 - 56.0, PANEL.1 - 66.0);
    let ranks = layers.iter().map(|l| l.energy_by_rank.len()).max().unwrap_or(1).max(1);
    let point = |rank: usize, share: f64| {
        (left + width * rank as f64 / ranks as f64, top + height * (1.0 - share))
    };
    svg.text((left, y + 14.0), Anchor::Start, "name", &shortened(name));
    for share in [0.0, 0.5, 1.0] {
        svg.line(&[point(0, share), point(ranks, share)], "grid", "");
        let (x, y) = point(0, share);
        svg.text((x - 6.0, y + 4.0), Anchor::End, "tick", &format!("{:.0}%", 100.0 * share));
    }
    for rank in [0, ranks.div_ceil(2), ranks] {
        let (x, _) = point(rank, 0.0);
        svg.text((x, top + height + 14.0), Anchor::Middle, "tick", &rank.to_string());
    }
    svg.text((left + width / 2.0, top + height + 28.0), Anchor::Middle, "axis", "rank");
    let line = |share: &dyn Fn(usize) -> f64| {
        let shown = shown(ranks).map(|rank| point(rank, if rank == 0 { 0.0 } else { share(rank) }));
        shown.collect::<Vec<_>>()
    };
    for layer in layers {
        let title = format!("{}: {}", layer.module, needed(&layer.energy_by_rank));
        svg.line(&line(&|rank| energy(layer, rank)), "layer", &title);
    }
    let mean = |rank: usize| {
        layers.iter().map(|layer| energy(layer, rank)).sum::<f64>() / layers.len() as f64
    };
    let means: Vec<f64> = (1..=ranks).map(mean).collect();
    let title = format!("{name}, mean of {}: {}", layers.len(), needed(&means));
    svg.line(&line(&mean), "mean", &title);
}

/// The share in the first singular values, from 1 on.
fn energy(layer: &LayerChange, rank: usize) -> f64 {
    let shares = &layer.energy_by_rank;
    shares.get(rank - 1).or(shares.last()).copied().unwrap_or(0.0)
}

/// The ranks of the points of a line.
fn shown(ranks: usize) -> impl Iterator<Item = usize> {
    let step = ranks.div_ceil(POINTS);
    (0..ranks).step_by(step).chain([ranks])
}

/// The ranks that have 50, 90 and 99% of the energy.
fn needed(shares: &[f64]) -> String {
    let rank = |wanted: f64| shares.iter().position(|&share| share >= wanted).map(|at| at + 1);
    let known = [0.5, 0.9, 0.99].into_iter().filter_map(|wanted| Some((wanted, rank(wanted)?)));
    let parts: Vec<String> =
        known.map(|(wanted, rank)| format!("{:.0}% at rank {rank}", 100.0 * wanted)).collect();
    if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
}

/// The end of a long name.
fn shortened(name: &str) -> String {
    const MOST: usize = 28;
    let length = name.chars().count();
    match length > MOST {
        true => format!("…{}", name.chars().skip(length - MOST + 1).collect::<String>()),
        false => name.to_owned(),
    }
}

/// The cosine of each two adapters.
pub(super) fn cosines(names: &[String], pairs: &[Pair]) -> String {
    let left = label_width(names);
    let cell = ((WIDTH - left) / names.len() as f64).clamp(38.0, 90.0);
    let top = 24.0;
    let height = top + ROW * names.len() as f64 + 34.0;
    let mut svg = Svg::new((left + cell * names.len() as f64).max(WIDTH), height);
    let ends = (-1.0, 1.0);
    let mut put = |row: usize, column: usize, value: f64| {
        let (x, y) = (left + cell * column as f64, top + ROW * row as f64);
        let (class, opacity, on) = look(value, ends);
        let title = format!("{} and {}: cosine {}", names[row], names[column], number(value));
        svg.rect([x + 0.5, y + 0.5, cell - 1.0, ROW - 1.0], class, opacity, &title);
        svg.text((x + cell / 2.0, y + 15.0), Anchor::Middle, on, &hundredths(value));
    };
    (0..names.len()).for_each(|at| put(at, at, 1.0));
    for pair in pairs.iter().filter(|pair| !pair.layers.is_empty()) {
        put(pair.left, pair.right, pair.cosine);
        put(pair.right, pair.left, pair.cosine);
    }
    for (at, name) in names.iter().enumerate() {
        svg.text((left - 8.0, top + ROW * at as f64 + 15.0), Anchor::End, "tick", name);
        let fits = (cell / LETTER) as usize;
        let short =
            if name.chars().count() > fits { format!("({})", at + 1) } else { name.clone() };
        svg.text((left + cell * (at as f64 + 0.5), 16.0), Anchor::Middle, "tick", &short);
    }
    legend(&mut svg, (left, height - 22.0), "cosine", ends);
    svg.finish("cosine of each two adapters")
}
