//! GRU, LSTM and RNN.

use super::{Made, Site};
use crate::ops::size::Size;

/// Outputs of all places, then the last states.
pub(in crate::ops) fn layer(site: &Site<'_>) -> Option<Vec<Made>> {
    let is_batch_first = site.call.schema.attribute("layout").is_some() && site.flag("layout")?;
    let directions = match site.call.string("direction").ok()?.as_str() {
        "bidirectional" => Size::from(2),
        _ => Size::from(1),
    };
    let [first, second, _] = site.shape(0)? else { return None };
    let hidden = site.shape(2).and_then(|recurrence| recurrence.get(2)).cloned();
    let hidden = hidden.or_else(|| site.int("hidden_size").map(Size::from));
    let (length, batch) = if is_batch_first { (second, first) } else { (first, second) };
    let made = |sizes: &[&Size]| {
        Made::sizes(sizes.iter().map(|&size| Some(size.clone())).chain([hidden.clone()]))
    };
    let (y, state) = match is_batch_first {
        true => (made(&[batch, length, &directions]), made(&[batch, &directions])),
        false => (made(&[length, &directions, batch]), made(&[&directions, batch])),
    };
    Some(vec![y, state.clone(), state])
}
