//! The options of a pass: what the recipe says, checked against what the pass declares.

use super::library::{OptionInfo, OptionKind, PassInfo};
use crate::error::{Error, Result, near};
use crate::recipe::{OptionValue, PassRecipe, Recipe};
use std::collections::BTreeMap;

/// Checked options of a pass, defaults filled in; those without a value are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    values: BTreeMap<String, OptionValue>,
}

impl Options {
    /// Checks the options of one pass of a recipe.
    ///
    /// # Errors
    /// Unknown keys, wrong types and values that are not among the choices, at their place in the recipe.
    pub fn check(info: &PassInfo, recipe: &Recipe, pass: &PassRecipe) -> Result<Self> {
        let mut options = Self::default();
        for declared in info.options.iter().filter(|o| !o.default.is_empty()) {
            let value = OptionValue::parse(&declared.default)
                .and_then(|v| fit(declared, v))
                .map_err(|e| {
                    Error::bug(format!(
                        "pass {:?}: the default of option {:?}: {e}",
                        info.name, declared.key
                    ))
                })?;
            options.values.insert(declared.key.clone(), value);
        }
        for entry in &pass.options {
            let Some(declared) = info.options.iter().find(|o| o.key == entry.key) else {
                let message = format!("pass {:?} has no option {:?}", info.name, entry.key);
                return Err(unknown(info, &entry.key, recipe.error_at(entry, message)));
            };
            let value = fit(declared, entry.value.clone())
                .map_err(|what| recipe.error_at(entry, format!("option {:?} {what}", entry.key)))?;
            options.values.insert(entry.key.clone(), value);
        }
        Ok(options)
    }

    /// The value of an option.
    pub fn get(&self, key: &str) -> Option<&OptionValue> {
        self.values.get(key)
    }

    /// All options that have a value, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OptionValue)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v))
    }
}

fn unknown(info: &PassInfo, key: &str, error: Error) -> Error {
    let keys: Vec<&str> = info
        .options
        .iter()
        .map(|o| o.key.as_str())
        .chain(["name", "adapter", "adapters"])
        .collect();
    match near(key, keys.iter().copied(), 1).first() {
        Some(near) => error.help(format!("did you mean {near:?}?")),
        None => error.help(format!("it has: {}", keys.join(", "))),
    }
}

fn fit(declared: &OptionInfo, value: OptionValue) -> Result<OptionValue, String> {
    let value = match (declared.kind, value) {
        (OptionKind::Float, OptionValue::Int(i)) => OptionValue::Float(i as f64),
        (OptionKind::List, OptionValue::String(s)) => OptionValue::List(vec![s]),
        (_, value) => value,
    };
    let fits = matches!(
        (declared.kind, &value),
        (OptionKind::Bool, OptionValue::Bool(_))
            | (OptionKind::Int, OptionValue::Int(_))
            | (OptionKind::Float, OptionValue::Float(_))
            | (OptionKind::String, OptionValue::String(_))
            | (OptionKind::List, OptionValue::List(_))
    );
    if !fits {
        return Err(format!("must be {}", declared.kind.describe()));
    }
    if let OptionValue::String(s) = &value
        && !declared.choices.is_empty()
        && !declared.choices.contains(s)
    {
        return Err(format!("must be one of {}, not {s:?}", declared.choices.join(", ")));
    }
    Ok(value)
}
