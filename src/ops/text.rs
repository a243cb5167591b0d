//! Operators of strings.

mod pattern;
mod split;
mod tfidf;

use super::elements::{of_strings, strings};
use super::shape::{broadcast, broadcast_strides, dims, places, sizes};
use super::{Call, Operator, Value, infer, op};
use crate::error::{Error, Result};
use bytes::Bytes;

pub(super) static OPERATORS: &[Operator] = &[
    op("RegexFullMatch", pattern::full_match).infer(infer::elementwise::same),
    op("StringConcat", concat).infer(infer::elementwise::broadcast),
    op("StringNormalizer", normalize).infer(infer::features::normalized_strings),
    op("StringSplit", split::split).infer(infer::features::split_strings),
    op("TfIdfVectorizer", tfidf::vectorize).infer(infer::features::tfidf),
];

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| Error::input(format!("a string is not UTF-8: {e}")))
}

fn concat(call: &Call<'_>) -> Result<Vec<Value>> {
    let (x, y) = (call.input(0)?, call.input(1)?);
    let (left, right) = (strings(x)?, strings(y)?);
    let (own, other) = (sizes(x), sizes(y));
    let shape = broadcast(&[&own, &other])?;
    let (own, other) = (broadcast_strides(&own, &shape), broadcast_strides(&other, &shape));
    let pairs = places(&shape, &own).zip(places(&shape, &other));
    let joined = pairs.map(|(i, j)| [&left[i][..], &right[j]].concat().into()).collect();
    Ok(vec![of_strings(dims(&shape), joined).into()])
}

/// Upper and lower case are Unicode's, whatever the locale.
fn normalize(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    if !matches!(x.dims[..], [_] | [1, _]) {
        let shape = &x.dims;
        return Err(Error::input(format!("the shape is {shape:?}: [C] and [1, C] are accepted")));
    }
    let is_case_sensitive = call.flag("is_case_sensitive")?;
    let compared =
        |word: &str| if is_case_sensitive { word.to_owned() } else { word.to_lowercase() };
    let stopwords = call.strings("stopwords")?.unwrap_or_default().iter();
    let stopwords: std::collections::HashSet<String> =
        stopwords.map(|word| utf8(word).map(compared)).collect::<Result<_>>()?;
    let change = match call.string("case_change_action")?.as_str() {
        "NONE" => str::to_owned,
        "LOWER" => str::to_lowercase,
        "UPPER" => str::to_uppercase,
        other => {
            let error = Error::input(format!("case_change_action is {other:?}"));
            return Err(error.help("NONE, LOWER and UPPER are accepted"));
        }
    };
    let mut kept: Vec<Bytes> = Vec::new();
    for word in strings(x)? {
        let word = utf8(word)?;
        if !stopwords.contains(&compared(word)) {
            kept.push(change(word).into());
        }
    }
    if kept.is_empty() {
        kept.push(Bytes::new());
    }
    let mut dims = x.dims.clone();
    dims[x.dims.len() - 1] = kept.len() as i64;
    Ok(vec![of_strings(dims, kept).into()])
}
