//! Task kinds: what is computed while the output is written.

pub(crate) mod bias;
pub(crate) mod merge;
pub(crate) mod spread;

use peftc_plugin::{Error, Result, TaskCall, TensorMut, TensorView};

/// The first `N` sources and the one result of a call.
fn views<'c, 'a, const N: usize>(
    call: &'c mut TaskCall<'a>,
) -> Result<([TensorView<'a>; N], &'c mut TensorMut<'a>)> {
    let wrong = || Error::invalid("the task was recorded with other sources or results");
    let sources = call.sources.as_slice().try_into().map_err(|_| wrong())?;
    Ok((sources, call.results.first_mut().ok_or_else(wrong)?))
}
