//! Tensors that replace parameters: `modules_to_save`, and trained biases.

use crate::merge::one;
use crate::tasks::words;
use peftc_plugin::{Record, Result, Run, SourceSpec, TaskSpec};

/// Replaces parameters by tensors of the adapter: (the tensor, the parameter's name).
pub(crate) fn replace_all(run: &Run<'_>, parameters: &[(&str, String)]) -> Result<()> {
    parameters.iter().try_for_each(|(tensor, name)| replace(run, tensor, name))
}

fn replace(run: &Run<'_>, tensor: &str, name: &str) -> Result<()> {
    let torch = run.adapter_tensor(tensor)?.ty();
    let parameter = run.parameter(name, &torch)?;
    let info = run.parameter_info(parameter)?;
    let by = one(run.add_task(TaskSpec {
        kind: "turn",
        label: name,
        sources: vec![SourceSpec::Adapter(tensor)],
        results: vec![(info.stored.clone(), format!("{name}.saved"))],
        params: words(&[1.0 / f64::from(info.factor), f64::from(u8::from(info.transposed))]),
        ..Default::default()
    })?)?;
    run.replace_parameter(parameter, by)?;
    let (module, leaf) = name.rsplit_once('.').unwrap_or((name, ""));
    let what = format!("saved {leaf}");
    run.record(&Record {
        module,
        value: Some(info.value),
        what: &what,
        parameters: torch.elements(),
    })
}
