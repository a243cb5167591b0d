//! Products are held to sums in float64.

use super::super::pool::Pool;
use super::*;
use half::{bf16, f16};
use proptest::prelude::*;
use std::sync::Mutex;

/// Values of −1..1 that have few digits, so that float16 and bfloat16 hold them.
fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11 + i / 7) % 129) as f32 / 64.0 - 1.0).collect()
}

/// A matrix in memory of its own, of which it does not use all.
#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    columns: usize,
    is_transposed: bool,
    is_reversed: bool,
    gap: usize,
}

impl Case {
    fn line(&self) -> usize {
        self.gap + if self.is_transposed { self.rows } else { self.columns }
    }

    fn len(&self) -> usize {
        self.line() * if self.is_transposed { self.columns } else { self.rows }
    }

    fn matrix<T>(&self, memory: &[T]) -> Matrix<T> {
        assert_eq!(memory.len(), self.len());
        let line = self.line() as isize;
        let (row_stride, column_stride) = if self.is_transposed { (1, line) } else { (line, 1) };
        let matrix = Matrix {
            pointer: memory.as_ptr(),
            rows: self.rows,
            columns: self.columns,
            row_stride,
            column_stride,
        };
        if self.is_reversed && self.rows > 0 {
            let pointer = matrix.at(self.rows - 1, 0);
            return Matrix { pointer, row_stride: -row_stride, ..matrix };
        }
        matrix
    }
}

fn at(matrix: &Matrix, row: usize, column: usize) -> f64 {
    // SAFETY: the tests ask for elements of the matrix.
    f64::from(unsafe { *matrix.at(row, column) })
}

fn assert_product(a: &Matrix, b: &Matrix, c: &[f32], line: usize) {
    for (row, c) in c.chunks(line).enumerate().take(a.rows) {
        for (column, c) in c.iter().enumerate() {
            if column >= b.columns {
                assert!(c.is_nan(), "what is no element is not written");
                continue;
            }
            let terms = (0..a.columns).map(|k| at(a, row, k) * at(b, k, column));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
            let error = (f64::from(*c) - sum).abs();
            assert!(error <= 1e-6 * size, "{row} {column}: {c}, not {sum}");
        }
    }
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 0..4usize, 4 => 1..40usize, 1 => 40..130usize]
}

fn depth() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..40usize, 1 => 200..600usize]
}

fn product() -> impl Strategy<Value = (Case, Case)> {
    let flags = || (any::<bool>(), any::<bool>(), 0..3usize);
    (size(), depth(), size(), flags(), flags()).prop_map(|(m, k, n, a, b)| {
        let case = |rows, columns, (is_transposed, is_reversed, gap)| Case {
            rows,
            columns,
            is_transposed,
            is_reversed,
            gap,
        };
        (case(m, k, a), case(k, n, b))
    })
}

/// The product by one set of kernels, with its padding NaN; checks that `done` was told of all of it.
fn multiply(pool: &Pool, tiles: &'static Tiles, a: Matrix, right: Right<'_>, n: usize) -> Vec<f32> {
    let line = n + 1;
    let mut c = vec![f32::NAN; a.rows * line];
    let seen = Mutex::new(vec![0; a.rows * n]);
    let c_matrix = MatrixMut { pointer: c.as_mut_ptr(), row_stride: line as isize };
    let done = |rows: Range<usize>, columns: Range<usize>| {
        let mut seen = seen.lock().expect("no test panics in it");
        rows.for_each(|row| columns.clone().for_each(|column| seen[row * n + column] += 1));
    };
    // SAFETY: the matrices are in memory of the test.
    unsafe { gemm(pool, tiles, a, right, c_matrix, &done) };
    assert!(seen.into_inner().expect("no test panics in it").iter().all(|times| *times == 1));
    c
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn products_are_those_of_float64((a_case, b_case) in product()) {
        let (a, b) = (values(a_case.len(), 1), values(b_case.len(), 2));
        let (a, b) = (a_case.matrix(&a), b_case.matrix(&b));
        let pools = [Pool::new(1), Pool::new(2), Pool::new(3)];
        for tiles in Tiles::all() {
            // SAFETY: the matrix is in memory of the test.
            let packed = unsafe { Packed::new(tiles, b, &pools[2]) };
            for right in [Right::Packed(&packed), Right::Plain(b)] {
                let results = pools.each_ref().map(|pool| multiply(pool, tiles, a, right, b.columns));
                assert_product(&a, &b, &results[0], b.columns + 1);
                let bits = results.map(|c| c.into_iter().map(f32::to_bits).collect::<Vec<_>>());
                prop_assert!(bits[0] == bits[1] && bits[0] == bits[2], "it depends on the threads");
            }
        }
    }

    #[test]
    fn halves_are_packed_from_any_place(case in product().prop_map(|(_, b)| b), shift in 0..2usize) {
        let floats = values(case.len(), 3);
        let pool = Pool::new(2);
        let tiles = Tiles::native();
        // SAFETY: the matrix is in memory of the test.
        let expected = unsafe { Packed::new(tiles, case.matrix(&floats), &pool) };
        let a = Case { rows: 3, columns: case.rows, is_transposed: false, is_reversed: false, gap: 0 };
        let a_values = values(a.len(), 4);
        let a = a.matrix(&a_values);
        let expected = multiply(&pool, tiles, a, Right::Packed(&expected), case.columns);
        let shifted = |bytes: Vec<u8>| [vec![0; shift], bytes].concat();
        let f16s = shifted(floats.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect());
        let bf16s = shifted(floats.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect());
        let f16s = placed::<f16>(&case, &f16s[shift..]);
        let bf16s = placed::<bf16>(&case, &bf16s[shift..]);
        // SAFETY: as above.
        let packed = unsafe { [Packed::new(tiles, f16s, &pool), Packed::new(tiles, bf16s, &pool)] };
        for packed in packed {
            let c = multiply(&pool, tiles, a, Right::Packed(&packed), case.columns);
            for (row, expected) in c.chunks(case.columns + 1).zip(expected.chunks(case.columns + 1)) {
                prop_assert_eq!(&row[..case.columns], &expected[..case.columns]);
            }
        }
    }
}

/// A case's matrix in bytes that need not be aligned.
fn placed<T>(case: &Case, bytes: &[u8]) -> Matrix<T> {
    assert_eq!(bytes.len(), case.len() * size_of::<T>());
    let places = vec![0u8; case.len()];
    let matrix = case.matrix(&places);
    // SAFETY: both pointers are into `places`, or at its end.
    let offset = unsafe { matrix.pointer.offset_from(places.as_ptr()) };
    let pointer = bytes.as_ptr().cast::<T>().wrapping_offset(offset);
    let Matrix { rows, columns, row_stride, column_stride, .. } = matrix;
    Matrix { pointer, rows, columns, row_stride, column_stride }
}

#[test]
fn large_products_are_cut_into_blocks() {
    let case =
        |rows, columns| Case { rows, columns, is_transposed: false, is_reversed: false, gap: 0 };
    for (m, k, n) in [(400, 20, 300), (13, 900, 70), (210, 700, 40)] {
        let (a_case, b_case) = (case(m, k), case(k, n));
        let (a, b) = (values(a_case.len(), 1), values(b_case.len(), 2));
        let (a, b) = (a_case.matrix(&a), b_case.matrix(&b));
        let pool = Pool::new(2);
        let c = multiply(&pool, Tiles::native(), a, Right::Plain(b), n);
        assert_product(&a, &b, &c, n + 1);
    }
}

#[test]
#[should_panic(expected = "it is in memory")]
fn one_number_is_no_matrix_of_any_size() {
    let (pointer, rows, columns) = ([1.0f32].as_ptr(), 1 << 50, 1 << 14);
    let matrix = Matrix { pointer, rows, columns, row_stride: 0, column_stride: 0 };
    // SAFETY: all its elements are one.
    unsafe { Packed::new(Tiles::native(), matrix, &Pool::new(1)) };
}

#[test]
fn a_batch_is_its_products() {
    let case =
        |rows, columns| Case { rows, columns, is_transposed: false, is_reversed: false, gap: 0 };
    let (a_case, b_case) = (case(5, 6), case(6, 7));
    let pool = Pool::new(2);
    for count in [0, 1, 3, 9] {
        let a: Vec<Vec<f32>> = (0..count).map(|i| values(a_case.len(), i)).collect();
        let b: Vec<Vec<f32>> = (0..count).map(|i| values(b_case.len(), 5 * i)).collect();
        let mut c = vec![f32::NAN; count * 35];
        let place = Place(c.as_mut_ptr());
        let matrices = |i: usize| {
            let c = MatrixMut { pointer: place.at(i * 35), row_stride: 7 };
            (a_case.matrix(&a[i]), Right::Plain(b_case.matrix(&b[i])), c)
        };
        // SAFETY: the matrices are in memory of the test.
        unsafe { gemm_batch(&pool, Tiles::native(), count, &matrices) };
        for (i, c) in c.chunks(35).enumerate() {
            assert_product(&a_case.matrix(&a[i]), &b_case.matrix(&b[i]), c, 7);
        }
    }
}
