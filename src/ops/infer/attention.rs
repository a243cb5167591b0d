//! Attention in its forms: the result, and keys and values as they are after the call.

use super::{Made, Site};
use crate::ops::size::Size;

/// Vectors of heads: batch, heads, length, elements.
type Heads = [Option<Size>; 4];

/// Those of an input (batch, heads, length, size), or (batch, length, heads · size).
fn heads(site: &Site<'_>, slot: usize, count: Option<Size>) -> Option<Heads> {
    match site.shape(slot)? {
        [batch, heads, length, size] => Some([batch, heads, length, size].map(|x| Some(x.clone()))),
        [batch, length, hidden] => {
            let size = count.as_ref().map(|count| hidden.quotient(count));
            Some([Some(batch.clone()), count, Some(length.clone()), size])
        }
        _ => None,
    }
}

fn attribute(site: &Site<'_>, name: &str) -> Option<Size> {
    site.int(name).filter(|&count| count > 0).map(Size::from)
}

/// With the length of a cache (batch, heads, length, size) in front.
fn after(site: &Site<'_>, slot: usize, mut new: Heads) -> Heads {
    if site.has_input(slot) {
        let past = site.shape(slot).and_then(|past| past.get(2));
        new[2] = past.zip(new[2].as_ref()).and_then(|(past, new)| Size::sum([past, new]));
    }
    new
}

/// As (batch, length, heads · size).
fn packed([batch, heads, length, size]: Heads) -> Made {
    let hidden = heads.zip(size).map(|(heads, size)| &heads * &size);
    Made::sizes([batch, length, hidden])
}

/// The result of queries and values.
fn result(q: &Heads, v: &Heads) -> Heads {
    [q[0].clone(), q[1].clone(), q[2].clone(), v[3].clone()]
}

/// Scores.
fn scores(q: &Heads, k: &Heads) -> Made {
    Made::sizes([q[0].clone(), q[1].clone(), q[2].clone(), k[2].clone()])
}

/// ONNX's Attention.
pub(in crate::ops) fn standard(site: &Site<'_>) -> Option<Vec<Made>> {
    let q = heads(site, 0, attribute(site, "q_num_heads"))?;
    let of = |slot: usize| heads(site, slot, attribute(site, "kv_num_heads"));
    let (k, v) = (after(site, 4, of(1)?), after(site, 5, of(2)?));
    let y = result(&q, &v);
    let y = if site.rank(0) == Some(3) { packed(y) } else { Made::sizes(y) };
    let scores = scores(&q, &k);
    Some(vec![
        y.typed(site.dtype(0)),
        Made::sizes(k).typed(site.dtype(1)),
        Made::sizes(v).typed(site.dtype(2)),
        scores.typed(site.dtype(0)),
    ])
}

/// FlexAttention.
pub(in crate::ops) fn flex(site: &Site<'_>) -> Option<Vec<Made>> {
    let y = result(&heads(site, 0, None)?, &heads(site, 2, None)?);
    Some(vec![Made::sizes(y).typed(site.dtype(0))])
}

/// LinearAttention: also a state of keys by values.
pub(in crate::ops) fn linear(site: &Site<'_>) -> Option<Vec<Made>> {
    let q = heads(site, 0, attribute(site, "q_num_heads"))?;
    let of = |slot: usize| heads(site, slot, attribute(site, "kv_num_heads"));
    let (k, v) = (of(1)?, of(2)?);
    let y = packed(result(&q, &v)).typed(site.dtype(0));
    let [batch, heads, _, size] = k;
    let state = Made::sizes([batch, heads, size, v[3].clone()]);
    Some(vec![y, state.typed(site.dtype(if site.has_input(3) { 3 } else { 0 }))])
}

/// ONNX Runtime's Attention, which projects: also keys and values, one after the other.
pub(in crate::ops) fn projecting(site: &Site<'_>) -> Option<Vec<Made>> {
    let [batch, length, _] = site.shape(0)? else { return None };
    let third = || site.shape(1)?.get(1).map(|columns| columns.quotient(&3.into()));
    let widths = match site.call.ints("qkv_hidden_sizes").ok()? {
        Some(widths) => widths.iter().map(|&width| Some(Size::from(width))).collect(),
        None => vec![third(); 3],
    };
    let count = attribute(site, "num_heads");
    let size =
        widths.get(1)?.as_ref().zip(count.as_ref()).map(|(width, count)| width.quotient(count));
    let mut all = Some(length.clone());
    if site.has_input(4) {
        let past = site.shape(4).and_then(|past| past.get(3));
        all = past.and_then(|past| Size::sum([past, length]));
    }
    let y = [Some(batch.clone()), Some(length.clone()), widths.get(2)?.clone()];
    let present = [Some(Size::from(2)), Some(batch.clone()), count, all, size];
    Some(vec![Made::sizes(y), Made::sizes(present).typed(site.dtype(0))])
}

/// MultiHeadAttention.
pub(in crate::ops) fn multi_head(site: &Site<'_>) -> Option<Vec<Made>> {
    let count = attribute(site, "num_heads");
    // Of (batch, length, heads, parts, size).
    let part = |slot: usize| match site.shape(slot)? {
        [batch, length, heads, _, size] => {
            Some([batch, heads, length, size].map(|x| Some(x.clone())))
        }
        _ => None,
    };
    let of = |slot: usize| part(slot).or_else(|| heads(site, slot, count.clone()));
    let q = of(0)?;
    let (k, v) = match (site.has_input(1), site.has_input(2)) {
        (false, _) => (q.clone(), q.clone()),
        (true, false) => (of(1)?, of(1)?),
        (true, true) => (of(1)?, of(2)?),
    };
    let (k, v) = (after(site, 6, k), after(site, 7, v));
    let all = vec![packed(result(&q, &v)), Made::sizes(k.clone()), Made::sizes(v), scores(&q, &k)];
    Some(all.into_iter().map(|made| made.typed(site.dtype(0))).collect())
}

/// GroupQueryAttention: a cache is as long as it was, or as the longest sequence.
pub(in crate::ops) fn group_query(site: &Site<'_>) -> Option<Vec<Made>> {
    let (count, shared) = (attribute(site, "num_heads")?, attribute(site, "kv_num_heads")?);
    let is_packed = !site.has_input(1);
    let of_query = if is_packed { Size::sum([&count, &shared, &shared])? } else { count.clone() };
    let mut q = heads(site, 0, Some(of_query)).filter(|_| site.rank(0) == Some(3))?;
    q[1] = Some(count);
    let of = |slot: usize| match is_packed {
        true => Some([q[0].clone(), Some(shared.clone()), q[2].clone(), q[3].clone()]),
        false => heads(site, slot, Some(shared.clone())),
    };
    let (mut k, mut v) = (of(1)?, of(2)?);
    let total = site.element(6).cloned();
    for (slot, new) in [(3, &mut k), (4, &mut v)] {
        new[2] = match site.has_input(slot) {
            true => {
                let past = site.shape(slot).and_then(|past| past.get(2));
                past.zip(total.as_ref()).map(|(past, total)| past.larger(total))
            }
            false => total.clone(),
        };
    }
    let scores = Made::sizes([q[0].clone(), q[1].clone(), q[2].clone(), total]);
    let all = vec![packed(result(&q, &v)), Made::sizes(k), Made::sizes(v), scores];
    Some(all.into_iter().map(|made| made.typed(site.dtype(0))).collect())
}
