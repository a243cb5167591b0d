//! Attention as products, a softmax, and what is between.

pub(super) mod group_query;
mod mask;
pub(super) mod multi_head;
pub(super) mod packed;
pub(super) mod standard;

use super::heads::{Heads, Layout};
use super::site::Site;
use crate::ir::{AttributeValue, DataType, ValueId};
use mask::Masks;

/// One attention (<https://arxiv.org/abs/1706.03762>), always in the same operators: `MatMul` of queries
/// and transposed keys; `Mul` by the scale, if it is not 1; `Div`, `Tanh`, `Mul` for a softcap; `Add` of
/// numbers; `Where` a score counts, else −∞; `Softmax`; `MatMul` with values; and `Where` a query sees
/// a key, else 0, if it may see none.
///
/// Heads are an axis: (batch, heads, length, size). Where several heads of queries share keys
/// (<https://arxiv.org/abs/2305.13245>), these are not repeated: products broadcast along an axis of their
/// own, (batch, heads of keys, heads that share them or 1, length, size).
struct Attend {
    dtype: DataType,
    q: Heads,
    /// By head, of all places.
    k: Heads,
    v: Heads,
    scale: f64,
    softcap: f64,
    masks: Masks,
}

impl Attend {
    /// Whether masks have an axis for heads of a group.
    fn is_grouped(q: Heads, k: Heads) -> bool {
        q.heads != k.heads
    }

    /// One of ONNX Runtime's, whose scale of 0 stands for the default.
    fn microsoft(
        site: &mut Site<'_, '_>,
        dtype: DataType,
        [q, k, v]: [Heads; 3],
        masks: Masks,
    ) -> Option<ValueId> {
        let scale = site.float("scale").filter(|&scale| scale != 0.0);
        let scale = scale.unwrap_or_else(|| default_scale(q.size));
        let softcap = site.float("softcap").unwrap_or(0.0);
        Some(Self { dtype, q, k, v, scale, softcap, masks }.build(site)?.0)
    }

    /// The output, laid out as the queries are: those that are not by head are packed. And scores:
    /// products, within the softcap, with masks, and their softmax.
    fn build(self, site: &mut Site<'_, '_>) -> Option<(ValueId, [ValueId; 4])> {
        let Self { dtype, q, k, v, .. } = self;
        (q.heads % k.heads == 0).then_some(())?;
        let is_grouped = Self::is_grouped(q, k);
        let (queries, keys, values) = match is_grouped {
            true => {
                let (keys, values) =
                    (site.unsqueeze(k.value, &[2])?, site.unsqueeze(v.value, &[2])?);
                (q.by_group(site, k.heads)?, site.transpose(keys, &[0, 1, 2, 4, 3])?, values)
            }
            false => (q.by_head(site)?, site.transpose(k.value, &[0, 1, 3, 2])?, v.value),
        };
        let mut scores = site.make("MatMul", &[queries, keys])?;
        if self.scale != 1.0 {
            let scale = site.scalar(dtype, self.scale)?;
            scores = site.make("Mul", &[scores, scale])?;
        }
        let products = scores;
        if self.softcap > 0.0 {
            let cap = site.scalar(dtype, self.softcap)?;
            scores = site.make("Div", &[scores, cap])?;
            scores = site.make("Tanh", &[scores])?;
            scores = site.make("Mul", &[scores, cap])?;
        }
        let capped = scores;
        if let Some(added) = self.masks.added {
            scores = site.make("Add", &[scores, added])?;
        }
        if let Some(seen) = self.masks.seen {
            let nothing = site.scalar(dtype, f64::NEG_INFINITY)?;
            scores = site.make("Where", &[seen, scores, nothing])?;
        }
        let shares = site.with("Softmax", &[scores], &[("axis", AttributeValue::Int(-1))])?;
        let mut y = site.make("MatMul", &[shares, values])?;
        if let Some(any) = self.masks.any {
            let zero = site.scalar(dtype, 0.0)?;
            y = site.make("Where", &[any, y, zero])?;
        }
        let width = q.heads * v.size;
        let y = match (q.layout, is_grouped) {
            (Layout::ByHead, false) => y,
            (Layout::ByHead, true) => site.reshape(y, &[0, q.heads, -1, v.size])?,
            (_, false) => {
                let y = site.transpose(y, &[0, 2, 1, 3])?;
                site.reshape(y, &[0, 0, width])?
            }
            (_, true) => {
                let y = site.transpose(y, &[0, 3, 1, 2, 4])?;
                site.reshape(y, &[0, 0, width])?
            }
        };
        Some((y, [products, capped, scores, shares]))
    }
}

/// The scale that an attribute gives; the default is the size of vectors to the power −1/2.
fn default_scale(size: i64) -> f64 {
    (size as f64).sqrt().recip()
}

/// The element type of inputs, which have the same.
fn common_dtype(site: &Site<'_, '_>, slots: &[usize]) -> Option<DataType> {
    let dtype = site.dtype(slots[0])?;
    let is_same = |&slot: &usize| !site.has(slot) || site.dtype(slot) == Some(dtype);
    (dtype.is_float() && slots.iter().all(is_same)).then_some(dtype)
}

/// A cache, which may be left out, and what follows it, along the axis of places: by head.
fn after(site: &mut Site<'_, '_>, past: Option<ValueId>, new: Heads) -> Option<Heads> {
    let own = new.by_head(site)?;
    let value = match past {
        Some(past) => site.concat(&[past, own], 2)?,
        None => own,
    };
    Some(Heads { value, layout: Layout::ByHead, ..new })
}

/// The parts of a packed value, of so many heads of so many elements.
fn parts(site: &mut Site<'_, '_>, all: ValueId, [q, k, v]: [(i64, i64); 3]) -> Option<[Heads; 3]> {
    let mut first = 0;
    let mut part = |(heads, size): (i64, i64)| {
        let value = site.slice(all, 2, [first, first + heads * size])?;
        first += heads * size;
        Heads::new(value, Layout::Packed, heads, size)
    };
    Some([part(q)?, part(k)?, part(v)?])
}
