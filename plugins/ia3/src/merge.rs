//! Mode `merge`: the scales go into weight and bias.

use crate::layer::Layer;
use peftc_plugin::{
    Error, Parameter, ParameterInfo, Result, Run, SiteInfo, SourceSpec, TaskSpec, Value, one,
};
use std::collections::HashMap;

/// Merges one layer.
pub(crate) fn layer(run: &Run<'_>, layer: &Layer<'_>) -> Result<()> {
    let Some(scales) = layer.source(run)? else {
        return Err(Error::invalid(
            "a fresh adapter scales by 1: merging it changes nothing; mode = \"inject\" adds it as a Mul",
        ));
    };
    // A module that is called twice has each constant twice.
    let mut made: HashMap<Value, Value> = HashMap::new();
    let mut replace = |parameter: Parameter, axis: usize, leaf: &str| -> Result<()> {
        let info = run.parameter_info(parameter)?;
        let by = match made.get(&info.value) {
            Some(by) => *by,
            None => scaled(run, layer, &info, &scales, axis, leaf)?,
        };
        made.insert(info.value, by);
        run.replace_parameter(parameter, by)
    };
    for (_, info) in &layer.sites {
        refuse_branches(layer, info)?;
        let weight = run.parameter_info(info.weight)?;
        // Of [out, in] the outputs are axis 0.
        replace(info.weight, usize::from(layer.is_feedforward != weight.transposed), "weight")?;
        if let Some(bias) = info.bias.filter(|_| !layer.is_feedforward) {
            replace(bias, 0, "bias")?;
        }
    }
    Ok(())
}

/// What does not go through the weight, scales in the weight do not reach.
fn refuse_branches(layer: &Layer<'_>, info: &SiteInfo<'_>) -> Result<()> {
    let what = match info {
        SiteInfo { is_quantized: true, .. } => "its weight is quantized",
        SiteInfo { has_delta: true, .. } => "a side branch is added to it",
        _ => return Ok(()),
    };
    Err(Error::unsupported(format!(
        "{}: {what}, and scales cannot be merged: mode = \"inject\" keeps them beside it",
        layer.module
    )))
}

fn scaled(
    run: &Run<'_>,
    layer: &Layer<'_>,
    info: &ParameterInfo,
    scales: &SourceSpec<'_>,
    axis: usize,
    leaf: &str,
) -> Result<Value> {
    let follows = (0..info.stored.dims.len() as u32).map(Some).collect();
    one(run.add_task(TaskSpec {
        kind: "scale",
        label: layer.module,
        sources: vec![SourceSpec::Value { value: info.value, follows }, scales.clone()],
        results: vec![(info.stored.clone(), format!("{}.{leaf}.merged", layer.module))],
        params: (axis as u64).to_le_bytes().to_vec(),
        ..Default::default()
    })?)
}
