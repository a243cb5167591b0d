//! Which keys a query sees.

use super::Site;
use crate::ir::{AttributeValue, DataType, ValueId};
use crate::lower::expand::build::Len;

/// What is between scores and the softmax; all is broadcast to the scores.
#[derive(Clone, Copy, Default)]
pub(super) struct Masks {
    /// Numbers that are added.
    pub(super) added: Option<ValueId>,
    /// Which scores count.
    pub(super) seen: Option<ValueId>,
    /// Which queries see any key, where some may see none: the output of the others is 0.
    pub(super) any: Option<ValueId>,
}

impl Masks {
    /// Finds out which queries see a key.
    pub(super) fn guarded(mut self, site: &mut Site<'_, '_>, dtype: DataType) -> Option<Self> {
        let nothing = site.scalar(dtype, f64::NEG_INFINITY)?;
        self.any = match (self.added, self.seen) {
            (None, None) => None,
            (None, Some(seen)) => Some(any(site, seen)?),
            (Some(mut added), seen) => {
                if let Some(seen) = seen {
                    added = site.make("Where", &[seen, added, nothing])?;
                }
                let most = largest(site, added)?;
                let is_none = site.make("Equal", &[most, nothing])?;
                Some(site.make("Not", &[is_none])?)
            }
        };
        Some(self)
    }

    /// With one more axis, for heads of a group, behind that of heads. Of masks of rank 4 that are
    /// the same for all heads.
    pub(super) fn grouped(self, site: &mut Site<'_, '_>) -> Option<Self> {
        let mut lift = |mask: Option<ValueId>| match mask {
            Some(mask) => site.unsqueeze(mask, &[2]).map(Some),
            None => Some(None),
        };
        Some(Self { added: lift(self.added)?, seen: lift(self.seen)?, any: lift(self.any)? })
    }
}

/// Whether any is true along the last axis, which stays.
fn any(site: &mut Site<'_, '_>, seen: ValueId) -> Option<ValueId> {
    let seen = site.cast(seen, DataType::I32)?;
    let most = largest(site, seen)?;
    site.cast(most, DataType::Bool)
}

/// The largest along the last axis, which stays.
fn largest(site: &mut Site<'_, '_>, x: ValueId) -> Option<ValueId> {
    let axes = ("axes", AttributeValue::Ints(vec![-1]));
    site.with("ReduceMax", &[x], &[axes]).or_else(|| {
        let axes = site.ints(&[-1]);
        site.make("ReduceMax", &[x, axes])
    })
}

/// What a query sees of keys, but for masks that are given.
pub(super) struct Sight {
    pub(super) queries: Len,
    pub(super) keys: Len,
    /// The place of the first query among the keys: i64, `[1]` or (batch, 1, 1, 1).
    pub(super) first: Option<ValueId>,
    pub(super) is_causal: bool,
    /// Keys before the place of a query that it sees; negative for all.
    pub(super) left: i64,
    /// Keys behind it.
    pub(super) right: i64,
    /// Keys of each batch entry, i64 (batch, 1, 1, 1).
    pub(super) valid: Option<ValueId>,
}

impl Sight {
    /// Whether a query sees all keys.
    pub(super) fn is_full(&self) -> bool {
        !self.is_causal && self.left < 0 && self.right < 0 && self.valid.is_none()
    }

    /// Which keys a query sees, booleans (batch or 1, 1, queries, keys).
    pub(super) fn seen(&self, site: &mut Site<'_, '_>) -> Option<ValueId> {
        let keys = site.range(&self.keys)?;
        let keys = site.unsqueeze(keys, &[0, 1, 2])?;
        let places = site.range(&self.queries)?;
        let mut places = site.unsqueeze(places, &[0, 1, 3])?;
        if let Some(first) = self.first {
            places = site.make("Add", &[places, first])?;
        }
        let mut seen = Vec::new();
        if self.is_causal {
            seen.push(site.make("LessOrEqual", &[keys, places])?);
        }
        if self.left >= 0 {
            let left = site.int_scalar(self.left);
            let first = site.make("Sub", &[places, left])?;
            seen.push(site.make("GreaterOrEqual", &[keys, first])?);
        }
        if self.right >= 0 {
            let right = site.int_scalar(self.right);
            let last = site.make("Add", &[places, right])?;
            seen.push(site.make("LessOrEqual", &[keys, last])?);
        }
        if let Some(valid) = self.valid {
            seen.push(site.make("Less", &[keys, valid])?);
        }
        let mut seen = seen.into_iter();
        let first = seen.next()?;
        seen.try_fold(first, |all, one| site.make("And", &[all, one]))
    }
}

/// ONNX Runtime's masks of keys, and a bias, of these inputs: all as
/// numbers that are added. What follows a query has the lowest float32 in place of −∞, so that rows
/// without any key are shared out.
///
/// Queries are places of input 0. Those of the keys are along these axes of a cache, which may be left
/// out, and of an input.
pub(super) fn added(
    site: &mut Site<'_, '_>,
    [mask, bias]: [usize; 2],
    dtype: DataType,
    past: (usize, usize),
    new: (usize, usize),
) -> Option<Masks> {
    let (mut first, mut keys, mut size) = (None, site.len(new.0, new.1)?, site.size(new.0, new.1)?);
    if site.has(past.0) {
        let length = site.len(past.0, past.1)?;
        first = Some(site.vector(&length));
        (keys, size) = (site.sum(&length, &keys)?, &site.size(past.0, past.1)? + &size);
    }
    let is_causal = site.int("unidirectional")? != 0;
    let queries = site.len(0, 1)?;
    let sight = Sight { queries, keys, first, is_causal, left: -1, right: -1, valid: None };
    let filter = site.float("mask_filter_value").unwrap_or(-10000.0);
    let is_half = dtype == DataType::F16;
    (filter.is_finite() && !(is_half && filter.abs() > 65504.0)).then_some(())?;
    let causal = if sight.is_causal { Some(sight.seen(site)?) } else { None };
    let mut added = None;
    if site.has(mask) {
        let seen = seen_by_mask(site, mask, &sight.keys)?;
        let all = if let Some(causal) = causal { site.make("And", &[seen, causal])? } else { seen };
        // What all keys have changes nothing, but takes digits of the scores.
        let any = any(site, all)?;
        let none = site.make("Not", &[any])?;
        let seen = site.make("Or", &[seen, none])?;
        let (zero, filter) = (site.scalar(dtype, 0.0)?, site.scalar(dtype, filter)?);
        added = Some(site.make("Where", &[seen, zero, filter])?);
    }
    if let Some(seen) = causal {
        let lowest = site.scalar(dtype, f64::from(f32::MIN))?;
        let others = if let Some(added) = added { added } else { site.scalar(dtype, 0.0)? };
        added = Some(site.make("Where", &[seen, others, lowest])?);
    }
    if !site.has(bias) {
        return Some(Masks { added, ..Masks::default() });
    }
    let sizes = site.sizes(bias)?;
    (sizes.len() == 4 && sizes[3] == size).then_some(())?;
    let bias = site.input(bias)?;
    let added = match added {
        Some(added) => site.make("Add", &[bias, added])?,
        None => bias,
    };
    Masks { added: Some(added), ..Masks::default() }.guarded(site, dtype)
}

/// Which keys a mask shows, rank 4.
fn seen_by_mask(site: &mut Site<'_, '_>, slot: usize, keys: &Len) -> Option<ValueId> {
    let (sizes, batch) = (site.sizes(slot)?, site.size(0, 0)?);
    let mask = site.input(slot)?;
    let mask = site.cast(mask, DataType::I64)?;
    let zero = site.int_scalar(0);
    match sizes.len() {
        // Lengths of sequences.
        1 if sizes[0] == batch => {
            let ends = site.unsqueeze(mask, &[1, 2, 3])?;
            let keys = site.range(keys)?;
            site.make("Less", &[keys, ends])
        }
        2 => {
            let seen = site.make("Greater", &[mask, zero])?;
            site.unsqueeze(seen, &[1, 2])
        }
        3 => {
            let seen = site.make("Greater", &[mask, zero])?;
            site.unsqueeze(seen, &[1])
        }
        _ => None,
    }
}
