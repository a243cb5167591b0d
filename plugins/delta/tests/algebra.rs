//! The algebra of factors against plain sums over whole matrices.

use peftc_delta::{
    Combination, Elementwise, Factors, Fuse, Leading, Limit, Matrix, Rows, Sparsify, Spectrum, Svd,
    Votes, coefficients, compare, energy_by_rank,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn random(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut number = || f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
    Matrix::new(rows, columns, (0..rows * columns).map(|_| number()).collect())
}

fn change(rows: usize, columns: usize, rank: usize, seed: u64) -> Factors {
    Factors::new(random(rows, rank, seed), random(rank, columns, seed + 1000))
}

/// Element by element of whole matrices.
fn zipped(all: &[Matrix], element: impl Fn(&[f64]) -> f64) -> Matrix {
    let at = |i, j| element(&all.iter().map(|m| m.row(i)[j]).collect::<Vec<_>>());
    Matrix::from_fn(all[0].rows(), all[0].columns(), at)
}

fn distance(left: &Matrix, right: &Matrix) -> f64 {
    zipped(&[left.clone(), right.clone()], |x| x[0] - x[1]).norm()
}

fn assert_near(left: &Matrix, right: &Matrix, tolerance: f64) {
    let (distance, norm) = (distance(left, right), right.norm());
    assert!(distance <= tolerance * norm.max(1e-300), "{distance} of {norm}");
}

fn singular_values(matrix: &Matrix) -> Vec<f64> {
    Svd::of_matrix(matrix).expect("finite").s
}

/// Changes of one weight, of several ranks, with coefficients.
fn terms() -> impl Strategy<Value = Vec<(f64, Factors)>> {
    let shape = (1usize..24, 1usize..24, prop::collection::vec((1usize..6, -2.0..2.0f64), 1..5));
    (shape, any::<u16>()).prop_map(|((rows, columns, terms), seed)| {
        let seeds = (u64::from(seed) * 16)..;
        let one = |((rank, weight), seed)| (weight, change(rows, columns, rank, seed));
        terms.into_iter().zip(seeds).map(one).collect()
    })
}

fn borrowed(terms: &[(f64, Factors)]) -> Vec<(f64, &Factors)> {
    terms.iter().map(|(c, t)| (*c, t)).collect()
}

proptest! {
    #[test]
    fn theory_composition_is_the_sum_of_deltas_and_ranks_add_up(terms in terms()) {
        let sum = Factors::sum(&borrowed(&terms));
        let dense: Vec<Matrix> = terms.iter().map(|(c, t)| t.dense().scaled(*c)).collect();
        let wanted = zipped(&dense, |x| x.iter().sum());
        let largest: f64 = dense.iter().map(Matrix::norm).sum();
        prop_assert!(distance(&sum.dense(), &wanted) <= 1e-13 * largest);
        let numeric = Svd::of(&sum).expect("finite").numerical_rank();
        prop_assert!(numeric <= terms.iter().map(|(_, t)| t.rank()).sum());
    }

    #[test]
    fn theory_eckart_young_no_rank_is_nearer(terms in terms(), rank in 1usize..8) {
        let sum = Factors::sum(&borrowed(&terms));
        let s = singular_values(&sum.dense());
        let cut = Svd::of(&sum).expect("finite").truncated(Limit::Rank(rank));
        let left = zipped(&[sum.dense(), cut.svd.factors(0.5).dense()], |x| x[0] - x[1]);
        let (spectral, frobenius) = (singular_values(&left)[0], left.norm());
        let floor = 1e-12 * s[0];
        let tail = s.iter().skip(rank).map(|s| s * s).sum::<f64>().sqrt();
        prop_assert!((spectral - s.get(rank).copied().unwrap_or(0.0)).abs() <= floor);
        prop_assert!((frobenius - tail).abs() <= floor);
        prop_assert!((cut.spectral_error - spectral).abs() <= floor);
        prop_assert!((cut.frobenius_error - frobenius).abs() <= floor);
        prop_assert!(cut.svd.s.len() <= rank);
    }

    #[test]
    fn inner_products_and_norms_are_those_of_the_whole(terms in terms()) {
        let (left, right) = (&terms[0].1, &terms[terms.len() - 1].1);
        let dense = zipped(&[left.dense(), right.dense()], |x| x[0] * x[1]);
        let wanted: f64 = dense.elements().iter().sum();
        prop_assert!((left.inner(right) - wanted).abs() <= 1e-12 * left.norm() * right.norm());
        prop_assert!((left.norm() - left.dense().norm()).abs() <= 1e-12 * left.norm());
    }

    #[test]
    fn products_of_two_changes_are_those_of_the_whole(terms in terms()) {
        let (left, right) = (&terms[0].1, &terms[terms.len() - 1].1);
        let wanted = zipped(&[left.dense(), right.dense()], |x| x[0] * x[1]);
        assert_near(&left.hadamard(right).dense(), &wanted, 1e-12);
        let (rows, columns) = Factors::shape(right);
        let (one, other) = (left.dense(), right.dense());
        let kronecker = Matrix::from_fn(one.rows() * rows, one.columns() * columns, |i, j| {
            one.row(i / rows)[j / columns] * other.row(i % rows)[j % columns]
        });
        assert_near(&left.clone().kronecker(right.clone()).dense(), &kronecker, 1e-12);
        assert_near(&Factors::of_matrix(one.clone()).dense(), &one, 0.0);
        assert_near(&left.transposed().dense(), &one.transposed(), 1e-14);
    }

    #[test]
    fn the_energy_that_is_asked_for_is_kept_by_the_least_rank(terms in terms(), share in 0.0..1.0f64) {
        let svd = Svd::of(&Factors::sum(&borrowed(&terms))).expect("finite");
        let rank = svd.rank_of(Limit::Energy(share));
        let kept = energy_by_rank(&svd.s);
        prop_assert!(kept[rank - 1] >= share - 1e-12 || svd.s[0] == 0.0);
        prop_assert!(rank == 1 || kept[rank - 2] < share + 1e-12);
    }

    #[test]
    fn ties_is_the_plain_one(terms in terms(), density in 0.05..1.0f64) {
        let dense: Vec<Matrix> = terms.iter().map(|(c, t)| trimmed(&t.dense(), density).scaled(*c)).collect();
        let wanted = zipped(&dense, |x| {
            let sign = if x.iter().sum::<f64>() >= 0.0 { 1.0 } else { -1.0 };
            let agreeing: Vec<f64> = x.iter().copied().filter(|x| x * sign > 0.0).collect();
            agreeing.iter().sum::<f64>() / agreeing.len().max(1) as f64
        });
        let method = elementwise(Sparsify::Trim { density }, Fuse::Elect(Votes::Weighted));
        let got = Combination::new(method, &borrowed(&terms)).dense();
        prop_assert!(distance(&got, &wanted) <= 1e-12 * wanted.norm());
    }

    #[test]
    fn magnitude_pruning_is_the_plain_one(terms in terms(), density in 0.05..1.0f64) {
        let dense: Vec<Matrix> = terms.iter().map(|(c, t)| trimmed(&t.dense(), density).scaled(*c)).collect();
        let method = elementwise(Sparsify::Trim { density }, Fuse::Sum);
        let got = Combination::new(method, &borrowed(&terms)).dense();
        let wanted = zipped(&dense, |x| x.iter().sum());
        prop_assert!(distance(&got, &wanted) <= 1e-12 * wanted.norm());
    }

    #[test]
    fn breadcrumbs_leave_the_largest_out(rows in 1usize..12, columns in 1usize..12, gamma in 0.0..0.5f64, density in 0.05..0.5f64) {
        let change = change(rows, columns, 3, 5);
        let method = elementwise(Sparsify::Middle { density, gamma }, Fuse::Sum);
        let got = Combination::new(method, &[(1.0, &change)]).dense();
        let n = rows * columns;
        let mut order: Vec<f64> = change.dense().into_elements().iter().map(|x| x.abs()).collect();
        order.sort_by(f64::total_cmp);
        let (top, kept) = ((gamma * n as f64) as usize, (density * n as f64) as usize);
        let wanted = &order[n - top - kept..n - top];
        let mut found: Vec<f64> = got.into_elements().iter().map(|x| x.abs()).filter(|x| *x > 0.0).collect();
        found.sort_by(f64::total_cmp);
        prop_assert_eq!(found.len(), wanted.len());
        prop_assert!(found.iter().zip(wanted).all(|(x, y)| (x - y).abs() <= 1e-14 * y));
    }
}

fn elementwise(sparsify: Sparsify, fuse: Fuse) -> Elementwise {
    Elementwise { sparsify, fuse, seed: 7, stream: 1 }
}

/// The ⌊density·n⌋ of largest magnitude.
fn trimmed(dense: &Matrix, density: f64) -> Matrix {
    let n = dense.elements().len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| dense.elements()[j].abs().total_cmp(&dense.elements()[i].abs()));
    let mut kept = vec![0.0; n];
    order.iter().take((density * n as f64) as usize).for_each(|&i| kept[i] = dense.elements()[i]);
    Matrix::new(dense.rows(), dense.columns(), kept)
}

#[test]
fn dropping_keeps_its_share_and_the_mean() {
    let change = change(200, 300, 4, 1);
    let dense = change.dense();
    for sparsify in
        [Sparsify::Drop { density: 0.3 }, Sparsify::DropByRank { density: 0.3, epsilon: 0.2 }]
    {
        let got = Combination::new(elementwise(sparsify, Fuse::Sum), &[(1.0, &change)]).dense();
        let kept = got.elements().iter().filter(|x| **x != 0.0).count() as f64 / 60_000.0;
        assert!((kept - 0.3).abs() < 0.01, "{sparsify:?} {kept}");
        let aligned: f64 = got.elements().iter().zip(dense.elements()).map(|(x, y)| x * y).sum();
        assert!((aligned / dense.norm().powi(2) - 1.0).abs() < 0.03, "{sparsify:?} {aligned}");
    }
}

#[test]
fn della_keeps_large_elements_more_often() {
    let change = change(200, 300, 4, 1);
    let sparsify = Sparsify::DropByRank { density: 0.5, epsilon: 0.4 };
    let got = Combination::new(elementwise(sparsify, Fuse::Sum), &[(1.0, &change)]).dense();
    let (mut large, mut small) = (0, 0);
    for i in 0..200 {
        let dense = change.dense();
        let mut order: Vec<usize> = (0..300).collect();
        order.sort_by(|&x, &y| dense.row(i)[x].abs().total_cmp(&dense.row(i)[y].abs()));
        small += order[..30].iter().filter(|&&j| got.row(i)[j] != 0.0).count();
        large += order[270..].iter().filter(|&&j| got.row(i)[j] != 0.0).count();
    }
    // Probabilities 0.1 to 0.18 and 0.82 to 0.9 of 6000 each.
    assert!((small as f64 / 6000.0 - 0.14).abs() < 0.02, "{small}");
    assert!((large as f64 / 6000.0 - 0.86).abs() < 0.02, "{large}");
}

#[test]
fn della_keeps_its_share_of_rows_of_one_element() {
    let change = change(20_000, 1, 1, 1);
    let sparsify = Sparsify::DropByRank { density: 0.5, epsilon: 0.4 };
    let got = Combination::new(elementwise(sparsify, Fuse::Sum), &[(1.0, &change)]).dense();
    let kept = got.elements().iter().filter(|x| **x != 0.0).count() as f64 / 20_000.0;
    assert!((kept - 0.5).abs() < 0.02, "{kept}");
}

#[test]
fn random_choices_differ_by_term_seed_and_weight_and_repeat() {
    let change = change(40, 50, 4, 1);
    let kept = |seed, stream, weights: [f64; 2]| -> Vec<bool> {
        let method =
            Elementwise { seed, stream, ..elementwise(Sparsify::Drop { density: 0.5 }, Fuse::Sum) };
        let terms = [(weights[0], &change), (weights[1], &change)];
        Combination::new(method, &terms).dense().into_elements().iter().map(|x| *x != 0.0).collect()
    };
    let first = kept(1, 1, [1.0, 0.0]);
    assert_eq!(first, kept(1, 1, [1.0, 0.0]));
    for other in [kept(1, 1, [0.0, 1.0]), kept(2, 1, [1.0, 0.0]), kept(1, 2, [1.0, 0.0])] {
        assert_ne!(first, other);
    }
}

#[test]
fn leading_singular_values_of_a_large_matrix() {
    let low = change(700, 500, 12, 3);
    let noise = random(700, 500, 9).scaled(1e-3);
    let whole = zipped(&[low.dense(), noise], |x| x[0] + x[1]);
    let found = Leading::of(&whole, 12).expect("finite");
    let s = singular_values(&whole);
    for (found, wanted) in found.svd.s.iter().zip(&s).take(12) {
        assert!((found - wanted).abs() <= 1e-9 * wanted, "{found} {wanted}");
    }
    let tail = s[12..].iter().map(|s| s * s).sum::<f64>().sqrt();
    assert!((found.frobenius_error(12) - tail).abs() <= 1e-6 * tail);
    assert!((found.spectral_error(12) / s[12] - 1.0).abs() <= 1e-3);
    assert!(found.outside <= found.frobenius_error(12));
}

#[test]
fn a_flat_spectrum_is_found_within_a_thousandth() {
    let whole = random(600, 520, 9);
    let (found, s) = (Leading::of(&whole, 16).expect("finite"), singular_values(&whole));
    let tail = s[16..].iter().map(|s| s * s).sum::<f64>().sqrt();
    assert!((found.frobenius_error(16) / tail - 1.0).abs() <= 1e-4);
    let measured = found.spectral_error(16);
    assert!((measured / s[16] - 1.0).abs() <= 1e-3, "{measured} {}", s[16]);
}

/// What is left of a matrix without the first `rank` that were found is as small as it can be.
fn assert_leading(matrix: &Matrix, rank: usize, true_values: &[f64]) {
    let found = Leading::of(matrix, rank).expect("finite");
    for basis in [&found.svd.u, &found.svd.v] {
        let identity = |i: usize, j: usize| f64::from(u8::from(i == j));
        let wanted = Matrix::from_fn(basis.columns(), basis.columns(), identity);
        assert_near(&basis.transposed().times(basis), &wanted, 1e-12);
    }
    let kept = found.svd.truncated(Limit::Rank(rank)).svd.factors(0.5).dense();
    let least = true_values.iter().skip(rank).map(|s| s * s).sum::<f64>().sqrt();
    let left = distance(matrix, &kept);
    assert!(left <= 1.0001 * least + 1e-9 * matrix.norm(), "{left} of {least}");
    // It comes from a difference of squares.
    assert!((found.frobenius_error(rank) - left).abs() <= 1e-6 * matrix.norm());
}

#[test]
fn theory_eckart_young_of_changes_in_few_rows_or_columns() {
    for (count, rank) in [(1, 4), (5, 4), (20, 16), (30, 16), (60, 4)] {
        let rows = random(count, 700, count as u64);
        let mut whole = Matrix::zeros(600, 700);
        for row in 0..count {
            whole.row_mut(row * 10 % 599).copy_from_slice(rows.row(row));
        }
        let values = singular_values(&rows);
        assert_leading(&whole, rank, &values);
        assert_leading(&whole.transposed(), rank, &values);
    }
}

#[test]
fn theory_eckart_young_of_repeated_and_missing_singular_values() {
    let constant = Matrix::from_fn(600, 700, |_, _| 0.5);
    assert_leading(&constant, 8, &[0.5 * f64::sqrt(600.0 * 700.0)]);
    let diagonal = |values: &[f64]| {
        let element = |i, j| if i == j { values.get(i).copied().unwrap_or(0.0) } else { 0.0 };
        Matrix::from_fn(600, 700, element)
    };
    let falling: Vec<f64> = (0..40).map(|i| f64::from(40 - i)).collect();
    assert_leading(&diagonal(&falling), 16, &falling);
    assert_leading(&diagonal(&[1.0; 600]), 16, &[1.0; 600]);
    assert_leading(&diagonal(&[]), 16, &[]);
}

/// The iteration of the library does not end on this one: it takes another way.
#[test]
fn a_decomposition_of_a_low_rank_always_ends() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut matrix = Matrix::zeros(600, 700);
    for _ in 0..20 {
        let column = random.next_u32() as usize % 600;
        for row in 0..600 {
            matrix.row_mut(row)[column] = f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
        }
    }
    let svd = Svd::of_matrix(&matrix).expect("finite");
    assert_near(&svd.factors(0.5).dense(), &matrix, 1e-12);
    let values = Svd::values_of(&Factors::of_matrix(matrix)).expect("finite");
    svd.s.iter().zip(&values).for_each(|(x, y)| assert!((x - y).abs() <= 1e-12 * svd.s[0]));
}

#[test]
fn numbers_that_are_not_finite_are_an_error() {
    let mut broken = random(3, 3, 1);
    broken.row_mut(1)[1] = f64::NAN;
    assert!(Svd::of_matrix(&broken).is_err());
    assert!(Svd::of(&Factors::new(broken.clone(), random(3, 3, 2))).is_err());
    assert!(Leading::of(&broken, 1).is_err());
}

#[test]
fn theory_merging_weighs_by_the_inverse_of_norms() {
    assert_eq!(coefficients::inverse_norms(&[1.0, 3.0], 1), [0.75, 0.25]);
    let squares = coefficients::inverse_norms(&[1.0, 3.0], 2);
    assert!((squares[0] - 0.9).abs() <= 1e-15 && (squares[1] - 0.1).abs() <= 1e-15);
    assert_eq!(coefficients::inverse_norms(&[2.0, 0.0], 1), [1.0, 0.0]);
}

#[test]
fn slerp_goes_along_the_arc() {
    let (x, y) = (change(9, 7, 3, 1), change(9, 7, 3, 2));
    let (x, y) = (x.clone().scaled(1.0 / x.norm()), y.clone().scaled(1.0 / y.norm()));
    let gram = coefficients::gram(&[&x, &y]);
    let angle = compare::cosine(&x, &y).acos();
    for t in [0.0, 0.25, 0.5, 1.0] {
        let [a, b] = coefficients::slerp(&gram, t);
        let on = Factors::sum(&[(a, &x), (b, &y)]);
        assert!((on.norm() - 1.0).abs() <= 1e-12);
        assert!((compare::cosine(&x, &on).acos() - t * angle).abs() <= 1e-6);
    }
    assert_eq!(coefficients::slerp(&coefficients::gram(&[&x, &x]), 0.25), [0.75, 0.25]);
}

#[test]
fn karcher_is_where_the_steps_to_all_directions_cancel() {
    let all = [change(9, 7, 3, 1), change(9, 7, 2, 2).scaled(3.0), change(9, 7, 4, 3)];
    let all: Vec<&Factors> = all.iter().collect();
    let weights = [0.5, 0.2, 0.3];
    let coefficients = coefficients::karcher(&coefficients::gram(&all), &weights);
    let mean =
        Factors::sum(&coefficients.iter().copied().zip(all.iter().copied()).collect::<Vec<_>>());
    let length: f64 = all.iter().zip(weights).map(|(x, w)| w * x.norm()).sum();
    assert!((mean.norm() - length).abs() <= 1e-12 * length);
    let unit = mean.clone().scaled(1.0 / mean.norm());
    let steps: Vec<(f64, Factors)> = all
        .iter()
        .zip(weights)
        .map(|(x, w)| {
            let along = compare::cosine(x, &unit);
            let away = Factors::sum(&[(1.0 / x.norm(), x), (-along, &unit)]);
            let norm = away.norm();
            (w * along.acos() / norm, away)
        })
        .collect();
    assert!(
        Factors::sum(&borrowed(&steps)).norm() <= 1e-7,
        "{}",
        Factors::sum(&borrowed(&steps)).norm()
    );
}

#[test]
fn what_two_changes_have_in_common() {
    let (x, y) = (change(30, 20, 3, 1), change(30, 20, 3, 2));
    assert!((compare::cosine(&x, &x) - 1.0).abs() <= 1e-12);
    assert!((compare::overlap(x.b(), x.b()) - 1.0).abs() <= 1e-12);
    let both =
        Matrix::from_fn(30, 6, |i, k| if k < 3 { x.b().row(i)[k] } else { y.b().row(i)[k - 3] });
    assert!((compare::overlap(x.b(), &both) - 1.0).abs() <= 1e-12);
    let alone = |at: usize| Matrix::from_fn(30, 1, |i, _| f64::from(u8::from(i == at)));
    assert_eq!(compare::overlap(&alone(1), &alone(2)), 0.0);
    let conflict = |x: &Factors, y: &Factors| compare::Signs::of(x, y).conflict();
    assert_eq!(conflict(&x, &x), 0.0);
    assert_eq!(conflict(&x, &x.clone().scaled(-1.0)), 1.0);
    let half = change(130, 20, 3, 1);
    let zeros = Matrix::from_fn(130, 3, |i, k| if i < 65 { half.b().row(i)[k] } else { 0.0 });
    let signs = compare::Signs::of(&half, &Factors::new(zeros, half.a().clone()));
    assert_eq!(signs, compare::Signs { both: 65 * 20, against: 0 });
    let conflict = conflict(&x, &y);
    assert!((0.3..0.7).contains(&conflict), "{conflict}");
}

#[test]
fn singular_values_alone_are_those_of_the_decomposition() {
    let whole = Factors::of_matrix(Matrix::from_fn(6, 4, |i, j| ((3 * i + 5 * j) % 7) as f64));
    let small = change(5, 8, 2, 1);
    let products =
        [small.clone().kronecker(whole.clone()), whole.kronecker(small.clone()).scaled(-3.0)];
    for factors in products.into_iter().chain([change(30, 20, 3, 2), change(6, 40, 9, 3)]) {
        let (values, svd) = (Svd::values_of(&factors).expect("finite"), Svd::of(&factors));
        let expected = svd.expect("finite").s;
        assert!(values.len() <= expected.len());
        for (i, expected) in expected.iter().enumerate() {
            let value = values.get(i).copied().unwrap_or(0.0);
            assert!((value - expected).abs() <= 1e-12 * values[0], "{i}: {value} {expected}");
        }
    }
    let nan = Factors::new(Matrix::new(1, 1, vec![f64::NAN]), Matrix::new(1, 1, vec![1.0]));
    assert!(Svd::values_of(&nan).is_err());
    assert!(Svd::values_of(&nan.kronecker(small)).is_err());
}

/// Changes `[24, 30]` in all the forms they are stored in.
fn stored_otherwise() -> Vec<Factors> {
    let whole = |rows, columns, seed| Factors::of_matrix(random(rows, columns, seed));
    vec![
        change(24, 30, 3, 1),
        whole(24, 30, 2),
        whole(4, 6, 3).kronecker(whole(6, 5, 4)),
        change(4, 6, 2, 5).kronecker(whole(6, 5, 6)).scaled(-0.3),
        whole(4, 6, 7).kronecker(change(6, 5, 2, 8)),
        change(8, 3, 1, 9).kronecker(change(3, 10, 2, 10)),
        change(30, 24, 2, 11).transposed(),
        whole(6, 4, 12).kronecker(change(5, 6, 2, 13)).transposed(),
    ]
}

#[test]
fn what_is_not_stored_as_a_product_computes_as_the_whole() {
    let all = stored_otherwise();
    for factors in &all {
        let dense = factors.b().times(factors.a());
        assert_eq!(factors.rank(), factors.a().rows());
        assert_near(&factors.dense(), &dense, 1e-14);
        assert_near(&factors.transposed().dense(), &dense.transposed(), 1e-14);
        assert_near(&factors.clone().scaled(-2.0).dense(), &dense.clone().scaled(-2.0), 1e-14);
        assert!((factors.norm() - dense.norm()).abs() <= 1e-12 * dense.norm());
        let mut part = vec![0.0; 11];
        factors.part_of_row(13, 7, &mut part);
        assert_near(
            &Matrix::new(1, 11, part),
            &Matrix::new(1, 11, dense.row(13)[7..18].to_vec()),
            1e-13,
        );
        for other in &all {
            let pairs = dense.elements().iter().zip(other.dense().into_elements());
            let inner: f64 = pairs.map(|(x, y)| x * y).sum();
            let most = dense.norm() * other.norm();
            assert!((factors.inner(other) - inner).abs() <= 1e-12 * most);
            let sum = Factors::sum(&[(0.5, factors), (-2.0, other)]).dense();
            let wanted = zipped(&[dense.clone(), other.dense()], |x| 0.5 * x[0] - 2.0 * x[1]);
            assert_near(&sum, &wanted, 1e-12);
        }
    }
}

#[test]
fn what_is_not_stored_as_a_product_is_cut_as_the_whole() {
    for factors in stored_otherwise() {
        let whole = Svd::of_matrix(&factors.dense()).expect("finite");
        for limit in [Limit::Exact, Limit::Rank(1), Limit::Rank(5), Limit::Energy(0.8)] {
            let (found, wanted) = (Svd::within(&factors, limit), whole.truncated(limit));
            let found = found.expect("finite");
            assert_eq!(found.svd.s.len(), wanted.svd.s.len().min(factors.rank()), "{limit:?}");
            let near = |x: f64, y: f64| (x - y).abs() <= 1e-12 * whole.s[0];
            assert!(found.svd.s.iter().zip(&wanted.svd.s).all(|(x, y)| near(*x, *y)));
            assert!(near(found.spectral_error, wanted.spectral_error));
            assert!((found.frobenius_error - wanted.frobenius_error).abs() <= 1e-7 * whole.s[0]);
            assert_near(&found.svd.factors(0.5).dense(), &wanted.svd.factors(0.5).dense(), 1e-10);
        }
        let all = Svd::of(&factors).expect("finite").factors(0.5).dense();
        assert_near(&all, &factors.dense(), 1e-12);
    }
}

#[test]
fn ranks_that_a_spectrum_says() {
    let flat = Spectrum::of(&[2.0; 5]);
    assert!((flat.effective_rank - 5.0).abs() <= 1e-12 && (flat.stable_rank - 5.0).abs() <= 1e-12);
    assert_eq!(flat.spectral, 2.0);
    let one = Spectrum::of(&[3.0, 0.0]);
    assert_eq!((one.effective_rank, one.stable_rank, one.frobenius), (1.0, 1.0, 3.0));
    assert_eq!(Spectrum::of(&[0.0, 0.0]).effective_rank, 0.0);
    assert_eq!(energy_by_rank(&[3.0, 4.0]), [0.36, 1.0]);
}
