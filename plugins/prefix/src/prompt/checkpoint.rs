//! The learned tokens of PEFT's checkpoint.

use crate::tasks::prompt;
use peftc_plugin::{Error, Result, Run, saved};

const EMBEDDINGS: &str = "prompt_embeddings";
/// Of a multitask prompt: `[tasks, rows, ranks]` and `[tasks, ranks, features]`.
const TASKS: [&str; 2] = ["prefix_task_cols", "prefix_task_rows"];

/// Learned tokens.
pub(super) struct Prompt<'a> {
    pub(super) rows: i64,
    pub(super) features: i64,
    task: i64,
    /// Of a multitask prompt; else 0.
    ranks: i64,
    /// The tensors they are made of.
    pub(super) tensors: Vec<&'a str>,
    /// Elements of those tensors.
    pub(super) parameters: u64,
    /// Tensors that replace parameters.
    pub(super) saved: Vec<(&'a str, String)>,
}

impl<'a> Prompt<'a> {
    pub(super) fn of(run: &Run<'a>) -> Result<Self> {
        if !run.has_adapter() {
            return Err(Error::invalid(
                "no adapter is given: `adapter` names a folder of PEFT's prompt tuning or p-tuning",
            ));
        }
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
        if ranks == 0 && run.option_i64("task")?.is_some() {
            return Err(Error::invalid(
                "task is for a multitask prompt, which this one is not: leave it out",
            ));
        }
        let is_saved = |name: &&str| *name != EMBEDDINGS && !TASKS.contains(name);
        let saved = names.into_iter().filter(is_saved);
        let saved = saved.map(|name| (name, saved::parameter_name(name))).collect();
        Ok(Self { rows, features, task, ranks, tensors, parameters, saved })
    }

    /// The parameters of the task that makes them.
    pub(super) fn params(&self) -> Vec<u8> {
        prompt::params(self.rows, self.features, self.task, self.ranks)
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
