//! Task kind `projected`: rows that an MLP makes of learned embeddings, laid as those of kind `rows`.

use super::rows::Block;
use super::source;
use peftc_plugin::{Error, Result, TaskCall, TensorView};
use std::ops::Range;

/// Parameters: as of kind `rows`. Sources: embeddings `[rows, hidden]`, the weight `[inner, hidden]`
/// and bias of a Linear, with tanh behind it, and those of a second one, `[blocks·heads·features, inner]`.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let block = Block::of(call)?;
    let (embeddings, weight, bias) = (source(call, 0)?, source(call, 1)?, source(call, 2)?);
    let second_bias = source(call, 4)?;
    let other = || Error::invalid("the task was recorded for other tensors");
    let hidden = weight.len().checked_div(bias.len()).filter(|&size| size > 0).ok_or_else(other)?;
    let second_weight = call.sources.get(3).ok_or_else(other)?;
    let second_weight = part(second_weight, block.columns(), bias.len())?.ok_or_else(other)?;
    let second_bias = second_bias.get(block.columns()).ok_or_else(other)?;
    let rows: Vec<Vec<f64>> = embeddings
        .chunks(hidden)
        .map(|embedding| {
            let embedding: Vec<f64> = embedding.iter().map(|&x| f64::from(x)).collect();
            let inner: Vec<f64> =
                linear(&embedding, &weight, &bias).into_iter().map(f64::tanh).collect();
            linear(&inner, &second_weight, second_bias)
        })
        .collect();
    block.fill(call, |row, column| rows[row][column] as f32)
}

/// Some rows of a matrix with so many columns.
fn part(matrix: &TensorView<'_>, rows: Range<usize>, columns: usize) -> Result<Option<Vec<f32>>> {
    let size = columns * matrix.dtype.float_size().unwrap_or(0);
    let Some(bytes) = matrix.bytes.get(rows.start * size..rows.end * size) else { return Ok(None) };
    let mut values = vec![0.0; rows.len() * columns];
    matrix.dtype.decode_f32(bytes, &mut values)?;
    Ok(Some(values))
}

/// W·x + b, W `[out, in]`.
fn linear(x: &[f64], weight: &[f32], bias: &[f32]) -> Vec<f64> {
    let dot = |row: &[f32]| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
    weight.chunks(x.len()).zip(bias).map(|(row, &bias)| dot(row) + f64::from(bias)).collect()
}
