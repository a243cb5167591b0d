//! How often n-grams stand in sequences.

use crate::error::{Error, Result};
use crate::ir::DataType;
use crate::ops::elements::strings;
use crate::ops::numbers::{i64s, of_floats};
use crate::ops::shape::room;
use crate::ops::{Call, Value};
use bytes::Bytes;
use std::collections::HashMap;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Item {
    Integer(i64),
    String(Bytes),
}

pub(super) fn vectorize(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let items: Vec<Item> = match x.dtype {
        DataType::String => strings(x)?.iter().cloned().map(Item::String).collect(),
        _ => i64s(x)?.into_iter().map(Item::Integer).collect(),
    };
    let length = match x.dims[..] {
        [] => 1,
        [length] | [_, length] => length as usize,
        _ => {
            let error = Error::input(format!("the shape is {:?}", x.dims));
            return Err(error.help("[C] and [N, C] are accepted"));
        }
    };
    let ngrams = Ngrams::new(call)?;
    let mut dims = x.dims[..x.dims.len().saturating_sub(1)].to_vec();
    let rows = dims.first().map_or(1, |&rows| rows as usize);
    dims.push(ngrams.width as i64);
    room(&dims)?;
    let mut output = Vec::with_capacity(rows * ngrams.width);
    for row in 0..rows {
        let counts = ngrams.counts(&items[row * length..(row + 1) * length]);
        output.extend(ngrams.weighted(counts));
    }
    Ok(vec![of_floats(DataType::F32, &dims, &output)?.into()])
}

struct Ngrams {
    /// The number of each n-gram.
    numbers: HashMap<Vec<Item>, usize>,
    /// The place of each in the output.
    indexes: Vec<usize>,
    /// The factor of each, where it is not 1.
    weights: Option<Vec<f64>>,
    is_count: bool,
    width: usize,
    lengths: std::ops::RangeInclusive<usize>,
    skips: usize,
}

fn natural(name: &str, number: i64) -> Result<usize> {
    usize::try_from(number).map_err(|_| Error::input(format!("{name} has {number}")))
}

impl Ngrams {
    fn new(call: &Call<'_>) -> Result<Self> {
        let list = |name: &str| -> Result<Vec<usize>> {
            call.ints(name)?.unwrap_or_default().into_iter().map(|n| natural(name, n)).collect()
        };
        let size = |name: &str| call.int(name).and_then(|n| natural(name, n));
        let pool: Vec<Item> = match (call.strings("pool_strings")?, call.ints("pool_int64s")?) {
            (Some(strings), None) => strings.iter().cloned().map(Item::String).collect(),
            (None, Some(integers)) => integers.into_iter().map(Item::Integer).collect(),
            _ => return Err(Error::input("one of pool_strings and pool_int64s is needed")),
        };
        let lengths = size("min_gram_length")?..=size("max_gram_length")?;
        if *lengths.start() == 0 || lengths.is_empty() {
            return Err(Error::input(format!("n-grams have the lengths {lengths:?}")));
        }
        let starts = list("ngram_counts")?;
        let ends = starts.iter().skip(1).copied().chain([pool.len()]);
        let (mut numbers, mut number) = (HashMap::new(), 0);
        for (at, (&start, end)) in starts.iter().zip(ends).enumerate() {
            let own = pool.get(start..end).ok_or_else(|| {
                let all = pool.len();
                Error::input(format!("ngram_counts are {starts:?}, the pool has {all} items"))
            })?;
            for ngram in own.chunks_exact(at + 1) {
                numbers.insert(ngram.to_vec(), number);
                number += 1;
            }
        }
        let indexes = list("ngram_indexes")?;
        if indexes.len() < number {
            let found = indexes.len();
            return Err(Error::input(format!("ngram_indexes has {found} of {number} n-grams")));
        }
        let width = indexes.iter().max().map_or(0, |most| most.saturating_add(1));
        let mode = call.string("mode")?;
        let weights = match mode.as_str() {
            "TF" => None,
            "IDF" | "TFIDF" => call.floats("weights")?,
            other => {
                let error = Error::input(format!("mode is {other:?}"));
                return Err(error.help("TF, IDF and TFIDF are accepted"));
            }
        };
        if let Some(weights) = weights.as_ref().filter(|weights| weights.len() != indexes.len()) {
            let (found, needed) = (weights.len(), indexes.len());
            return Err(Error::input(format!("there are {found} weights, {needed} are needed")));
        }
        let (skips, is_count) = (size("max_skip_count")?, mode != "IDF");
        Ok(Self { numbers, indexes, weights, is_count, width, lengths, skips })
    }

    /// How often each n-gram stands in a sequence, by its number.
    fn counts(&self, items: &[Item]) -> Vec<usize> {
        let mut counts = vec![0; self.indexes.len()];
        let longest = self.numbers.keys().map(Vec::len).max().unwrap_or(0);
        for length in *self.lengths.start()..=longest.min(*self.lengths.end()) {
            // One item alone has no place to skip at, and is counted once.
            let skips = if length == 1 { 0 } else { self.skips.min(items.len()) };
            for step in 1..=skips + 1 {
                let span = (length - 1).saturating_mul(step);
                for start in 0..items.len().saturating_sub(span) {
                    let ngram = items[start..=start + span].iter().step_by(step).cloned();
                    if let Some(&number) = self.numbers.get(&ngram.collect::<Vec<_>>()) {
                        counts[number] += 1;
                    }
                }
            }
        }
        counts
    }

    fn weighted(&self, counts: Vec<usize>) -> Vec<f64> {
        let mut row = vec![0.0; self.width];
        for (number, count) in counts.into_iter().enumerate() {
            let count = if self.is_count { count } else { count.min(1) };
            let weight = self.weights.as_ref().map_or(1.0, |weights| weights[number]);
            row[self.indexes[number]] += weight * count as f64;
        }
        row
    }
}
