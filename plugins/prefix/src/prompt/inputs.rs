//! The inputs of a model that have a column for each token, and where its tokens are embedded.

use super::PLACE;
use crate::graph::{forget_sizes, input};
use peftc_plugin::{Attr, DataType, Error, Node, Result, Run, TensorType, Value};

/// What a caller gives for each token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    /// Numbers whose embeddings are replaced, or that learned tokens have none of: 0.
    Zero,
    /// Learned tokens are seen: 1.
    One,
    /// Real tokens come behind the learned ones.
    Position,
}

/// The inputs that get columns, by the names that transformers gives them.
const COLUMNS: [(&str, Column); 4] = [
    ("input_ids", Column::Zero),
    ("attention_mask", Column::One),
    ("token_type_ids", Column::Zero),
    ("position_ids", Column::Position),
];

/// The inputs of a model.
pub(super) struct Inputs {
    columns: Vec<(String, Value, Column)>,
    pub(super) ids: Value,
    /// The embeddings of the tokens, `[batch, sequence, features]`.
    pub(super) embeddings: Value,
    /// The table that they are looked up in, `[tokens, features]`.
    pub(super) table: TensorType,
    /// A past of keys, and its axis of the sequence.
    pub(super) past: Option<(Value, i64)>,
}

impl Inputs {
    pub(super) fn of(run: &Run<'_>) -> Result<Self> {
        let mut columns = Vec::new();
        let mut names = Vec::new();
        for value in run.inputs()? {
            let name = run.value(value)?.name;
            names.push(name);
            if let Some((_, column)) = COLUMNS.iter().find(|(known, _)| *known == name) {
                columns.push((name.to_owned(), value, *column));
            }
        }
        let ids = columns.iter().find(|(name, ..)| name == "input_ids").map(|(_, value, _)| *value);
        let ids = ids.ok_or_else(|| {
            Error::unsupported(format!(
                "the model has no input input_ids that learned tokens could be put in front of; it has {}",
                names.join(", ")
            ))
        })?;
        let (embeddings, table) = embeddings(run, ids)?;
        let past = if names.len() > columns.len() { past(run)? } else { None };
        Ok(Self { columns, ids, embeddings, table, past })
    }

    /// Gives the inputs columns in front, and names them.
    pub(super) fn widen(&self, run: &Run<'_>, rows: i64, count: Value) -> Result<Vec<String>> {
        let all = PLACE.vector(run, "all", &[rows])?;
        for (_, value, column) in &self.columns {
            let dtype = run.value(*value)?.dtype.unwrap_or(DataType::I64);
            let longer = match column {
                Column::Zero => pad(run, *value, dtype, count, 0)?,
                // The past has rows of the learned tokens, and the caller's mask has no columns for them.
                Column::One => pad(run, *value, dtype, all, 1)?,
                Column::Position => positions(run, *value, dtype, rows, count, self.ids)?,
            };
            run.forget_sizes(longer)?;
            run.replace_uses(*value, longer)?;
        }
        Ok(self.columns.iter().map(|(name, ..)| name.clone()).collect())
    }

    /// All that is made of the inputs is longer.
    pub(super) fn forget_sizes(&self, run: &Run<'_>) -> Result<()> {
        let mut users: Vec<Node> = Vec::new();
        for (_, value, _) in &self.columns {
            users.extend(run.uses(*value)?.iter().map(|at| at.node));
        }
        forget_sizes(run, &users)
    }
}

/// The values that tokens are embedded as, and the table.
fn embeddings(run: &Run<'_>, ids: Value) -> Result<(Value, TensorType)> {
    let mut tried = 0;
    for node in run.nodes()? {
        if run.node(node)?.op_type != "Gather" || !comes_from(run, input(run, node, 1)?, ids)? {
            continue;
        }
        tried += 1;
        let table = run.node_input(node, 0)?.map(|v| run.value(v)).transpose()?;
        let table = table.filter(|t| t.is_constant && t.dims.is_some_and(|d| d.len() == 2));
        let dtype = table.as_ref().and_then(|t| t.dtype).filter(|d| d.float_size().is_some());
        if let (Some(table), Some(dtype), Some(made)) = (table, dtype, run.node_output(node, 0)?) {
            return Ok((made, TensorType::new(dtype, table.dims.unwrap_or_default())));
        }
    }
    Err(Error::unsupported(format!(
        "the model's token embeddings were not found: looked for a Gather from a constant table [tokens, features] by \
         input_ids; {tried} Gather nodes read input_ids otherwise"
    )))
}

/// Whether a value is another one that was only turned or cast.
fn comes_from(run: &Run<'_>, mut value: Value, origin: Value) -> Result<bool> {
    for _ in 0..4 {
        if value == origin {
            return Ok(true);
        }
        let Some(node) = run.value(value)?.producer else { return Ok(false) };
        if !["Reshape", "Cast", "Identity"].contains(&run.node(node)?.op_type) {
            return Ok(false);
        }
        value = input(run, node, 0)?;
    }
    Ok(false)
}

/// A past of keys, if the model has one.
fn past(run: &Run<'_>) -> Result<Option<(Value, i64)>> {
    let Some(&site) = run.attention_sites()?.first() else { return Ok(None) };
    let keys = run.attention(site)?.keys;
    Ok(keys.past.map(|past| (past, keys.sequence_axis as i64)))
}

/// A value `[batch, sequence]` with columns of a number in front.
fn pad(run: &Run<'_>, value: Value, dtype: DataType, count: Value, number: i32) -> Result<Value> {
    let (before, after) =
        (PLACE.vector(run, "before", &[0])?, PLACE.vector(run, "after", &[0, 0])?);
    let pads = PLACE.node(run, "Concat", &[before, count, after], vec![("axis", Attr::Int(0))])?;
    let number = PLACE.scalar(run, "column", dtype, number)?;
    PLACE.node(run, "Pad", &[value, pads, number], vec![("mode", Attr::Str("constant"))])
}

/// Positions behind those of the learned tokens.
fn positions(
    run: &Run<'_>,
    value: Value,
    dtype: DataType,
    rows: i64,
    count: Value,
    ids: Value,
) -> Result<Value> {
    if dtype != DataType::I64 {
        return Err(Error::unsupported(format!("position_ids are {dtype}: i64 is accepted")));
    }
    let length = PLACE.scalar(run, "length", dtype, rows as i32)?;
    let own = PLACE.node(run, "Add", &[value, length], Vec::new())?;
    let bytes: Vec<u8> = (0..rows).flat_map(|n| n.to_le_bytes()).collect();
    let learned =
        run.add_tensor(&PLACE.name("positions"), &TensorType::new(dtype, [1, rows]), &bytes)?;
    let (start, axis) =
        (PLACE.vector(run, "first", &[0])?, PLACE.vector(run, "positions.axis", &[1])?);
    let learned = PLACE.node(run, "Slice", &[learned, start, count, axis], Vec::new())?;
    let batch = PLACE.batch(run, ids)?;
    let one = PLACE.vector(run, "one", &[1])?;
    let shape = PLACE.node(run, "Concat", &[batch, one], vec![("axis", Attr::Int(0))])?;
    let learned = PLACE.node(run, "Expand", &[learned, shape], Vec::new())?;
    PLACE.node(run, "Concat", &[learned, own], vec![("axis", Attr::Int(1))])
}
