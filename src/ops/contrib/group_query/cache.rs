//! What of a cache is there before and after.

use crate::error::{Error, Result};
use crate::ops::Call;
use crate::ops::attention::heads::Heads;
use crate::ops::numbers::i64s;
use crate::ops::shape::{filled, sizes};

/// Lengths of a step.
pub(super) struct Lengths {
    /// Places of each batch entry after the step.
    pub(super) totals: Vec<usize>,
    /// Those before it.
    pub(super) past: Vec<usize>,
    /// Those that the step adds.
    added: Vec<usize>,
    /// The largest length after the step.
    pub(super) total: usize,
    /// Whether all sequences start here.
    pub(super) is_prompt: bool,
}

impl Lengths {
    /// Those of inputs `seqlens_k`, `total_sequence_length` and `query_seqlens`.
    pub(super) fn of(call: &Call<'_>, q: &Heads, k: &Heads) -> Result<Self> {
        if k.length != q.length {
            return Err(Error::input(format!("queries {q} and new keys {k}")));
        }
        let total = match i64s(call.input(6)?)?[..] {
            [total] => usize::try_from(total).ok(),
            _ => None,
        };
        let total = total.ok_or_else(|| Error::input("total_sequence_length is no length"))?;
        let totals = of_batch(call, 5, 1, q.batch)?;
        let chunks = call.optional(16)?.map(|_| of_batch(call, 16, 0, q.batch)).transpose()?;
        let is_prompt = chunks.is_none() && total == q.length;
        let queries = |at: usize| match &chunks {
            Some(chunks) => chunks[at],
            None if is_prompt => totals[at],
            None => q.length,
        };
        let past = |at: usize| {
            let past = totals[at].checked_sub(queries(at)).filter(|_| totals[at] <= total);
            past.filter(|_| queries(at) <= q.length).ok_or_else(|| {
                let (after, queries) = (totals[at], queries(at));
                let of = format!("sequence {at} of {queries} queries");
                Error::input(format!("{of} has length {after}, at most {total}"))
            })
        };
        let past = (0..q.batch).map(past).collect::<Result<_>>()?;
        // Padding of a prompt is kept, as ONNX Runtime does it.
        let added = chunks.unwrap_or_else(|| vec![k.length; q.batch]);
        Ok(Self { past, added, total, is_prompt, totals })
    }

    /// A cache with what is added: as long as it is, or as the longest sequence.
    pub(super) fn present(&self, past: Option<&Heads>, new: &Heads) -> Result<Heads> {
        let room = past.map_or(0, |past| past.length).max(self.total);
        let fits = past.is_none_or(|past| {
            (past.batch, past.heads, past.size) == (new.batch, new.heads, new.size)
        });
        let has_past = self.past.iter().all(|&length| past.map_or(0, |p| p.length) >= length);
        let has_room = self.past.iter().zip(&self.added).all(|(past, added)| past + added <= room);
        if !fits || !has_past || !has_room {
            let before = past.map_or(String::from("no cache"), Heads::to_string);
            let lengths = format!("{:?} places and {:?} more", self.past, self.added);
            return Err(Error::input(format!("{before} and {new} do not have {lengths}")));
        }
        let mut data = filled(&[room, new.size, new.batch, new.heads], 0.0)?;
        for (at, own) in data.chunks_exact_mut((room * new.size).max(1)).enumerate() {
            let (kept, added) = (self.past[at / new.heads], self.added[at / new.heads]);
            let (before, after) = own.split_at_mut(kept * new.size);
            let of = |from: &Heads, length: usize| {
                let start = at * from.length * from.size;
                start..start + length * from.size
            };
            if let Some(past) = past {
                before.copy_from_slice(&past.data[of(past, kept)]);
            }
            after[..added * new.size].copy_from_slice(&new.data[of(new, added)]);
        }
        Ok(Heads { batch: new.batch, heads: new.heads, length: room, size: new.size, data })
    }
}

/// Lengths of each batch entry, to which a number is added.
fn of_batch(call: &Call<'_>, slot: usize, plus: i64, batch: usize) -> Result<Vec<usize>> {
    let tensor = call.input(slot)?;
    let length = |length: i64| usize::try_from(length.checked_add(plus)?).ok();
    let lengths: Option<Vec<usize>> = i64s(tensor)?.into_iter().map(length).collect();
    lengths.filter(|lengths| lengths.len() == batch).ok_or_else(|| {
        let name = call.schema.input(slot).map_or("?", |input| input.name);
        Error::input(format!("{name} {:?} has no lengths of {batch} sequences", sizes(tensor)))
    })
}
