//! What adapters do to weights as one HTML file: charts in SVG, and all numbers in tables. It refers to
//! nothing outside of itself.

mod charts;
mod place;
mod svg;
mod tables;

use super::adapter::AdapterInspection;
use super::changes::Changes;
use super::pairs::Pair;
use crate::disk;
use crate::error::{Error, Result};
use std::path::PathBuf;
use svg::{escaped, number};

const STYLE: &str = include_str!("html/style.css");

/// A file that shows what adapters do to weights.
#[derive(Clone, Debug)]
pub struct HtmlReport {
    path: PathBuf,
    force: bool,
}

impl HtmlReport {
    /// A file that is to be written.
    ///
    /// # Errors
    /// It is there already and `force` is not given, or its folder is not there.
    pub fn at(path: PathBuf, force: bool) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Error::input(format!("{} is no folder", folder.display())));
        }
        if path.is_dir() {
            let message = format!("{} is a folder: a file is expected", path.display());
            return Err(Error::input(message));
        }
        disk::check_free(&path, force)?;
        Ok(Self { path, force })
    }

    /// Writes it whole, or not at all.
    ///
    /// # Errors
    /// An adapter has no changes to show, or the file cannot be written.
    pub fn write(&self, adapters: &[AdapterInspection], pairs: &[Pair]) -> Result<()> {
        for adapter in adapters {
            if let Some(why) = &adapter.no_changes {
                let message =
                    format!("{}: there is nothing to chart: {why}", adapter.path.display());
                return Err(Error::input(message));
            }
        }
        disk::put(&self.path, page(adapters, pairs).as_bytes(), self.force)
    }
}

fn page(adapters: &[AdapterInspection], pairs: &[Pair]) -> String {
    let names = names(adapters);
    let title = names.join(", ");
    let mut body = String::new();
    if !pairs.is_empty() {
        body += &comparison(&names, pairs);
    }
    for (adapter, name) in adapters.iter().zip(&names) {
        if let Some(changes) = &adapter.changes {
            body += &section(adapter, changes, name);
        }
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>What adapters do to weights</h1>\n{body}</body>\n</html>\n",
        title = escaped(&title)
    )
}

/// Names for adapters: the last part of their paths, and all of it where two are the same.
fn names(adapters: &[AdapterInspection]) -> Vec<String> {
    let last = |adapter: &AdapterInspection| {
        adapter.path.file_name().map(|name| name.to_string_lossy().into_owned())
    };
    let name = |adapter: &AdapterInspection| match last(adapter) {
        Some(name) if adapters.iter().filter(|a| last(a).as_ref() == Some(&name)).count() == 1 => {
            name
        }
        _ => adapter.path.display().to_string(),
    };
    adapters.iter().map(name).collect()
}

/// An adapter: its numbers, charts and tables.
fn section(adapter: &AdapterInspection, changes: &Changes, name: &str) -> String {
    let mut facts = vec![
        ("folder", adapter.path.display().to_string()),
        ("kind", adapter.peft_type.clone()),
        ("base", adapter.base_model_name_or_path.clone().unwrap_or_else(|| "not said".to_owned())),
        ("‖θ − θ0‖", number(changes.norm)),
        ("trained parameters", adapter.parameters.to_string()),
        (
            "r(d+k)/dk",
            format!("{:.4}%, {} of {}", 100.0 * changes.ratio, changes.trained, changes.weights),
        ),
    ];
    if !changes.replaced.is_empty() {
        let text = format!("{}, not in the norm", changes.replaced.join(", "));
        facts.push(("replaced parameters", text));
    }
    let layers = &changes.layers;
    let sizes: Vec<_> = layers.iter().map(|l| (l.module.as_str(), l.norm)).collect();
    let ranks: Vec<_> = layers.iter().map(|l| (l.module.as_str(), l.effective_rank)).collect();
    [
        format!("<section>\n<h2>{}</h2>\n", escaped(name)),
        tables::facts(&facts),
        "<h3>‖ΔW‖_F by module and layer</h3>\n".to_owned(),
        charts::heat_map("‖ΔW‖_F", &sizes, charts::Scale::Range),
        "<h3>Effective rank by module and layer</h3>\n".to_owned(),
        charts::heat_map("effective rank", &ranks, charts::Scale::Range),
        "<h3>Energy by rank</h3>\n<p>The share of ‖ΔW‖²_F in the first singular values: \
         a thin line for each layer, a thick one for their mean.</p>\n"
            .to_owned(),
        charts::energies(layers),
        tables::layers(layers),
        "</section>\n".to_owned(),
    ]
    .concat()
}

/// Each two adapters: charts and tables.
fn comparison(names: &[String], pairs: &[Pair]) -> String {
    let mut html = format!(
        "<section>\n<h2>Between adapters</h2>\n<h3>Cosine</h3>\n\
         <p>Σ⟨ΔW, ΔW'⟩/√(Σ‖ΔW‖²·Σ‖ΔW'‖²) over the weights that both change.</p>\n{}{}",
        charts::cosines(names, pairs),
        tables::pairs(names, pairs)
    );
    for pair in pairs.iter().filter(|pair| !pair.layers.is_empty()) {
        let of = |part: fn(&super::pairs::SharedLayer) -> f64| {
            pair.layers.iter().map(move |l| (l.module.as_str(), part(l))).collect::<Vec<_>>()
        };
        let (left, right) = (&names[pair.left], &names[pair.right]);
        html += &format!("<h3>{} and {}</h3>\n", escaped(left), escaped(right));
        html += &charts::heat_map("cosine", &of(|l| l.cosine), charts::Scale::Signed);
        html += &charts::heat_map("overlap of B", &of(|l| l.column_overlap), charts::Scale::Share);
        html += &charts::heat_map("overlap of A", &of(|l| l.row_overlap), charts::Scale::Share);
        html += &tables::shared(pair);
    }
    html + "</section>\n"
}
