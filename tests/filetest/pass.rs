//! The command `pass NAME KEY=VALUE…`: runs a pass of a plugin and prints the graph with the
//! weights it computed, and what it reported.
//!
//! Each `--- adapter` is followed by a line of JSON, the configuration, and the adapter's tensors as
//! `const %name = TENSOR` with PEFT's own names. A configuration of a version `adapters.…` is that of
//! AdapterHub, one with a `quantization_config` that of a checkpoint; `json %name = JSON` is a tensor of the bytes of its text.

use crate::case::Case;
use libtest_mimic::Failed;
use peftc::adapter::Adapter;
use peftc::delta::open_several;
use peftc::ir::{DataType, Model, Tensor, TensorData, text};
use peftc::plugin::{Options, PluginPass, Plugins, SearchPath};
use peftc::recipe::Recipe;
use peftc::weights::{self, Placement, Plan};
use peftc::{Context, Error, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::io::Read;
use std::path::Path;

pub(crate) fn run(case: &Case<'_>, mut model: Model) -> Result<String, Failed> {
    match apply(case, &mut model)? {
        Ok(report) => Ok(report + &text::print(&model)),
        Err(error) => Ok(format!("error: {error}\n")),
    }
}

fn apply(case: &Case<'_>, model: &mut Model) -> Result<Result<String>, Failed> {
    let (name, options) = case.arguments.split_first().ok_or("`pass` names no pass")?;
    let folder = tempfile::tempdir()?;
    let parts: Vec<&str> =
        case.adapter.iter().flat_map(|text| text.split("\n--- adapter\n")).collect();
    let mut paths = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let path =
            if n == 0 { folder.path().to_owned() } else { folder.path().join(n.to_string()) };
        std::fs::create_dir_all(&path)?;
        write_adapter(&path, part)?;
        paths.push(path);
    }
    let mut recipe = Recipe::for_adapter(folder.path(), name);
    for option in options {
        recipe.set(&format!("{name}.{option}"))?;
    }
    let shown = folder.path().display().to_string();
    let adapter = match (*name, paths.as_slice()) {
        (_, []) => Ok(None),
        ("merge", paths) => open_several(paths).map(Some),
        (_, [path, ..]) => Adapter::open(path).map(Some),
    };
    Ok(adapter
        .and_then(|adapter| run_pass(&recipe, adapter.as_ref(), model))
        .map_err(|e| Error::input(e.to_string().replace(&shown, "ADAPTER"))))
}

fn run_pass(recipe: &Recipe, adapter: Option<&Adapter>, model: &mut Model) -> Result<String> {
    let context = Context::new(None, Context::DEFAULT_MEMORY, |_| {})?;
    let plugins = Plugins::load(SearchPath::standard(&[]))?;
    let entry = &recipe.passes[0];
    let selected = plugins.pass(&entry.name)?;
    let options = Options::check(selected.pass, recipe, entry)?;
    let mut plan = Plan::default();
    let mut pass = PluginPass::new(0, selected, &options, adapter, &mut plan, &context);
    let applied = peftc::pass::run(&mut pass, model)?;
    let mut report: String = pass
        .records
        .iter()
        .map(|r| {
            let flops = match r.flops_per_token {
                0 => String::new(),
                flops => format!(", {flops} FLOPs per token"),
            };
            format!(
                "; {}: {}, {} parameters{flops}, {}\n",
                r.module, r.what, r.parameters, r.target
            )
        })
        .chain(pass.notes.iter().map(|n| format!("; note: {}\n", n.message)))
        .chain(pass.archives.iter().map(|a| {
            let arrays: Vec<_> = a.arrays.iter().map(|(name, _)| name.as_str()).collect();
            format!("; archive {}: {}\n", a.name, arrays.join(", "))
        }))
        .collect();
    for (weight, copy, uses) in &applied.copied {
        report += &format!(
            "; copied: {weight} stays for {uses} other use(s), {copy} is the changed copy\n"
        );
    }
    report += &compute(model, &plan, &context)?;
    Ok(report)
}

/// Computes the pending tensors of a model and puts them in place.
fn compute(model: &mut Model, plan: &Plan, context: &Context) -> Result<String> {
    let pending: Vec<_> = model
        .graph
        .stored_tensors()
        .into_iter()
        .filter_map(|(value, tensor)| match tensor.data {
            TensorData::Pending { task, result } => Some((value, task, result, tensor.clone())),
            _ => None,
        })
        .collect();
    let io = |e: std::io::Error| Error::environment(e.to_string());
    let files =
        pending.iter().map(|_| tempfile::tempfile().map_err(io)).collect::<Result<Vec<_>>>()?;
    let placements: Vec<_> = pending
        .iter()
        .zip(&files)
        .map(|((_, task, result, _), file)| Placement {
            task: *task,
            result: *result,
            file,
            offset: 0,
        })
        .collect();
    let measures = weights::run(plan, &placements, context, &|_| {})?;
    drop(placements);
    for ((value, _, _, mut tensor), mut file) in pending.into_iter().zip(files) {
        let mut bytes = Vec::new();
        std::io::Seek::rewind(&mut file).map_err(io)?;
        file.read_to_end(&mut bytes).map_err(io)?;
        tensor.data = TensorData::Bytes(bytes.into());
        match model.graph.initializer_mut(value) {
            Some(initializer) => *initializer = tensor,
            None => model.graph.set_default(value, tensor),
        }
    }
    let lines = measures.iter().flat_map(|(label, values)| {
        values.iter().map(move |(name, &value)| match value.fract() == 0.0 {
            true => format!("; {label}: {value} {name}\n"),
            false => format!("; {label}: {value:.3e} {name}\n"),
        })
    });
    Ok(lines.collect())
}

fn write_adapter(folder: &Path, adapter: &str) -> Result<(), Failed> {
    let (config, tensors) = adapter.split_once('\n').unwrap_or((adapter, ""));
    let (config_file, weights_file) = match config {
        _ if config.contains("\"quantization_config\"") => ("config.json", "model.safetensors"),
        _ if config.contains("\"adapters.") => ("adapter_config.json", "adapter.safetensors"),
        _ => ("adapter_config.json", "adapter_model.safetensors"),
    };
    std::fs::write(folder.join(config_file), config)?;
    let (json, tensors): (Vec<_>, Vec<_>) =
        tensors.lines().partition(|line| line.starts_with("json %"));
    let tensors = text::parse_tensors(&tensors.join("\n"))?;
    let views = tensors.iter().map(|(name, tensor)| Ok((name.clone(), view(tensor)?)));
    let views = views.chain(json.into_iter().map(json_view)).collect::<Result<Vec<_>, Failed>>()?;
    safetensors::serialize_to_file(views, None, &folder.join(weights_file))
        .map_err(|e| e.to_string())?;
    Ok(())
}

/// A line `json %name = JSON`.
fn json_view(line: &str) -> Result<(String, TensorView<'_>), Failed> {
    let (name, json) = line["json %".len()..].split_once(" = ").ok_or("no ` = ` after `json %`")?;
    let view = TensorView::new(Dtype::U8, vec![json.len()], json.as_bytes());
    Ok((name.to_owned(), view.map_err(|e| e.to_string())?))
}

fn view(tensor: &Tensor) -> Result<TensorView<'_>, Failed> {
    let dtype = match tensor.dtype {
        DataType::F32 => Dtype::F32,
        DataType::F16 => Dtype::F16,
        DataType::BF16 => Dtype::BF16,
        DataType::U8 => Dtype::U8,
        other => return Err(format!("no adapter has tensors of {other}").into()),
    };
    let shape = tensor.dims.iter().map(|&d| d as usize).collect();
    Ok(TensorView::new(dtype, shape, tensor.bytes().unwrap_or_default())
        .map_err(|e| e.to_string())?)
}
