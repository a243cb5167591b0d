//! What `peftc inspect` says of an adapter.

use super::changes;
use crate::cli::layers;
use crate::cli::style::{bytes, count, plural, table};
use peftc::inspect::{AdapterInspection, AdapterTensor, QuantizedWeight};
use std::collections::BTreeMap;

pub(super) fn text(adapter: &AdapterInspection) -> String {
    let mut text = format!("{}\n", adapter.path.display());
    text += &format!("peft_type   {}\n", adapter.peft_type);
    text += &match &adapter.base_model_name_or_path {
        Some(base) => format!("base        {base}\n"),
        None => String::new(),
    };
    for (key, value) in &adapter.config {
        text += &format!("  {key} = {value}\n");
    }
    for key in &adapter.unknown_keys {
        text += &format!("unknown     {key}\n");
    }
    let tensors = plural(adapter.tensors.len(), "tensor");
    text += &format!(
        "parameters  {}, {} in {tensors}\n",
        count(adapter.parameters),
        bytes(adapter.bytes)
    );
    for (quantization, count) in quantizations(adapter) {
        text += &format!("quantized   {} in {quantization}\n", plural(count, "weight"));
    }
    text += &table(&rows(adapter), "  ");
    text += &match (&adapter.changes, &adapter.no_changes) {
        (Some(changes), _) => changes::text(changes),
        (None, Some(why)) => format!("no spectrum {why}\n"),
        (None, None) => String::new(),
    };
    text + &format!("sha256      {}\n", adapter.sha256)
}

/// How many weights are quantized in which way.
fn quantizations(adapter: &AdapterInspection) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for weight in &adapter.quantized {
        let double = if weight.double_quant { ", double quantized" } else { "" };
        let text = format!("{}, blocks of {}{double}", weight.quant_type, weight.block_size);
        *counts.entry(text).or_default() += 1;
    }
    counts
}

/// A row for every tensor, but one alone for a quantized weight; for long lists, for every kind.
fn rows(adapter: &AdapterInspection) -> Vec<Vec<String>> {
    let weights: BTreeMap<&str, &QuantizedWeight> =
        adapter.quantized.iter().map(|weight| (weight.name.as_str(), weight)).collect();
    let is_part = |name: &str| {
        let mut ends = name.match_indices('.').map(|(at, _)| &name[..at]);
        ends.any(|weight| weights.contains_key(weight))
    };
    let form = |t: &AdapterTensor| match weights.get(t.name.as_str()) {
        Some(weight) => format!("{}{:?}", weight.quant_type, weight.shape),
        None => format!("{}{:?}", t.dtype, t.shape),
    };
    let shown: Vec<&AdapterTensor> = adapter.tensors.iter().filter(|t| !is_part(&t.name)).collect();
    match layers::grouped(&shown, |t| &t.name, |t| form(t)) {
        Some(groups) => groups
            .into_iter()
            .map(|((name, form), of)| match of.as_slice() {
                [one] => vec![one.name.clone(), form],
                _ => vec![name, form, format!("in {} places", of.len())],
            })
            .collect(),
        None => shown.iter().map(|t| vec![t.name.clone(), form(t)]).collect(),
    }
}
