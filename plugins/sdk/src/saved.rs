//! Tensors of an adapter that replace parameters: `modules_to_save`, and trained biases.
//!
//! A plugin that uses [`replace_all`] lists [`turn`] among its task kinds, under that name.

use crate::error::{Error, Result};
use crate::ids::{Parameter, Value};
use crate::run::{ParameterInfo, Record, Run, SourceSpec, TaskSpec, one};
use crate::task::{TaskCall, words};

/// The parameter that a tensor of the adapter replaces: its name without the wrappers of PEFT.
pub fn parameter_name(tensor: &str) -> String {
    tensor.replace(".base_layer.", ".").replace(".modules_to_save.", ".")
}

/// Replaces parameters by tensors of the adapter: (the tensor, the parameter's name).
///
/// # Errors
/// The model has no parameter of a name and a tensor's shape.
pub fn replace_all(run: &Run<'_>, parameters: &[(&str, String)]) -> Result<()> {
    parameters.iter().try_for_each(|(tensor, name)| replace(run, tensor, name))
}

/// A tensor of the adapter that is a module's weight before it is changed (`base_layer.weight`), as the
/// model stores that weight, and the weight: the tensor takes its place, as it does in PEFT.
///
/// # Errors
/// As [`replace_all`].
pub fn base_weight(run: &Run<'_>, tensor: &str, module: &str) -> Result<(Parameter, Value)> {
    let name = format!("{module}.weight");
    let parameter = run.parameter(&name, &run.adapter_tensor(tensor)?.ty())?;
    run.note(&format!("{name} is what the adapter has as {tensor}"));
    Ok((parameter, turned(run, tensor, &name, &run.parameter_info(parameter)?)?))
}

fn replace(run: &Run<'_>, tensor: &str, name: &str) -> Result<()> {
    let torch = run.adapter_tensor(tensor)?.ty();
    let parameter = run.parameter(name, &torch)?;
    let info = run.parameter_info(parameter)?;
    run.replace_parameter(parameter, turned(run, tensor, name, &info)?)?;
    let (module, leaf) = name.rsplit_once('.').unwrap_or((name, ""));
    let what = format!("saved {leaf}");
    let (value, parameters) = (Some(info.value), torch.elements());
    run.record(&Record { module, value, what: &what, parameters, flops_per_token: 0 })
}

/// A tensor of the adapter as the model stores a parameter.
fn turned(run: &Run<'_>, tensor: &str, name: &str, info: &ParameterInfo) -> Result<Value> {
    let numbers = [1.0 / f64::from(info.factor), f64::from(u8::from(info.transposed))];
    one(run.add_task(TaskSpec {
        kind: "turn",
        label: name,
        sources: vec![SourceSpec::Adapter(tensor)],
        results: vec![(info.stored.clone(), format!("{name}.saved"))],
        params: words(&numbers),
        ..Default::default()
    })?)
}

/// A task kind: a tensor scaled, cast, and transposed if it is a matrix that has to be.
///
/// Parameters, float64: the scale; 1 to transpose. Source: the tensor. Result: as many elements.
///
/// # Errors
/// Other parameters, sources or results, or an element is no finite number of the result's type.
pub fn turn(call: &mut TaskCall<'_>) -> Result<()> {
    let [scale, transpose] = call.numbers()?;
    let (&[source], [result]) = (call.sources.as_slice(), call.results.as_mut_slice()) else {
        return Err(Error::invalid("the task was recorded with other sources or results"));
    };
    let mut values = source.to_f32()?;
    if transpose != 0.0
        && let &[rows, columns] = source.dims
    {
        values = transposed(&values, rows as usize, columns as usize);
    }
    if scale != 1.0 {
        values.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
    }
    result.dtype.encode_finite(&values, result.bytes)
}

/// The transpose of a row-major matrix.
pub fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut turned = vec![0.0; values.len()];
    for row in 0..rows {
        for column in 0..columns {
            turned[column * rows + row] = values[row * columns + column];
        }
    }
    turned
}
