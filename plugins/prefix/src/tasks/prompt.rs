//! Task kind `prompt`: the learned tokens, of a task where there are several.

use super::{result, source, words};
use peftc_plugin::{Error, Result, TaskCall};

/// Parameters: rows, features, the task, ranks; 0 ranks for a prompt of one task.
pub(crate) fn params(rows: i64, features: i64, task: i64, ranks: i64) -> Vec<u8> {
    words([rows, features, task, ranks])
}

/// Sources: the tokens `[rows or more, features]`; for several tasks columns `[tasks, rows, ranks]`
/// and rows `[tasks, ranks, features]`, whose product the tokens are multiplied by.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [rows, features, task, ranks] = call.words()?.map(|w| i64::from_le_bytes(w) as usize);
    let mut tokens = source(call, 0)?;
    tokens.truncate(rows * features);
    if ranks > 0 {
        let (left, right) = (source(call, 1)?, source(call, 2)?);
        let left = left.get(task * rows * ranks..(task + 1) * rows * ranks);
        let right = right.get(task * ranks * features..(task + 1) * ranks * features);
        let (Some(left), Some(right)) = (left, right) else {
            return Err(Error::invalid("the task was recorded for other tensors"));
        };
        for (i, token) in tokens.iter_mut().enumerate() {
            let (row, feature) = (i / features, i % features);
            let factor = (0..ranks).map(|r| left[row * ranks + r] * right[r * features + feature]);
            *token *= factor.sum::<f32>();
        }
    }
    let result = result(call)?;
    result.dtype.encode_f32(&tokens, result.bytes)
}
