//! Task kind `turn`: a tensor that replaces a parameter, transposed if it is a matrix that has to be.

use super::result;
use peftc_plugin::{Error, Result, TaskCall};

/// Parameters: 1 to transpose.
pub(crate) fn run(call: &mut TaskCall<'_>) -> Result<()> {
    let [transpose] = call.words()?.map(i64::from_le_bytes);
    let source = *call.sources.first().ok_or_else(|| Error::invalid("the task has no source"))?;
    let mut values = source.to_f32()?;
    if transpose != 0
        && let &[rows, columns] = source.dims
    {
        let (rows, columns) = (rows as usize, columns as usize);
        values = (0..values.len()).map(|i| values[i % rows * columns + i / rows]).collect();
    }
    let result = result(call)?;
    result.dtype.encode_f32(&values, result.bytes)
}
