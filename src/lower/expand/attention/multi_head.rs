//! ONNX Runtime's MultiHeadAttention.

use super::mask::added;
use super::{Attend, Site, after, common_dtype};
use crate::ir::ValueId;
use crate::lower::expand::heads::{Heads, Layout};

/// Left as it is where scores are an output, or with a cache that several beams share.
pub(in crate::lower::expand) fn attention(site: &mut Site<'_, '_>) -> Option<Vec<Option<ValueId>>> {
    if site.is_read(3) || site.has(8) || site.has(9) || site.has(6) != site.has(7) {
        return None;
    }
    let dtype = common_dtype(site, &[0, 1, 2, 3, 5, 6, 7])?;
    let heads = site.int("num_heads")?;
    let [q, k, v] = inputs(site, heads)?;
    (q.heads == heads && k.heads == heads && v.heads == heads).then_some(())?;
    (q.size == k.size).then_some(())?;
    let new = if site.has(1) { (1, k.length_axis()) } else { (0, 1) };
    let [q, k, v] = with_bias(site, [q, k, v])?;
    let past = [site.input(6), site.input(7)];
    let (k, v) = (after(site, past[0], k)?, after(site, past[1], v)?);
    let masks = added(site, [4, 5], dtype, (6, 2), new)?;
    let y = Attend::microsoft(site, dtype, [q, k, v], masks)?;
    Some(vec![Some(y), Some(k.value), Some(v.value)])
}

/// Queries, keys and values.
fn inputs(site: &mut Site<'_, '_>, heads: i64) -> Option<[Heads; 3]> {
    if site.rank(0)? == 4 || site.has(2) && !site.has(1) {
        return None;
    }
    let count = |_: &Site<'_, '_>| Some(heads);
    Some(match (site.has(1), site.has(2)) {
        (false, _) => [part(site, 0, 0, 3)?, part(site, 0, 1, 3)?, part(site, 0, 2, 3)?],
        (true, false) => {
            [Heads::input(site, 0, count)?, part(site, 1, 0, 2)?, part(site, 1, 1, 2)?]
        }
        (true, true) => [
            Heads::input(site, 0, count)?,
            Heads::input(site, 1, count)?,
            Heads::input(site, 2, count)?,
        ],
    })
}

/// A part of an input (batch, length, heads, parts, size).
fn part(site: &mut Site<'_, '_>, slot: usize, part: i64, parts: i64) -> Option<Heads> {
    (site.rank(slot)? == 5 && site.known(slot, 3)? == parts).then_some(())?;
    let (heads, size) = (site.known(slot, 2)?, site.known(slot, 4)?);
    let all = site.input(slot)?;
    let value = site.slice(all, 3, [part, part + 1])?;
    let value = site.reshape(value, &[0, 0, heads, size])?;
    Heads::new(value, Layout::Beside, heads, size)
}

/// Adds a bias of all heads of queries, then of keys, then of values; keys and values that are
/// given by head have theirs.
fn with_bias(site: &mut Site<'_, '_>, all: [Heads; 3]) -> Option<[Heads; 3]> {
    let Some(bias) = site.input(3) else { return Some(all) };
    let widths = all.map(|heads| heads.heads * heads.size);
    (site.known(3, 0)? == widths.iter().sum::<i64>()).then_some(())?;
    let is_by_head = all[1].layout == Layout::ByHead;
    let mut first = 0;
    let mut sums = all;
    for (heads, width) in sums.iter_mut().zip(widths).take(if is_by_head { 1 } else { 3 }) {
        (heads.layout != Layout::ByHead).then_some(())?;
        let mut own = site.slice(bias, 0, [first, first + width])?;
        if heads.layout == Layout::Beside {
            own = site.reshape(own, &[heads.heads, heads.size])?;
        }
        heads.value = site.make("Add", &[heads.value, own])?;
        first += width;
    }
    Some(sums)
}
