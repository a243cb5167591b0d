//! Several adapters for one pass: their tensors, and what each module's change is made of.

use super::{BASE_WEIGHT, Deltas, check_saved};
use crate::adapter::Adapter;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Several adapters as one of the kind [`Adapter::SEVERAL`]. Its configuration has
///
/// - `adapters`: how many there are;
/// - `modules`: by module a list of `{adapter, form, scale, tensors, magnitudes, bias}`: the number of the
///   adapter, a name of [`peftc_delta::Form`], s, the names of its matrices, that of DoRA's magnitudes, and
///   that of what is added to the bias;
/// - `base_weights`: by module the base's own weights that adapters have beside their changes;
/// - `saved`: tensors that replace parameters: `[the parameter, the tensors that all are the same]`.
///
/// # Errors
/// One has no delta, or they replace parameters by different tensors.
fn bundle(adapters: Vec<Adapter>) -> Result<Adapter> {
    let deltas: Vec<Deltas> =
        adapters.into_iter().map(Deltas::before_base).collect::<Result<_>>()?;
    let all: Vec<&Deltas> = deltas.iter().collect();
    check_saved(&all)?;
    let mut modules: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (n, deltas) in deltas.iter().enumerate() {
        for (module, tensors) in &deltas.changes {
            let (form, names) = tensors.form.parts();
            let own = |name: &str| format!("{n}/{name}");
            modules.entry(module).or_default().push(json!({
                "adapter": n,
                "form": form.name(),
                "scale": tensors.scale,
                "tensors": names.into_iter().map(own).collect::<Vec<_>>(),
                "magnitudes": tensors.form.magnitudes().map(own),
                "bias": tensors.bias.as_deref().map(own),
            }));
        }
    }
    let saved: Vec<Value> = deltas[0]
        .saved
        .iter()
        .map(|name| {
            json!([name, (0..deltas.len()).map(|n| format!("{n}/{name}")).collect::<Vec<_>>()])
        })
        .collect();
    let mut base_weights: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (n, deltas) in deltas.iter().enumerate() {
        for name in &deltas.base_weights {
            let module = name.strip_suffix(BASE_WEIGHT).unwrap_or(name);
            base_weights.entry(module).or_default().push(format!("{n}/{name}"));
        }
    }
    let config = deltas[0].adapter.config();
    let bases: BTreeSet<&str> =
        deltas.iter().filter_map(|d| d.adapter.base_model_name_or_path()).collect();
    let mut entries = Map::new();
    entries.insert("adapters".into(), json!(deltas.len()));
    entries.insert("modules".into(), json!(modules));
    entries.insert("base_weights".into(), json!(base_weights));
    entries.insert("saved".into(), json!(saved));
    let sha256: Vec<String> = deltas.iter().map(|d| d.adapter.sha256()).collect();
    entries.insert("sha256".into(), json!(sha256));
    entries.insert("fan_in_fan_out".into(), json!(config.fan_in_fan_out()));
    if let (1, Some(base)) = (bases.len(), bases.first()) {
        entries.insert("base_model_name_or_path".into(), json!(base));
    }
    Ok(Adapter::several(entries, deltas.into_iter().map(|d| d.adapter).collect()))
}

/// Opens adapters and makes one of them.
///
/// # Errors
/// One cannot be opened, has no delta, or they replace parameters by different tensors.
pub fn open_several(paths: &[std::path::PathBuf]) -> Result<Adapter> {
    match paths.is_empty() {
        true => Err(Error::input("no adapter is given")),
        false => bundle(paths.iter().map(|path| Adapter::open(path)).collect::<Result<_>>()?),
    }
}
