//! Which layers are computed at once.

use super::layer::Weights;
use peftc_delta::Limit;

/// Groups of layers that fit into a memory budget together, in which they are computed one group after
/// the other. A layer over the budget is alone.
pub(super) fn groups<T>(
    layers: impl IntoIterator<Item = T>,
    bytes: impl Fn(&T) -> u64,
    budget: u64,
) -> Vec<Vec<T>> {
    let mut layers: Vec<(u64, T)> = layers.into_iter().map(|l| (bytes(&l), l)).collect();
    layers.sort_by_key(|(bytes, _)| *bytes);
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut held = u64::MAX;
    for (bytes, layer) in layers {
        held = held.saturating_add(bytes);
        match groups.last_mut().filter(|_| held <= budget) {
            Some(group) => group.push(layer),
            None => {
                groups.push(vec![layer]);
                held = bytes;
            }
        }
    }
    groups
}

/// Bytes that a layer takes while it is decomposed: the difference in float32, and the whole of it with
/// its singular vectors in float64, or a Krylov space of both sides.
pub(super) fn bytes(weights: &Weights<'_>, limit: Limit) -> u64 {
    let (rows, columns) = weights.shape();
    let (smaller, sum) = (rows.min(columns), rows + columns);
    let whole = 8 * (3 * rows * columns + smaller * sum);
    let decomposed = match limit {
        // At most 24 blocks, each with a copy while it is joined.
        Limit::Rank(rank) => whole.min(8 * 2 * sum * 24 * (rank.min(smaller) + 8)),
        _ => whole,
    };
    (4 * rows * columns + decomposed) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_fit_and_what_is_too_large_is_alone() {
        let groups = |budget| groups([5, 1, 9, 3], |bytes| *bytes, budget);
        assert_eq!(groups(6), [vec![1, 3], vec![5], vec![9]]);
        assert_eq!(groups(18), [[1, 3, 5, 9]]);
        assert_eq!(groups(0), [[1], [3], [5], [9]]);
    }
}
