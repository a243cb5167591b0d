//! What `peftc inspect` says of a model.

use crate::cli::layers;
use crate::cli::style::{bytes, count, percent, plural, table, wrapped};
use peftc::inspect::{LargeTensor, ModelInspection, Signature, Site};
use std::collections::BTreeMap;

pub(super) fn text(model: &ModelInspection) -> String {
    let sections = [
        format!("{}\n", model.path.display()),
        format_text(model),
        inputs_text(&model.inputs),
        model.outputs.iter().map(|output| signature_text("output", output)).collect(),
        operators_text("operators", &model.operators),
        operators_text("  subgraphs", &model.operators_in_subgraphs),
        operators_text("  functions", &model.operators_in_functions),
        functions_text(model),
        tensors_text(model),
        largest_text(model),
        sites_text(&model.sites),
        branches_text(model),
        applied_text(model),
        unusual_text(model),
    ];
    sections.concat()
}

pub(super) fn line(label: &str, text: &str) -> String {
    format!("{label:<11} {text}").trim_end().to_owned() + "\n"
}

fn format_text(model: &ModelInspection) -> String {
    let opsets = named(&model.opsets).join(", ");
    let mut text = format!("ONNX IR {}", model.ir_version);
    if !opsets.is_empty() {
        text += &format!(", opset {opsets}");
    }
    if !model.producer.is_empty() {
        text += &format!(", made by {}", model.producer);
    }
    line("format", &text)
}

/// `ai.onnx 17`
fn named(opsets: &BTreeMap<String, i64>) -> Vec<String> {
    opsets.iter().map(|(domain, version)| format!("{domain} {version}")).collect()
}

/// The inputs a caller has to give, and how many others there are.
fn inputs_text(inputs: &[Signature]) -> String {
    let (others, needed): (Vec<_>, Vec<_>) = inputs.iter().partition(|input| input.has_default);
    let mut text: String = needed.iter().map(|input| signature_text("input", input)).collect();
    if !others.is_empty() {
        text += &line("input", &format!("and {} with a default", count(others.len() as u64)));
    }
    text
}

fn signature_text(label: &str, signature: &Signature) -> String {
    line(label, &format!("{}: {}", signature.name, signature.ty))
}

fn operators_text(label: &str, operators: &BTreeMap<String, usize>) -> String {
    let mut operators: Vec<_> = operators.iter().collect();
    operators.sort_by_key(|&(name, n)| (std::cmp::Reverse(*n), name));
    let operators: Vec<_> = operators.iter().map(|(name, n)| format!("{name} {n}")).collect();
    wrapped(label, &operators)
}

fn functions_text(model: &ModelInspection) -> String {
    if model.functions.is_empty() {
        return String::new();
    }
    let row = |function: &peftc::inspect::FunctionSummary| {
        vec![
            function.name.clone(),
            plural(function.nodes, "node"),
            named(&function.opsets).join(", "),
            plural(function.calls, "call"),
        ]
    };
    let rows: Vec<_> = model.functions.iter().map(row).collect();
    line("functions", &count(rows.len() as u64)) + &table(&rows, "  ")
}

fn tensors_text(model: &ModelInspection) -> String {
    let mut text = line("parameters", &count(model.parameters));
    if model.dtypes.is_empty() {
        return text;
    }
    let tensors: u64 = model.dtypes.iter().map(|size| size.tensors).sum();
    let total: u64 = model.dtypes.iter().map(|size| size.bytes).sum();
    let place = if model.external_bytes == 0 { ", all in the model file" } else { "" };
    text += &line("tensors", &format!("{}, {}{place}", count(tensors), bytes(total)));
    let row = |size: &peftc::inspect::DtypeSize| {
        vec![
            size.dtype.to_owned(),
            bytes(size.bytes),
            plural(size.tensors as usize, "tensor"),
            plural(size.elements as usize, "element"),
        ]
    };
    text += &table(&model.dtypes.iter().map(row).collect::<Vec<_>>(), "  ");
    text + &locations_text(model)
}

fn locations_text(model: &ModelInspection) -> String {
    if model.external_bytes == 0 {
        return String::new();
    }
    let row = |size: &peftc::inspect::LocationSize| {
        vec![
            file_text(size.file.as_deref()),
            bytes(size.bytes),
            plural(size.tensors as usize, "tensor"),
        ]
    };
    line("stored", "") + &table(&model.locations.iter().map(row).collect::<Vec<_>>(), "  ")
}

fn file_text(file: Option<&str>) -> String {
    file.unwrap_or("the model file").to_owned()
}

fn largest_text(model: &ModelInspection) -> String {
    let row = |tensor: &LargeTensor| {
        let place = match &tensor.place.name {
            Some(name) if tensor.place.graph.is_none() => name.clone(),
            _ => tensor.place.to_string(),
        };
        let shape: Vec<_> = tensor.shape.iter().map(ToString::to_string).collect();
        let mut row =
            vec![bytes(tensor.bytes), format!("{}[{}]", tensor.dtype, shape.join(", ")), place];
        if model.external_bytes > 0 {
            row.push(file_text(tensor.file.as_deref()));
        }
        row
    };
    match model.largest.is_empty() {
        true => String::new(),
        false => {
            line("largest", "") + &table(&model.largest.iter().map(row).collect::<Vec<_>>(), "  ")
        }
    }
}

fn sites_text(sites: &[Site]) -> String {
    let rows: Vec<Vec<String>> = match layers::grouped(sites, site_module, site_cells) {
        None => sites.iter().map(site_row).collect(),
        Some(groups) => groups
            .into_iter()
            .map(|((module, cells), sites)| {
                let places = format!("in {}", plural(sites.len(), "place"));
                [module].into_iter().chain(cells).chain([places]).collect()
            })
            .collect(),
    };
    line("linear", &plural(sites.len(), "site")) + &table(&rows, "  ")
}

fn site_module(site: &Site) -> &str {
    site.module.as_deref().unwrap_or("(no module name)")
}

/// What sites of one group have in common.
fn site_cells(site: &Site) -> [String; 4] {
    let notes = [(site.bias, "bias"), (site.output_head, "output head")];
    let notes: Vec<_> = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| *note).collect();
    [
        format!("{} -> {}", site.in_features, site.out_features),
        dtype_cell(site),
        site.op.clone(),
        notes.join(", "),
    ]
}

/// `f32`, or `f32 in nf4, 4.13 bits`.
fn dtype_cell(site: &Site) -> String {
    let quantized = site.quantized.as_ref().map(|format| format!(" in {format}"));
    let bits = site.bits_per_weight.map(|bits| format!(", {bits:.2} bits"));
    format!("{}{}{}", site.dtype, quantized.unwrap_or_default(), bits.unwrap_or_default())
}

pub(super) fn site_row(site: &Site) -> Vec<String> {
    let [features, dtype, op, notes] = site_cells(site);
    vec![site_module(site).to_owned(), features, dtype, op, site.weight.clone(), notes]
}

fn branches_text(model: &ModelInspection) -> String {
    let mut text = String::new();
    for branch in &model.branches {
        let nodes = plural(branch.nodes, "node");
        let parameters = count(branch.parameters);
        text += &line("branch", &format!("{}: {nodes}, {parameters} parameters", branch.role));
    }
    if !model.branches.is_empty() {
        let trainable = model.branch_parameters();
        let share = percent(trainable, model.parameters);
        let trainable = count(trainable);
        text += &line("trainable", &format!("{trainable} parameters in branches, {share} of all"));
    }
    text
}

fn applied_text(model: &ModelInspection) -> String {
    let mut text = String::new();
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

fn unusual_text(model: &ModelInspection) -> String {
    let facts: String = model.unusual.iter().map(|fact| format!("  - {fact}\n")).collect();
    if facts.is_empty() { facts } else { line("unusual", "") + &facts }
}
