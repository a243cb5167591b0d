//! `peftc inspect`

use super::Global;
use super::style::{bytes, count, percent, plural, table};
use peftc::Result;
use peftc::inspect::{
    AdapterInspection, ModelInspection, Signature, inspect_adapter, inspect_model,
};
use std::path::{Path, PathBuf};

/// Show what a model or an adapter holds
#[derive(clap::Args)]
pub(super) struct Args {
    /// An ONNX model, a folder with one, or an adapter folder
    path: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<String> {
    if is_adapter(&args.path) {
        let adapter = inspect_adapter(&args.path)?;
        return global.report(&adapter, || adapter_text(&adapter));
    }
    let model = inspect_model(&peftc::apply::find_model(&args.path)?)?;
    global.report(&model, || model_text(&model))
}

fn is_adapter(path: &Path) -> bool {
    path.join("adapter_config.json").exists()
}

fn model_text(model: &ModelInspection) -> String {
    let opsets: Vec<_> = model.opsets.iter().map(|(d, v)| format!("{d} {v}")).collect();
    let mut text = format!("{}\n", model.path.display());
    text += &format!("format      ONNX IR {}, opset {}", model.ir_version, opsets.join(", "));
    text += &match model.producer.as_str() {
        "" => "\n".into(),
        producer => format!(", made by {producer}\n"),
    };
    for (label, signatures) in [("input ", &model.inputs), ("output", &model.outputs)] {
        for signature in signatures {
            text += &format!("{label}      {}\n", signature_text(signature));
        }
    }
    let mut operators: Vec<_> = model.operators.iter().collect();
    operators.sort_by_key(|&(name, n)| (std::cmp::Reverse(*n), name));
    let operators: Vec<_> = operators.iter().map(|(name, n)| format!("{name} {n}")).collect();
    text += &format!("operators   {}\n", operators.join(", "));
    text += &format!("parameters  {}\n", count(model.parameters));
    for size in &model.dtypes {
        let tensors = plural(size.tensors as usize, "tensor");
        text += &format!(
            "  {:<9} {}, {} in {tensors}\n",
            size.dtype,
            count(size.elements),
            bytes(size.bytes)
        );
    }
    if model.external_bytes > 0 {
        text += &format!("external    {}\n", bytes(model.external_bytes));
    }
    text += &sites_text(model);
    text += &applied_text(model);
    for field in &model.unknown_fields {
        text += &format!("unknown     {field}\n");
    }
    text
}

fn signature_text(signature: &Signature) -> String {
    let dtype = signature.dtype.unwrap_or("?");
    match &signature.shape {
        Some(shape) => format!("{}: {dtype}[{}]", signature.name, shape.join(", ")),
        None => format!("{}: {dtype}", signature.name),
    }
}

fn sites_text(model: &ModelInspection) -> String {
    let mut text = format!("linear      {}\n", plural(model.sites.len(), "site"));
    let rows: Vec<Vec<String>> = model
        .sites
        .iter()
        .map(|site| {
            let bias = if site.bias { "bias" } else { "" };
            let head = if site.output_head { "output head" } else { "" };
            vec![
                site.module.clone().unwrap_or_else(|| "(no module name)".into()),
                format!("{} -> {}", site.in_features, site.out_features),
                site.dtype.into(),
                site.op.clone(),
                site.weight.clone(),
                [bias, head].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    text += &table(&rows, "  ");
    text
}

fn applied_text(model: &ModelInspection) -> String {
    let mut text = String::new();
    for branch in &model.branches {
        let nodes = plural(branch.nodes, "node");
        text += &format!(
            "branch      {}: {nodes}, {} parameters\n",
            branch.role,
            count(branch.parameters)
        );
    }
    if !model.branches.is_empty() {
        let trainable = model.branch_parameters();
        let share = percent(trainable, model.parameters);
        text +=
            &format!("trainable   {} parameters in branches, {share} of all\n", count(trainable));
    }
    for entry in &model.applied {
        let mode = entry.mode.as_ref().map(|m| format!(" {m}")).unwrap_or_default();
        let adapter = entry
            .adapter_sha256
            .as_ref()
            .map(|s| format!(", adapter sha256 {}", &s[..16.min(s.len())]));
        text += &format!(
            "applied     {}{mode} ({}){}, by peftc {}\n",
            entry.pass,
            entry.what.join("; "),
            adapter.unwrap_or_default(),
            entry.peftc
        );
    }
    text
}

fn adapter_text(adapter: &AdapterInspection) -> String {
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
