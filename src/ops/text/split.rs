//! Strings cut into parts.

use super::utf8;
use crate::error::Result;
use crate::ops::elements::{of_strings, strings};
use crate::ops::numbers::of_i64s;
use crate::ops::shape::room;
use crate::ops::{Call, Value};
use bytes::Bytes;

pub(super) fn split(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let delimiter = if call.has("delimiter") { call.string("delimiter")? } else { String::new() };
    // As in Python, a negative number is no limit.
    let limit = match call.has("maxsplit") {
        true => usize::try_from(call.int("maxsplit")?).unwrap_or(usize::MAX),
        false => usize::MAX,
    };
    let parts = |text: &Bytes| -> Result<Vec<Bytes>> {
        let text = utf8(text)?;
        let parts = match delimiter.is_empty() {
            true => words(text, limit),
            false => text.splitn(limit.saturating_add(1), &delimiter).collect(),
        };
        Ok(parts.into_iter().map(|part| Bytes::copy_from_slice(part.as_bytes())).collect())
    };
    let all: Vec<Vec<Bytes>> = strings(x)?.iter().map(parts).collect::<Result<_>>()?;
    let counts: Vec<i64> = all.iter().map(|parts| parts.len() as i64).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut dims = x.dims.clone();
    dims.push(most);
    room(&dims)?;
    let padded = all.into_iter().flat_map(|mut parts| {
        parts.resize(most as usize, Bytes::new());
        parts
    });
    let parts = of_strings(dims, padded.collect());
    Ok(vec![parts.into(), of_i64s(&x.dims, &counts).into()])
}

/// Parts between white space; what is left after `limit` of them is one more, to its end.
fn words(text: &str, limit: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = match words.len() < limit {
            true => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            false => rest.len(),
        };
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}
