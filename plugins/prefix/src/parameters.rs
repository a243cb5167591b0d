//! Tensors that replace parameters: the heads that PEFT trains beside a prefix.

use crate::graph::one;
use crate::tasks::words;
use peftc_plugin::{Error, Record, Result, Run, SourceSpec, TaskSpec};

/// Replaces the parameters that these tensors are named after.
pub(crate) fn replace(run: &Run<'_>, tensors: &[&str]) -> Result<()> {
    tensors.iter().try_for_each(|tensor| replace_one(run, tensor))
}

fn replace_one(run: &Run<'_>, tensor: &str) -> Result<()> {
    let name = tensor.replace(".modules_to_save.", ".");
    let torch = run.adapter_tensor(tensor)?.ty();
    let parameter = run.parameter(&name, &torch)?;
    let info = run.parameter_info(parameter)?;
    if info.factor != 1.0 {
        return Err(Error::unsupported(format!(
            "{name}: the graph multiplies it by {}, and a saved tensor cannot replace it",
            info.factor
        )));
    }
    let by = one(run.add_task(TaskSpec {
        kind: "turn",
        label: &name,
        sources: vec![SourceSpec::Adapter(tensor)],
        results: vec![(info.stored.clone(), format!("{name}.saved"))],
        params: words([info.transposed.into()]),
        ..Default::default()
    })?)?;
    run.replace_parameter(parameter, by)?;
    let (module, leaf) = name.rsplit_once('.').unwrap_or((&name, ""));
    let (what, parameters) = (format!("saved {leaf}"), torch.elements());
    run.record(&Record { module, value: Some(info.value), what: &what, parameters })
}
