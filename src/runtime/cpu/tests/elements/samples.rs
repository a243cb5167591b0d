//! Numbers that operators are tried on.

use crate::ir::{DataType, Tensor};
use crate::kernel::{Memory, Type};
use crate::ops::numbers::{Numbers, numbers, of_numbers};

#[rustfmt::skip]
const FLOATS: &[f64] = &[
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, -3.0, 0.1, -0.1, 7.3, -7.3, 30.0, -30.0, 90.0,
    -90.0, 1e-3, 1e-30, 1e-42, 60000.0, -70000.0, 3e9, -5e9, 1e20, f64::INFINITY, f64::NEG_INFINITY,
    f64::NAN,
];

#[rustfmt::skip]
const INTEGERS: &[i128] = &[
    0, 1, 2, 3, -1, -2, 5, -7, 100, 127, -128, 255, 30000, -32768, 65535, 16777217, -1 << 31, (1 << 31) - 1,
    (1 << 32) - 1, 1 << 40, -1 << 63, (1 << 63) - 1,
];

/// A drawn number for each place.
fn drawn(at: usize) -> f64 {
    ((at * 7919 + 13) % 1009) as f64 / 84.0 - 6.0
}

fn samples(dtype: DataType) -> Tensor {
    let all = match Type::of_stored(dtype).is_some_and(Type::is_float) {
        true => Numbers::Floats(FLOATS.iter().copied().chain((0..12).map(drawn)).collect()),
        false => Numbers::Integers(INTEGERS.to_vec()),
    };
    let len = match &all {
        Numbers::Floats(x) => x.len(),
        Numbers::Integers(x) => x.len(),
    };
    of_numbers(dtype, &[len as i64], &all).expect("numbers")
}

/// Every combination of samples of these types, in columns.
pub(super) fn product(dtypes: &[DataType]) -> Vec<Numbers> {
    let all: Vec<Numbers> =
        dtypes.iter().map(|d| numbers(&samples(*d)).expect("numbers")).collect();
    // Of three inputs fewer.
    let most = if all.len() > 2 { 14 } else { usize::MAX };
    let len = |numbers: &Numbers| memory(numbers).len().min(most);
    let total: usize = all.iter().map(len).product();
    let mut every = 1;
    let mut columns = Vec::new();
    for numbers in &all {
        let own = len(numbers);
        columns.push(rows(numbers, (0..total).map(|row| row / every % own)));
        every *= own;
    }
    columns
}

/// Sets of columns: every combination, but one set for each pair of bounds, which are single numbers.
pub(super) fn sets(name: &str, dtypes: &[DataType]) -> Vec<Vec<Numbers>> {
    if name != "Clip" || dtypes.len() == 1 {
        return vec![product(dtypes)];
    }
    let x = numbers(&samples(dtypes[0])).expect("numbers");
    let len = memory(&x).len();
    let same = |bound: f64| match &x {
        Numbers::Floats(_) => Numbers::Floats(vec![bound; len]),
        Numbers::Integers(_) => Numbers::Integers(vec![bound as i128; len]),
    };
    let bounds = [(0.0, 6.0), (3.0, 1.0), (1.0, 100.0), (f64::NAN, 2.0)];
    bounds.map(|(low, high)| vec![x.clone(), same(low), same(high)]).to_vec()
}

pub(super) fn at(numbers: &Numbers, row: usize) -> f64 {
    match numbers {
        Numbers::Floats(x) => x[row],
        Numbers::Integers(x) => x[row] as f64,
    }
}

pub(super) fn filtered(columns: Vec<Numbers>, is_kept: impl Fn(&[f64]) -> bool) -> Vec<Numbers> {
    let row = |row: usize| columns.iter().map(|column| at(column, row)).collect::<Vec<f64>>();
    let total = memory(&columns[0]).len();
    let kept: Vec<usize> = (0..total).filter(|number| is_kept(&row(*number))).collect();
    columns.iter().map(|column| rows(column, kept.iter().copied())).collect()
}

/// The numbers of these rows.
pub(super) fn rows(column: &Numbers, kept: impl IntoIterator<Item = usize>) -> Numbers {
    let kept = kept.into_iter();
    match column {
        Numbers::Floats(x) => Numbers::Floats(kept.map(|row| x[row]).collect()),
        Numbers::Integers(x) => Numbers::Integers(kept.map(|row| x[row]).collect()),
    }
}

pub(super) fn memory(numbers: &Numbers) -> Memory {
    match numbers {
        Numbers::Floats(x) => Memory::Floats(x.clone()),
        Numbers::Integers(x) => Memory::Integers(x.iter().map(|x| *x as i64).collect()),
    }
}
