//! The pass `prompt`.
//!
//! The inputs get columns for the learned tokens in front, so that all that is computed from them
//! (lengths, positions, masks) is for the longer sequence; the embeddings of these columns are then
//! the learned ones. A model with past inputs gets them where the past is empty. AdapterHub puts them
//! behind the embeddings instead.

mod adapterhub;
mod checkpoint;
mod inputs;
mod outputs;

use crate::graph::Place;
use checkpoint::Prompt;
use inputs::Inputs;
use outputs::Rows;
use peftc_plugin::{
    Attr, DataType, Record, Result, Run, SourceSpec, TaskSpec, TensorType, Value, one, saved,
};

const PLACE: Place<'static> = Place { role: "prompt", module: "", part: "prompt" };

/// Puts learned tokens in front.
pub(crate) fn run(run: &Run<'_>) -> Result<()> {
    if run.has_adapter() && run.config_str("peft_type")?.is_none() {
        return adapterhub::run(run);
    }
    let inputs = Inputs::of(run)?;
    let prompt = Prompt::of(run, &inputs.table)?;
    let count = count(run, &inputs, prompt.rows)?;
    let added = inputs.widen(run, prompt.rows, count)?;
    embed(run, &prompt, &inputs, count)?;
    inputs.forget_sizes(run)?;
    outputs::settle(run, Rows { first: 0, count })?;
    note_cost(run, &prompt, added);
    saved::replace_all(run, &prompt.saved)
}

/// How many learned tokens there are, as a vector of one element: none behind a past.
fn count(run: &Run<'_>, inputs: &Inputs, rows: i64) -> Result<Value> {
    let all = PLACE.vector(run, "rows", &[rows])?;
    let Some((past, axis)) = inputs.past else { return Ok(all) };
    let shape = PLACE.node(run, "Shape", &[past], Vec::new())?;
    let axis = PLACE.vector(run, "axis", &[axis])?;
    let length = PLACE.node(run, "Gather", &[shape, axis], Vec::new())?;
    let none = PLACE.vector(run, "none", &[0])?;
    let is_empty = PLACE.node(run, "Equal", &[length, none], Vec::new())?;
    let factor =
        PLACE.node(run, "Cast", &[is_empty], vec![("to", Attr::Int(DataType::I64 as i64))])?;
    PLACE.node(run, "Mul", &[all, factor], Vec::new())
}

/// Replaces the embeddings of the columns in front.
fn embed(run: &Run<'_>, prompt: &Prompt<'_>, inputs: &Inputs, count: Value) -> Result<()> {
    let tokens = prompt.tokens(run, inputs.embeddings, inputs.table.dtype)?;
    let (start, end) = (PLACE.vector(run, "start", &[0])?, PLACE.vector(run, "end", &[i64::MAX])?);
    let axis = PLACE.vector(run, "embedding.axis", &[1])?;
    let used = PLACE.node(run, "Slice", &[tokens, start, count, axis], Vec::new())?;
    let used = for_batch(run, used, inputs.ids)?;
    let own = PLACE.node(run, "Slice", &[inputs.embeddings, count, end, axis], Vec::new())?;
    let all = PLACE.node(run, "Concat", &[used, own], vec![("axis", Attr::Int(1))])?;
    run.replace_uses(inputs.embeddings, all)
}

/// Rows `[1, rows, features]` for the batch of another value.
fn for_batch(run: &Run<'_>, rows: Value, of: Value) -> Result<Value> {
    let batch = PLACE.batch(run, of)?;
    let ones = PLACE.vector(run, "ones", &[1, 1])?;
    let shape = PLACE.node(run, "Concat", &[batch, ones], vec![("axis", Attr::Int(0))])?;
    PLACE.node(run, "Expand", &[rows, shape], Vec::new())
}

impl Prompt<'_> {
    /// The learned tokens, `[1, rows, features]`, beside those that a value has.
    fn tokens(&self, run: &Run<'_>, beside: Value, dtype: DataType) -> Result<Value> {
        let ty = TensorType::new(dtype, [1, self.rows, self.features]);
        let what = format!("{} tokens of {}", self.rows, self.features);
        let value = Some(beside);
        let parameters = self.parameters;
        run.record(&Record {
            module: "prompt",
            value,
            what: &what,
            parameters,
            flops_per_token: 0,
        })?;
        one(run.add_task(TaskSpec {
            kind: self.kind,
            label: "prompt",
            sources: self.tensors.iter().map(|name| SourceSpec::Adapter(name)).collect(),
            results: vec![(ty, "prompt.embeddings".to_owned())],
            params: self.params.clone(),
            ..Default::default()
        })?)
    }
}

fn note_cost(run: &Run<'_>, prompt: &Prompt<'_>, widened: Vec<String>) {
    run.note(&format!(
        "{} learned tokens are computed in front of every sequence; columns for them are added inside to {}",
        prompt.rows,
        widened.join(", ")
    ));
}
