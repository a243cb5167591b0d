//! Strings, and the operators of ai.onnx.ml.

use super::elementwise::like;
use super::{Made, Site};
use crate::ir::DataType;
use crate::ops::size::Size;

/// The sizes of the first input, and one more axis.
fn with_axis(site: &Site<'_>, size: Option<Size>) -> Option<Made> {
    Some(Made::sizes(site.shape(0)?.iter().cloned().map(Some).chain([size])))
}

/// The sizes of the first input with another last one.
fn with_last(site: &Site<'_>, size: Option<Size>) -> Option<Vec<Made>> {
    let before = site.shape(0)?.split_last()?.1;
    Some(vec![Made::sizes(before.iter().cloned().map(Some).chain([size]))])
}

/// StringNormalizer: some words are left out.
pub(in crate::ops) fn normalized_strings(site: &Site<'_>) -> Option<Vec<Made>> {
    with_last(site, None)
}

/// StringSplit: also how many parts there are of each.
pub(in crate::ops) fn split_strings(site: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![with_axis(site, None)?, like(site, 0)?])
}

/// TfIdfVectorizer.
pub(in crate::ops) fn tfidf(site: &Site<'_>) -> Option<Vec<Made>> {
    let indices = site.call.ints("ngram_indexes").ok()??;
    let width = indices.into_iter().max().map_or(0, |last| last.saturating_add(1));
    with_last(site, Some(width.into()))
}

/// ArrayFeatureExtractor: a vector is a matrix of one row.
pub(in crate::ops) fn extracted(site: &Site<'_>) -> Option<Vec<Made>> {
    let before = site.shape(0)?.split_last()?.1;
    let rows = if before.is_empty() { vec![Size::from(1)] } else { before.to_vec() };
    let count = site.shape(1).and_then(Size::product);
    Some(vec![Made::sizes(rows.into_iter().map(Some).chain([count]))])
}

/// FeatureVectorizer: rows of so many features together.
pub(in crate::ops) fn joined(site: &Site<'_>) -> Option<Vec<Made>> {
    let widths = site.call.ints("inputdimensions").ok()??;
    let width = widths.iter().try_fold(0i64, |sum, &width| sum.checked_add(width))?;
    let count = match site.shape(0) {
        Some([count] | [count, _]) => Some(count.clone()),
        _ => None,
    };
    Some(vec![Made::sizes([count, Some(width.into())])])
}

/// LabelEncoder, CategoryMapper: the type may be that of an attribute.
pub(in crate::ops) fn encoded(site: &Site<'_>) -> Option<Vec<Made>> {
    let has = |kind: &str| site.call.has(&format!("values_{kind}"));
    let is_old = site.call.schema.attribute("values_int64s").is_none();
    let dtype = match () {
        () if is_old && site.dtype(0) == Some(DataType::String) => Some(DataType::I64),
        () if is_old => site.dtype(0).map(|_| DataType::String),
        () if has("tensor") => site.call.tensor("values_tensor").ok()?.map(|values| values.dtype),
        () if has("strings") => Some(DataType::String),
        () if has("int64s") => Some(DataType::I64),
        () => has("floats").then_some(DataType::F32),
    };
    Some(vec![like(site, 0).unwrap_or_default().typed(dtype)])
}

/// OneHotEncoder.
pub(in crate::ops) fn one_hot(site: &Site<'_>) -> Option<Vec<Made>> {
    let strings = site.call.strings("cats_strings").ok()?.map(<[_]>::len);
    let integers = site.call.ints("cats_int64s").ok()?.map(|list| list.len());
    let count = strings.or(integers).map(|count| Size::from(count as i64));
    Some(vec![with_axis(site, count)?])
}

/// TreeEnsemble.
pub(in crate::ops) fn trees(site: &Site<'_>) -> Option<Vec<Made>> {
    let count = match site.shape(0)? {
        [count, _] => count.clone(),
        _ => 1.into(),
    };
    Some(vec![Made::of([count, site.int("n_targets")?.into()])])
}
