//! Mode `inject`: x·Aᵀ·(s·Bᵀ) beside the frozen weight.

use crate::keys::CheckedLayer;
use crate::merge::scaled_bias;
use peftc_plugin::branch::Branch;
use peftc_plugin::{
    Record, Result, Run, SourceSpec, TaskSpec, TensorType, Value, one, saved, words,
};

/// Injects one layer.
pub(crate) fn layer(run: &Run<'_>, layer: &CheckedLayer<'_>) -> Result<()> {
    let Some(&(_, first)) = layer.sites.first() else { return Ok(()) };
    let dtype = first.dtype;
    let a_type = TensorType::new(dtype, [first.in_features, layer.inner()]);
    let b_type = TensorType::new(dtype, [layer.inner(), first.out_features]);
    let branch = Branch {
        module: layer.module,
        a: turned(run, layer, ("lora_A", SourceSpec::Adapter(layer.a)), a_type, 1.0)?,
        b: turned(run, layer, ("lora_B", layer.b(run)?), b_type, layer.scale)?,
    };
    let bias = match layer.b_bias {
        Some(name) => {
            let ty = TensorType::new(dtype, [first.out_features]);
            Some(scaled_bias(run, layer, name, ty)?)
        }
        None => None,
    };
    if let Some(tensor) = layer.base_weight {
        let (weight, by) = saved::base_weight(run, tensor, layer.module)?;
        run.replace_parameter(weight, by)?;
    }
    for &(site, info) in &layer.sites {
        branch.add(run, site, &info, bias)?;
    }
    let rows = first.in_features + first.out_features;
    run.record(&Record {
        module: layer.module,
        value: Some(first.output),
        what: &layer.what(),
        parameters: layer.parameters,
        flops_per_token: (2 * layer.inner() * rows) as u64 * layer.sites.len() as u64,
    })
}

/// A tensor of the adapter, transposed, scaled and cast.
fn turned(
    run: &Run<'_>,
    layer: &CheckedLayer<'_>,
    (leaf, source): (&str, SourceSpec<'_>),
    ty: TensorType,
    scale: f64,
) -> Result<Value> {
    one(run.add_task(TaskSpec {
        kind: "turn",
        label: layer.module,
        sources: vec![source],
        results: vec![(ty, format!("{}.{leaf}.weight", layer.module))],
        params: words(&[scale, 1.0]),
        ..Default::default()
    })?)
}
