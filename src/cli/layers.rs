//! Long lists of modules: those that differ in layer numbers alone become one.

use std::collections::BTreeMap;

/// Lists of up to this many stay as they are.
const MOST_ROWS: usize = 24;

/// The items of a long list by their module, with `*` for layer numbers, and by what else is to
/// be equal; none for a short list.
pub(super) fn grouped<'a, T, K: Ord>(
    items: &'a [T],
    module: impl Fn(&'a T) -> &'a str,
    rest: impl Fn(&'a T) -> K,
) -> Option<BTreeMap<(String, K), Vec<&'a T>>> {
    if items.len() <= MOST_ROWS {
        return None;
    }
    let mut groups: BTreeMap<(String, K), Vec<&T>> = BTreeMap::new();
    for item in items {
        groups.entry((without_numbers(module(item)), rest(item))).or_default().push(item);
    }
    Some(groups)
}

/// `model.layers.3.mlp` is `model.layers.*.mlp`.
fn without_numbers(module: &str) -> String {
    let part =
        |part: &str| if part.parse::<u32>().is_ok() { "*".to_owned() } else { part.to_owned() };
    module.split('.').map(part).collect::<Vec<_>>().join(".")
}
