//! What `peftc inspect` says of an adapter.

use crate::cli::style::{bytes, count, plural, table};
use peftc::inspect::AdapterInspection;

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
    let rows: Vec<_> = adapter
        .tensors
        .iter()
        .map(|t| vec![t.name.clone(), format!("{}{:?}", t.dtype, t.shape)])
        .collect();
    text += &table(&rows, "  ");
    text + &format!("sha256      {}\n", adapter.sha256)
}
