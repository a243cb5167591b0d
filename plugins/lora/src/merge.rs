//! Mode `merge`: W + s·BA, into the weights.

use crate::keys::CheckedLayer;
use peftc_plugin::{
    Parameter, ParameterInfo, Record, Result, Run, SourceSpec, TaskSpec, TensorType, Value, one,
    saved, words,
};

/// Merges one layer.
pub(crate) fn layer(run: &Run<'_>, layer: &CheckedLayer<'_>) -> Result<()> {
    let mut replaced = Replaced::default();
    for (index, &(site, info)) in layer.sites.iter().enumerate() {
        let weight = run.parameter_info(info.weight)?;
        let merged = || merged_weight(run, layer, &weight);
        replaced.replace(run, info.weight, weight.value, merged)?;
        if index == 0 {
            let (what, parameters) = (layer.what(), layer.parameters);
            let value = Some(weight.value);
            let record =
                Record { module: layer.module, value, what: &what, parameters, flops_per_token: 0 };
            run.record(&record)?;
        }
        let Some(b_bias) = layer.b_bias else { continue };
        match info.bias {
            Some(parameter) => {
                let bias = run.parameter_info(parameter)?;
                let merged = || merged_bias(run, layer, b_bias, &bias);
                replaced.replace(run, parameter, bias.value, merged)?;
            }
            None => {
                let ty = TensorType::new(info.dtype, [info.out_features]);
                run.add_delta(site, scaled_bias(run, layer, b_bias, ty)?)?;
            }
        }
    }
    Ok(())
}

fn merged_weight(run: &Run<'_>, layer: &CheckedLayer<'_>, weight: &ParameterInfo) -> Result<Value> {
    let follows = vec![Some(0), Some(1)];
    let scale = layer.scale / f64::from(weight.factor);
    let value = match layer.base_weight {
        Some(tensor) => saved::base_weight(run, tensor, layer.module)?.1,
        None => weight.value,
    };
    one(run.add_task(TaskSpec {
        kind: "merge",
        label: layer.module,
        sources: vec![
            SourceSpec::Value { value, follows },
            SourceSpec::Adapter(layer.a),
            layer.b(run)?,
        ],
        results: vec![(weight.stored.clone(), format!("{}.weight.merged", layer.module))],
        params: words(&[scale, f64::from(u8::from(weight.transposed))]),
        ..Default::default()
    })?)
}

fn merged_bias(
    run: &Run<'_>,
    layer: &CheckedLayer<'_>,
    b_bias: &str,
    bias: &ParameterInfo,
) -> Result<Value> {
    one(run.add_task(TaskSpec {
        kind: "bias",
        label: layer.module,
        sources: vec![
            SourceSpec::Value { value: bias.value, follows: Vec::new() },
            SourceSpec::Adapter(b_bias),
        ],
        results: vec![(bias.stored.clone(), format!("{}.bias.merged", layer.module))],
        params: words(&[layer.scale / f64::from(bias.factor)]),
        ..Default::default()
    })?)
}

/// s times the bias of B, as a tensor of its own.
pub(crate) fn scaled_bias(
    run: &Run<'_>,
    layer: &CheckedLayer<'_>,
    b_bias: &str,
    ty: TensorType,
) -> Result<Value> {
    one(run.add_task(TaskSpec {
        kind: "turn",
        label: layer.module,
        sources: vec![SourceSpec::Adapter(b_bias)],
        results: vec![(ty, format!("{}.lora_B.bias", layer.module))],
        params: words(&[layer.scale, 0.0]),
        ..Default::default()
    })?)
}

/// Constants of one module that were replaced: a module that is called twice has each twice.
#[derive(Default)]
struct Replaced(Vec<(Value, Value)>);

impl Replaced {
    /// Replaces a parameter by what `make` makes of its constant, once for each constant.
    fn replace(
        &mut self,
        run: &Run<'_>,
        parameter: Parameter,
        constant: Value,
        make: impl FnOnce() -> Result<Value>,
    ) -> Result<Value> {
        let by = match self.0.iter().find(|(old, _)| *old == constant) {
            Some(&(_, by)) => by,
            None => make()?,
        };
        self.0.push((constant, by));
        run.replace_parameter(parameter, by)?;
        Ok(by)
    }
}
