use super::super::gemm::{Place, Tiles};
use super::super::pool::Pool;
use super::softmax::exp;
use super::{Head, KEYS, Sizes, attention};
use proptest::prelude::*;
use proptest::sample::select;

/// An attention with its operands.
#[derive(Clone, Debug)]
struct Case {
    heads: usize,
    /// How many heads have the same keys and values.
    group: usize,
    queries: usize,
    keys: usize,
    depth: usize,
    width: usize,
    /// Floats between rows.
    gap: usize,
    /// Whether the rows of the heads are in turn, and not those of one after those of the other.
    in_turn: bool,
    /// Whether the keys and values are from the last to the first.
    is_reversed: bool,
    scale: f32,
    /// Added to the scores.
    mask: Option<Vec<f32>>,
    is_guarded: bool,
    seed: u64,
}

/// The rows of heads in memory.
struct Rows {
    floats: Vec<f32>,
    rows: usize,
    len: usize,
    head_stride: usize,
    row_stride: usize,
    is_reversed: bool,
}

/// Random floats of −1..1.
fn floats(seed: &mut u64, n: usize) -> Vec<f32> {
    let mut next = || {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

impl Rows {
    fn new(case: &Case, heads: usize, rows: usize, len: usize, seed: &mut u64) -> Self {
        let each = len + case.gap;
        let (head_stride, row_stride) =
            if case.in_turn { (each, heads * each) } else { (rows * each, each) };
        let floats = floats(seed, heads * rows * each);
        Self { floats, rows, len, head_stride, row_stride, is_reversed: false }
    }

    fn index(&self, head: usize, row: usize) -> usize {
        let row = if self.is_reversed { self.rows - 1 - row } else { row };
        head * self.head_stride + row * self.row_stride
    }

    fn row(&self, head: usize, row: usize) -> &[f32] {
        &self.floats[self.index(head, row)..][..self.len]
    }

    fn head(&self, head: usize) -> Head {
        let stride = self.row_stride as isize;
        Head {
            pointer: self.floats.as_ptr().wrapping_add(if self.rows > 0 {
                self.index(head, 0)
            } else {
                0
            }),
            row_stride: if self.is_reversed { -stride } else { stride },
        }
    }
}

impl Case {
    fn operands(&self) -> [Rows; 3] {
        let seed = &mut self.seed.clone();
        let kv = self.heads / self.group;
        let q = Rows::new(self, self.heads, self.queries, self.depth, seed);
        let mut k = Rows::new(self, kv, self.keys, self.depth, seed);
        let mut v = Rows::new(self, kv, self.keys, self.width, seed);
        (k.is_reversed, v.is_reversed) = (self.is_reversed, self.is_reversed);
        [q, k, v]
    }

    fn mask(&self, head: usize, query: usize, key: usize) -> f32 {
        let index = (head * self.queries + query) * self.keys + key;
        self.mask.as_ref().map_or(0.0, |mask| mask[index])
    }

    /// The result, and the memory of the queries around it.
    fn run(&self, tiles: &'static Tiles, threads: usize) -> Rows {
        let [q, k, v] = self.operands();
        let mut out = Rows::new(self, self.heads, self.queries, self.width, &mut 0);
        out.floats.fill(f32::NAN);
        for head in 0..self.heads {
            for row in 0..self.queries {
                let end = out.index(head, row) + self.width;
                out.floats[end..end + self.gap].fill(7.0);
            }
        }
        let place = Place(out.floats.as_mut_ptr());
        let (head_stride, row_stride) = (out.head_stride, out.row_stride as isize);
        let score = |head: usize,
                     queries: std::ops::Range<usize>,
                     keys: std::ops::Range<usize>,
                     scores: *mut f32| {
            assert!(head < self.heads && queries.end <= self.queries && keys.end <= self.keys);
            for (row, query) in queries.enumerate() {
                // SAFETY: the tile has these rows and columns.
                let scores =
                    unsafe { std::slice::from_raw_parts_mut(scores.add(row * KEYS), keys.len()) };
                for (score, key) in scores.iter_mut().zip(keys.clone()) {
                    *score = *score * self.scale + self.mask(head, query, key);
                }
            }
        };
        let has_score = self.scale != 1.0 || self.mask.is_some();
        let Self { heads, queries, keys, depth, width, is_guarded, .. } = *self;
        // SAFETY: the operands are as long as the sizes say.
        unsafe {
            attention(
                &Pool::new(threads),
                tiles,
                &Sizes { heads, queries, keys, depth, width, is_guarded },
                &|head| q.head(head),
                &|head| k.head(head / self.group),
                &|head| v.head(head / self.group),
                &|head| (place.at(head * head_stride), row_stride),
                has_score.then_some(&score),
            );
        }
        out
    }

    /// A row of the result, by the formula; and how far float32 may be from it. A score of size s has an
    /// error of half its last digit, s·2⁻²⁴, at the least, and so many parts of it the weight that is made of
    /// it; a weight has one of some last digits of its own.
    fn expected(&self, [q, k, v]: &[Rows; 3], head: usize, query: usize) -> (Vec<f64>, f64) {
        let (kv, q) = (head / self.group, q.row(head, query));
        let score = |key| {
            let dot: f64 =
                q.iter().zip(k.row(kv, key)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            dot * f64::from(self.scale) + f64::from(self.mask(head, query, key))
        };
        let scores: Vec<f64> = (0..self.keys).map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let finite = scores.iter().filter(|score| score.is_finite());
        let size = finite.fold(0.0, |size: f64, score| size.max(score.abs()));
        let error = f64::min(1e-5, (2.0 + size) * 2f64.powi(-22));
        let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        if self.is_guarded && sum.is_nan() {
            return (vec![0.0; self.width], error);
        }
        let of = |column: usize| {
            weights
                .iter()
                .enumerate()
                .map(|(key, weight)| weight / sum * f64::from(v.row(kv, key)[column]))
                .sum()
        };
        ((0..self.width).map(of).collect(), error)
    }

    fn check(&self) {
        let operands = self.operands();
        let rows = || (0..self.heads).flat_map(|h| (0..self.queries).map(move |q| (h, q)));
        let expected: Vec<_> = rows().map(|(h, q)| self.expected(&operands, h, q)).collect();
        for tiles in Tiles::all() {
            let out = self.run(tiles, 1);
            for ((head, query), (expected, error)) in rows().zip(&expected) {
                for (column, (got, want)) in out.row(head, query).iter().zip(expected).enumerate() {
                    let got = f64::from(*got);
                    assert!(
                        (got - want).abs() <= *error || got.is_nan() && want.is_nan(),
                        "head {head}, query {query}, column {column}: {got}, not {want}"
                    );
                }
                let end = out.index(head, query) + self.width;
                assert_eq!(out.floats[end..end + self.gap], vec![7.0; self.gap]);
            }
            let bits = |out: &Rows| out.floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
            for threads in [2, 3] {
                assert!(bits(&self.run(tiles, threads)) == bits(&out), "{threads} threads differ");
            }
        }
    }
}

/// A mask of finite numbers, of which some are −∞: single ones, blocks of neighbours, whole rows; or causal.
fn mask(heads: usize, queries: usize, keys: usize, kind: u8, seed: u64) -> Option<Vec<f32>> {
    if kind == 0 {
        return None;
    }
    let mut mask = floats(&mut seed.clone(), heads * queries * keys);
    let hidden = floats(&mut (seed ^ 1), heads * queries * keys + keys);
    for (index, value) in mask.iter_mut().enumerate() {
        let (row, key) = (index / keys, index % keys);
        let is_hidden = match kind {
            1 => hidden[index] > 0.0,
            2 => hidden[row] * hidden[row + 1] > 0.0 || key < KEYS,
            3 => key < KEYS && keys > KEYS || key % 5 == 0 && keys > 1,
            _ => key > row % queries,
        };
        if is_hidden {
            *value = f32::NEG_INFINITY;
        }
    }
    Some(mask)
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (
        (1..3usize, 1..4usize),
        select(vec![1, 2, 3, 4, 5, 12, 13, 50]),
        select(vec![0, 1, 2, 7, 16, 17, 32, 33, 65, 100, 256, 257, 290, 600]),
        select(vec![0, 1, 3, 8, 16, 19, 32, 64, 80]),
        select(vec![1, 2, 7, 16, 31, 32, 33, 64, 72]),
    );
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let rest = (0..3usize, flags, select(vec![1.0, 0.25, 5.0]), 0..5u8);
    (sizes, rest, any::<u64>()).prop_map(
        |(
            ((kv, group), queries, keys, depth, width),
            (gap, (in_turn, is_reversed, is_guarded), scale, kind),
            seed,
        )| {
            let mask = mask(kv * group, queries, keys, kind, seed);
            // From scores of 40 on float32 has fewer digits than are asked for.
            let scale = f32::min(scale, 38.0 / depth as f32);
            Case {
                heads: kv * group,
                group,
                queries,
                keys,
                depth,
                width,
                gap,
                in_turn,
                is_reversed,
                scale,
                mask,
                is_guarded,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_formula(case in cases()) {
        case.check();
    }
}

/// A plain case.
fn case(queries: usize, keys: usize) -> Case {
    Case {
        heads: 2,
        group: 1,
        queries,
        keys,
        depth: 16,
        width: 20,
        gap: 0,
        in_turn: false,
        is_reversed: false,
        scale: 1.0,
        mask: None,
        is_guarded: false,
        seed: 1,
    }
}

#[test]
fn tasks_share_a_head() {
    case(700, 40).check();
    Case { heads: 6, group: 6, ..case(150, 33) }.check();
    // With more threads the last task has one tile, of two rows.
    for tiles in Tiles::all() {
        Case { heads: 1, ..case(20 * tiles.mr + 2, 40) }.check();
    }
}

#[test]
fn guarded_rows_that_see_no_key_are_0() {
    for (queries, keys) in [(1, 20), (30, 600)] {
        let mut case = Case { is_guarded: true, ..case(queries, keys) };
        let mut mask = vec![0.0; case.heads * queries * keys];
        mask[..keys].fill(f32::NEG_INFINITY);
        case.mask = Some(mask);
        case.check();
    }
}

#[test]
fn no_rows_and_no_columns() {
    case(0, 5).check();
    Case { width: 0, ..case(3, 5) }.check();
    Case { heads: 0, ..case(3, 5) }.check();
}

#[test]
fn rows_with_a_nan_or_infinity_are_nan() {
    for (queries, keys) in [(1, 20), (5, 600), (30, 1100)] {
        for value in [f32::NAN, f32::INFINITY] {
            for key in [0, 7, keys - 1] {
                let mut case = case(queries, keys);
                let mut mask = vec![0.0; case.heads * queries * keys];
                mask[key] = value;
                case.mask = Some(mask);
                case.check();
                let out = case.run(Tiles::native(), 1);
                assert!(out.row(0, 0).iter().all(|x| x.is_nan()));
                assert!(out.row(1, 0).iter().all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn exponentials_are_within_two_units_in_the_last_place() {
    for bits in (0x8000_0000..(-87.3f32).to_bits()).step_by(1009) {
        let x = f32::from_bits(bits);
        let want = f64::from(x).exp();
        let nearest = want as f32;
        let unit = f64::from(f32::from_bits(nearest.to_bits() + 1) - nearest);
        for got in [exp(x, true), exp(x, false)] {
            assert!((f64::from(got) - want).abs() <= 2.0 * unit, "exp({x}): {got}, not {want}");
        }
    }
    assert_eq!(exp(0.0, true), 1.0);
    assert_eq!(exp(f32::NEG_INFINITY, true), 0.0);
    assert!(exp(f32::NAN, true).is_nan());
}
