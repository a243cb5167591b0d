//! The learned tokens of PEFT's checkpoint, or of a seed.

use crate::fresh::{Fresh, refuse_options};
use crate::tasks::prompt;
use peftc_plugin::{Error, Result, Run, TensorType, saved};

const EMBEDDINGS: &str = "prompt_embeddings";
/// Of a multitask prompt: `[tasks, rows, ranks]` and `[tasks, ranks, features]`.
const TASKS: [&str; 2] = ["prefix_task_cols", "prefix_task_rows"];

/// Learned tokens.
pub(super) struct Prompt<'a> {
    pub(super) rows: i64,
    pub(super) features: i64,
    /// The kind of the task that makes them.
    pub(super) kind: &'static str,
    /// Its parameters.
    pub(super) params: Vec<u8>,
    /// The tensors of the adapter that they are made of.
    pub(super) tensors: Vec<&'a str>,
    /// How many parameters they are.
    pub(super) parameters: u64,
    /// Tensors that replace parameters.
    pub(super) saved: Vec<(&'a str, String)>,
}

impl<'a> Prompt<'a> {
    /// For a model that looks its tokens up in this table.
    pub(super) fn of(run: &Run<'a>, table: &TensorType) -> Result<Self> {
        match run.has_adapter() {
            true => peft(run, table),
            false => fresh(run, table),
        }
    }
}

fn fresh<'a>(run: &Run<'a>, table: &TensorType) -> Result<Prompt<'a>> {
    refuse_task(run)?;
    let fresh = Fresh::of(run, "prompt")?;
    let &[_, features] = table.dims.as_slice() else {
        return Err(Error::invalid("the table of embeddings has other axes"));
    };
    Ok(Prompt {
        rows: fresh.length,
        features,
        kind: "init",
        params: fresh.params(0),
        tensors: Vec::new(),
        parameters: (fresh.length * features) as u64,
        saved: Vec::new(),
    })
}

fn peft<'a>(run: &Run<'a>, table: &TensorType) -> Result<Prompt<'a>> {
    refuse_options(run, "prompt")?;
    let number = |key: &str| {
        run.config_i64(key)?
            .ok_or_else(|| Error::invalid(format!("adapter_config.json has no {key:?}")))
    };
    let (rows, features) = (number("num_virtual_tokens")?, number("token_dim")?);
    let submodules = run.config_i64("num_transformer_submodules")?.unwrap_or(1);
    let tensor = run.adapter_tensor(EMBEDDINGS)?;
    let stored = rows.saturating_mul(submodules);
    if tensor.dims != [stored, features] {
        return Err(Error::invalid(format!(
            "{EMBEDDINGS} is {:?}, but adapter_config.json says {rows} virtual tokens of token_dim {features} for \
             {submodules} stacks: expected [{stored}, {features}]",
            tensor.dims
        )));
    }
    if table.dims.get(1) != Some(&features) {
        return Err(Error::invalid(format!(
            "the learned tokens have {features} features (adapter_config.json: token_dim), the model's token embeddings \
             are {:?}",
            table.dims
        )));
    }
    let names = run.adapter_tensor_names()?;
    let (mut tensors, mut parameters) = (vec![EMBEDDINGS], tensor.ty().elements());
    let (task, ranks) = match names.contains(&TASKS[0]) {
        true => {
            tensors.extend(TASKS);
            parameters += TASKS
                .iter()
                .map(|n| Ok(run.adapter_tensor(n)?.ty().elements()))
                .sum::<Result<u64>>()?;
            multitask(run, rows, features)?
        }
        false => (0, 0),
    };
    if ranks == 0 {
        refuse_task(run)?;
    }
    let is_saved = |name: &&str| *name != EMBEDDINGS && !TASKS.contains(name);
    let saved = names.into_iter().filter(is_saved);
    let saved = saved.map(|name| (name, saved::parameter_name(name))).collect();
    let params = prompt::params(rows, features, task, ranks);
    Ok(Prompt { rows, features, kind: "prompt", params, tensors, parameters, saved })
}

/// Refuses the option of a multitask prompt for another one.
pub(super) fn refuse_task(run: &Run<'_>) -> Result<()> {
    match run.option_i64("task")? {
        None => Ok(()),
        Some(_) => Err(Error::invalid(
            "task is for a multitask prompt, which this one is not: leave it out",
        )),
    }
}

/// The task, and the ranks of the task's matrices.
fn multitask(run: &Run<'_>, rows: i64, features: i64) -> Result<(i64, i64)> {
    let (columns, lines) = (run.adapter_tensor(TASKS[0])?, run.adapter_tensor(TASKS[1])?);
    let (tasks, ranks) = match (columns.dims, lines.dims) {
        (&[tasks, r, ranks], &[t, n, f]) if (r, t, n, f) == (rows, tasks, ranks, features) => {
            (tasks, ranks)
        }
        (columns, lines) => {
            return Err(Error::invalid(format!(
                "{} is {columns:?} and {} {lines:?}: expected [tasks, {rows}, ranks] and [tasks, ranks, {features}]",
                TASKS[0], TASKS[1]
            )));
        }
    };
    let task = run.option_i64("task")?.unwrap_or(0);
    match (0..tasks).contains(&task) {
        true => Ok((task, ranks)),
        false => Err(Error::invalid(format!(
            "task = {task}: the prompt has the tasks 0 to {}",
            tasks - 1
        ))),
    }
}
