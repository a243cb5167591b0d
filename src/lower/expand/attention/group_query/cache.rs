//! A cache in which sequences of a batch have lengths of their own.

use crate::ir::{DataType, ValueId};
use crate::lower::expand::build::Len;
use crate::lower::expand::heads::{Heads, Layout};
use crate::lower::expand::site::Site;

/// One step: what is there before and after.
pub(super) struct Step {
    /// How many places are new.
    pub(super) queries: Len,
    /// Places of each sequence after the step, i64 (batch).
    pub(super) totals: ValueId,
    /// Those before it.
    pub(super) past: ValueId,
    /// Places of the cache after it.
    pub(super) room: Len,
    /// Whether all sequences start here, boolean `[1]`.
    pub(super) is_prompt: ValueId,
    /// Where vectors are after it among those of all heads before it: (batch, heads, room).
    rows: ValueId,
    batch: Len,
}

impl Step {
    /// Of inputs `past_key`, `seqlens_k` and `total_sequence_length`, for so many heads.
    pub(super) fn of(site: &mut Site<'_, '_>, heads: i64) -> Option<Self> {
        let (batch, queries) = (site.len(0, 0)?, site.len(0, 1)?);
        let before = if site.has(3) { site.len(3, 2)? } else { Len::Known(0) };
        let new = site.vector(&queries);
        let total = i64s(site, 6)?;
        let (zero, one) = (site.int_scalar(0), site.int_scalar(1));
        let last = i64s(site, 5)?;
        let totals = site.make("Add", &[last, one])?;
        let is_prompt = site.make("Equal", &[total, new])?;
        let past = site.make("Sub", &[totals, new])?;
        let past = site.make("Where", &[is_prompt, zero, past])?;
        let before_vector = site.vector(&before);
        let room = site.make("Max", &[before_vector, total])?;
        let room = Len::Of(room);
        let rows = rows(site, [&batch, &Len::Known(heads), &room], past, [&before, &queries])?;
        Some(Self { queries, totals, past, room, is_prompt, rows, batch })
    }

    /// The cache of an input, or none, with new vectors behind what each sequence has; then zeros.
    pub(super) fn present(
        &self,
        site: &mut Site<'_, '_>,
        slot: usize,
        new: Heads,
    ) -> Option<Heads> {
        let dtype = site.dtype(0)?;
        let zero = site.scalar(dtype, 0.0)?;
        let (batch, rest) = (site.vector(&self.batch), site.ints(&[new.heads, 1, new.size]));
        let shape = site.concat(&[batch, rest], 0)?;
        let zero = site.make("Expand", &[zero, shape])?;
        let own = new.by_head(site)?;
        let all = match site.input(slot) {
            Some(past) => site.concat(&[past, own, zero], 2)?,
            None => site.concat(&[own, zero], 2)?,
        };
        let all = site.reshape(all, &[-1, new.size])?;
        let value = site.gather(all, self.rows)?;
        Some(Heads { value, layout: Layout::ByHead, ..new })
    }
}

/// Which row of (batch · heads · (before + queries + 1)) rows each place reads: first those that a
/// sequence had, then new ones, then the last, which is 0.
fn rows(
    site: &mut Site<'_, '_>,
    [batch, heads, room]: [&Len; 3],
    past: ValueId,
    [before, queries]: [&Len; 2],
) -> Option<ValueId> {
    let places = site.range(room)?;
    let past = site.unsqueeze(past, &[1])?;
    let last = site.sum(before, queries)?;
    let (first_new, zero) = (site.vector(before), site.vector(&last));
    let new = site.make("Sub", &[places, past])?;
    let new = site.make("Add", &[new, first_new])?;
    let new = site.make("Min", &[new, zero])?;
    let is_old = site.make("Less", &[places, past])?;
    let of_sequence = site.make("Where", &[is_old, places, new])?;
    let of_sequence = site.unsqueeze(of_sequence, &[1])?;
    let all = site.product(&[batch.clone(), heads.clone()])?;
    let all = site.range(&all)?;
    let length = site.sum(&last, &Len::Known(1))?;
    let length = site.vector(&length);
    let starts = site.make("Mul", &[all, length])?;
    let starts = site.reshape_to(starts, &[batch.clone(), heads.clone(), Len::Known(1)])?;
    site.make("Add", &[starts, of_sequence])
}

/// An input as i64 `[n]`.
fn i64s(site: &mut Site<'_, '_>, slot: usize) -> Option<ValueId> {
    let x = site.input(slot)?;
    let x = site.reshape(x, &[-1])?;
    site.cast(x, DataType::I64)
}
