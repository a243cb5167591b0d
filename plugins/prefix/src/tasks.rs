//! Task kinds: what is computed while the output is written.

pub(crate) mod projected;
pub(crate) mod prompt;
pub(crate) mod rows;

use peftc_plugin::{Error, Result, TaskCall, TensorMut};

/// The one result of a call.
fn result<'c, 'a>(call: &'c mut TaskCall<'a>) -> Result<&'c mut TensorMut<'a>> {
    call.results.first_mut().ok_or_else(|| Error::invalid("the task was recorded without a result"))
}

/// The values of a source.
fn source(call: &TaskCall<'_>, index: usize) -> Result<Vec<f32>> {
    let source = call.sources.get(index);
    source.ok_or_else(|| Error::invalid("the task was recorded with fewer sources"))?.to_f32()
}

/// Parameters that are numbers.
pub(crate) fn words<const N: usize>(numbers: [i64; N]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}
