//! Where a module stands in a chart: a row for a kind of module, a column for a layer.

use std::collections::BTreeMap;

/// The rows and columns of modules.
pub(super) struct Grid {
    /// Kinds of modules.
    pub(super) rows: Vec<String>,
    /// Numbers of layers; nothing for modules without one.
    pub(super) columns: Vec<String>,
    /// The row and column of each module.
    pub(super) places: Vec<(usize, usize)>,
}

impl Grid {
    pub(super) fn of<'a>(modules: impl Iterator<Item = &'a str>) -> Self {
        let split: Vec<(String, Option<u32>)> = modules.map(kind_and_layer).collect();
        let kinds = numbered(split.iter().map(|(kind, _)| kind.clone()));
        let layers = numbered(split.iter().map(|(_, layer)| *layer));
        let places = split.iter().map(|(kind, layer)| (kinds[kind], layers[layer])).collect();
        let columns = layers.into_keys().map(|n| n.map_or(String::new(), |n| n.to_string()));
        Self { columns: columns.collect(), rows: labels(kinds.into_keys().collect()), places }
    }

    /// The modules of each row.
    pub(super) fn by_row(&self) -> Vec<Vec<usize>> {
        let mut rows = vec![Vec::new(); self.rows.len()];
        for (module, (row, _)) in self.places.iter().enumerate() {
            rows[*row].push(module);
        }
        rows
    }
}

/// `model.layers.3.mlp.up_proj` is `model.layers.*.mlp.up_proj` of layer 3.
fn kind_and_layer(module: &str) -> (String, Option<u32>) {
    let mut layer = None;
    let part = |part: &str| match part.parse::<u32>() {
        Ok(n) if layer.is_none() => {
            layer = Some(n);
            "*".to_owned()
        }
        _ => part.to_owned(),
    };
    let kind = module.split('.').map(part).collect::<Vec<_>>().join(".");
    (kind, layer)
}

/// Each of them once, sorted, with its place.
fn numbered<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut numbers: BTreeMap<T, usize> = items.map(|item| (item, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
    numbers
}

/// What stands behind the layer's number, where that tells all kinds apart.
fn labels(kinds: Vec<String>) -> Vec<String> {
    let short: Vec<String> = kinds
        .iter()
        .map(|k| k.rsplit_once("*.").map_or(k.clone(), |(_, end)| end.to_owned()))
        .collect();
    let different: std::collections::BTreeSet<&String> = short.iter().collect();
    if different.len() == kinds.len() { short } else { kinds }
}
