//! Which axes of a Reshape are the same.

use super::{Size, quotient};

/// The axis of a Reshape's input that an axis of its output is: all axes on one side of it are
/// the same, and those on the other side have as many elements.
pub(in crate::adapter) fn matching(from: &[Size], to: &[Size], axis: usize) -> Option<usize> {
    let is_as_many = |from: &[Size], to: &[Size]| quotient(from, to) == Some(Size::Known(1));
    let leads = from.len() > axis && from[..axis] == to[..axis];
    if leads && (from[axis] == to[axis] || is_as_many(&from[axis + 1..], &to[axis + 1..])) {
        return Some(axis);
    }
    let start = from.len().checked_sub(to.len() - axis)?;
    let trails = from[start + 1..] == to[axis + 1..];
    (trails && (from[start] == to[axis] || is_as_many(&from[..start], &to[..axis])))
        .then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<Size> {
        let size = |part: &str| match part.parse() {
            Ok(number) => Size::Known(number),
            Err(_) => Size::Symbol(part.to_owned()),
        };
        text.split_whitespace().map(size).collect()
    }

    #[test]
    fn axes_are_followed_through_reshapes() {
        let cases = [
            // Heads that were repeated, merged with batch, and split from features.
            ("b 2 2 n 16", "b 4 n 16", 2, Some(3)),
            ("b 4 n 16", "bh n 16", 1, Some(2)),
            ("bh 16 n", "b 4 16 n", 3, Some(2)),
            ("b n 64", "b n 4 16", 1, Some(1)),
            ("b n 64", "b n 4 16", 3, None),
            // A length that goes by another name, between axes that are the same.
            ("b 2 2 total 16", "b 4 sum 16", 2, Some(3)),
            ("b n 6", "b m 2 2", 1, None),
        ];
        for (from, to, axis, expected) in cases {
            assert_eq!(
                matching(&sizes(from), &sizes(to), axis),
                expected,
                "{from} -> {to}: {axis}"
            );
        }
    }
}
