//! The magnitude of a rank, of more elements than memory is for.

use crate::Rows;

/// Leading bits of a magnitude that are counted first: its exponent and 7 bits behind that.
const BITS: u32 = 18;
/// What of its 63 bits is left.
const REST: u32 = 63 - BITS;

/// The magnitudes that come at these places of all, from 0 for the largest on, as [`Rows::row`] gives
/// them: a product of many rows may round otherwise. Rows are asked for twice: to count magnitudes by their
/// leading bits, and to gather those that begin as the ones that are looked for.
///
/// # Panics
/// There are no such places.
pub(crate) fn largest<const N: usize>(change: &impl Rows, places: [usize; N]) -> [f64; N] {
    let mut counts = vec![0usize; 1 << BITS];
    each(change, |bits| counts[(bits >> REST) as usize] += 1);
    let sought = places.map(|place| {
        let mut before = 0;
        let bucket = (0..counts.len()).rev().find(|&bucket| {
            before += counts[bucket];
            before > place
        });
        let bucket = bucket.expect("the place is one of an element");
        (bucket, place - (before - counts[bucket]))
    });
    let mut gathered = sought.map(|(bucket, _)| Vec::with_capacity(counts[bucket]));
    each(change, |bits| {
        for (all, (bucket, _)) in gathered.iter_mut().zip(sought) {
            if (bits >> REST) as usize == bucket {
                all.push(bits);
            }
        }
    });
    let mut gathered = gathered.into_iter();
    sought.map(|(_, place)| {
        let mut all = gathered.next().unwrap_or_default();
        f64::from_bits(*all.select_nth_unstable_by(place, |x, y| y.cmp(x)).1)
    })
}

/// The bits of all magnitudes, which are ordered as these are.
fn each(change: &impl Rows, mut with: impl FnMut(u64)) {
    let (rows, columns) = change.shape();
    let mut row = vec![0.0f64; columns];
    for at in 0..rows {
        change.row(at, &mut row);
        row.iter().for_each(|x| with(x.abs().to_bits()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;

    #[test]
    fn the_largest_are_those_of_a_sort() {
        let numbers = |i: usize, j: usize| match (i * 31 + j * 17) % 5 {
            0 => 0.0,
            1 => -1.5,
            at => ((i * 101 + j) as f64).sin() * 10f64.powi(at as i32 * 40 - 100),
        };
        let matrix = Matrix::from_fn(37, 53, numbers);
        let mut sorted: Vec<f64> = matrix.elements().iter().map(|x| x.abs()).collect();
        sorted.sort_by(|x, y| y.total_cmp(x));
        for place in 0..sorted.len() - 7 {
            assert_eq!(largest(&matrix, [place, place + 7]), [sorted[place], sorted[place + 7]]);
        }
    }
}
