//! The `nf4` pass: weights of linear layers in 4 bits, as bitsandbytes stores them (QLoRA).
//!
//! A weight is flattened as PyTorch stores it, `[out, in]`, and cut into blocks; a block is its
//! largest magnitude and, for every element, the nearest of 16 values between −1 and 1. With
//! double quantization the magnitudes are 8-bit codes in blocks of 256 themselves. Nothing is
//! trained: a LoRA that was trained on the quantized weights goes on top with `lora`, mode inject.
//! Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023.
//!
//! With a checkpoint that bitsandbytes quantized, nothing is quantized: its codes are taken over as
//! they are (`import.rs`).
//!
//! Format `nbits` has integers in place of the 16 values, as ONNX Runtime quantizes: [`nbits`].

pub mod codec;
pub mod errors;
mod import;
mod layer;
pub mod nbits;
mod operator;
mod options;
mod ort;
mod portable;
mod prefetch;
mod tasks;

use layer::{Form, Layer};
use nbits::Nbits;
use options::{Format, Options};
use ort::Ort;
use peftc_plugin::{Error, Result, Run, Site, Value};
use portable::Portable;
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

peftc_plugin::export_plugin! {
    passes: [{
        name: "nf4",
        summary: "4-bit quantization of linear layers, as bitsandbytes does it (QLoRA)",
        peft_types: ["bitsandbytes_4bit"],
        options: [
            { key: "block_size", kind: Int, default: "", choices: [], help: "elements of a block: a power of two, 16 to 4096 (nbits: to 256); 64 if not given" },
            { key: "double_quant", kind: Bool, default: "", choices: [], help: "quantize the magnitudes of the blocks too (not format nbits); true if not given" },
            { key: "quant_type", kind: String, default: "", choices: ["nf4", "fp4"], help: "the 16 values: normal quantiles, or a 4-bit float (not format nbits); nf4 if not given" },
            { key: "targets", kind: List, default: "", choices: [], help: "layers to quantize; all-linear if not given" },
            { key: "exclude", kind: List, default: "", choices: [], help: "layers of them to leave as they are" },
            { key: "min_size", kind: Int, default: "", choices: [], help: "weights of fewer elements stay as they are" },
            {
                key: "format",
                kind: String,
                default: "\"portable\"",
                choices: ["portable", "ort", "nbits"],
                help: "a function of standard operators, or ONNX Runtime's MatMulBnb4 or MatMulNBits",
            },
            { key: "bits", kind: Int, default: "", choices: [], help: "format nbits: 4 or 8 bits an integer; 4 if not given" },
            { key: "measure", kind: Bool, default: "true", choices: [], help: "measure how far each weight is from what it was" },
            { key: "symmetric", kind: Bool, default: "", choices: [], help: "format nbits: no zero points; true if not given" },
            { key: "check_base", kind: Bool, default: "", choices: [], help: "a checkpoint whose other weights are not the model's is an error; true if not given" },
        ],
        run: run,
    }],
    task_kinds: [
        { name: "quantize", split_axes: [0], run: tasks::quantize::run },
        { name: "quantize-whole", split_axes: [], run: tasks::quantize::run },
        { name: "quantize-int", split_axes: [0], run: tasks::quantize_int::run },
        { name: "nest", split_axes: [], run: tasks::nest::run },
        { name: "measure", split_axes: [0], run: tasks::measure::run },
        { name: "measure-int", split_axes: [0], run: tasks::measure::run_int },
        { name: "copy", split_axes: [0], run: tasks::copy::run },
        { name: "unnest", split_axes: [0], run: tasks::unnest::run },
    ],
}

fn run(run: &Run<'_>) -> Result<()> {
    if run.has_adapter() {
        return import::run(run);
    }
    let options = Options::of(run)?;
    let sites = chosen(run, &options)?;
    let form: Box<dyn Form + '_> = match options.format {
        Format::Portable => Box::new(Portable::new(run, &options)?),
        Format::Ort => Box::new(Ort::new(run, &options)),
        Format::Nbits(quantizer) => Box::new(Nbits { quantizer, options: &options }),
    };
    let what = options.describe();
    let mut quantized: HashMap<(Value, bool), Vec<Value>> = HashMap::new();
    for site in sites {
        let layer = Layer::of(run, site)?;
        if layer.elements() < options.min_size {
            continue;
        }
        let weight = match quantized.entry((layer.weight.value, layer.weight.transposed)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(form.quantize(run, &layer)?),
        };
        form.place(run, &layer, weight)?;
        layer.record(run, &what)?;
    }
    Ok(())
}

/// The sites to quantize: the targets without those that are excluded or quantized already.
fn chosen(run: &Run<'_>, options: &Options<'_>) -> Result<Vec<Site>> {
    let excluded: HashSet<Site> = match options.exclude.as_slice() {
        [] => HashSet::new(),
        patterns => run.sites_of_targets(patterns)?.into_iter().collect(),
    };
    let mut sites = Vec::new();
    let mut already = 0;
    for site in run.sites_of_targets(&options.targets)? {
        match run.site(site)?.is_quantized {
            true => already += 1,
            false if excluded.contains(&site) => {}
            false => sites.push(site),
        }
    }
    if already > 0 {
        run.note(&format!("{already} layers are quantized already and stay as they are"));
    }
    if sites.is_empty() {
        return Err(Error::invalid(
            "no layer is left to quantize: all targets are excluded or quantized",
        ));
    }
    Ok(sites)
}
