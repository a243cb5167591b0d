//! What two adapters have in common.

use peftc_delta::compare::{Signs, overlap_of_bases, spaces};
use peftc_delta::{Factors, Matrix, NotFinite, Spectrum, Svd};
use serde::Serialize;

/// Two adapters. All numbers are 0 where they change no weight in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The one, in the order in which they were given, from 0 on.
    pub left: usize,
    /// The other.
    pub right: usize,
    /// Σ⟨ΔW, ΔW'⟩ / √(Σ‖ΔW‖²·Σ‖ΔW'‖²) over the weights that both change.
    pub cosine: f64,
    /// The mean of the cosines of the layers.
    pub mean_cosine: f64,
    /// The mean overlap of the column spaces.
    pub column_overlap: f64,
    /// The mean overlap of the row spaces.
    pub row_overlap: f64,
    /// The share of elements that one raises and the other lowers, of those that both change.
    pub sign_conflict: f64,
    /// The weights that both change, sorted by module.
    pub layers: Vec<SharedLayer>,
    /// Modules that the one alone changes.
    pub only_left: Vec<String>,
    /// Modules that the other alone changes.
    pub only_right: Vec<String>,
}

/// A weight that two adapters change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SharedLayer {
    /// The module.
    pub module: String,
    /// ⟨ΔW, ΔW'⟩/(‖ΔW‖·‖ΔW'‖); 0 where one is zero.
    pub cosine: f64,
    /// How much of the smaller of the column spaces, those of B, lies in the other: ‖Q₁ᵀQ₂‖²_F / min(r₁, r₂).
    pub column_overlap: f64,
    /// The same of the row spaces, those of A.
    pub row_overlap: f64,
    /// The share of elements that one raises and the other lowers, of those that both change.
    pub sign_conflict: f64,
}

/// A weight that two adapters change, and what the sums over all weights need.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    layer: SharedLayer,
    inner: f64,
    squares: (f64, f64),
    signs: Signs,
}

/// Each two of so many.
fn each_two(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |left| (left + 1..count).map(move |right| (left, right)))
}

/// A change, as comparisons need it.
struct Compared {
    delta: Factors,
    /// The same with orthonormal singular vectors, in whose products no digits cancel.
    factors: Factors,
    norm: f64,
    /// Orthonormal bases.
    columns: Matrix,
    rows: Matrix,
}

impl Compared {
    fn of(delta: Factors) -> Result<Self, NotFinite> {
        let svd = Svd::of(&delta)?;
        let (columns, rows) = spaces(&svd);
        let norm = Spectrum::of(&svd.s).frobenius;
        Ok(Self { delta, norm, factors: svd.factors(0.5), columns, rows })
    }
}

/// What each two adapters have in common in a module.
///
/// # Errors
/// An element is not finite.
pub(super) fn shared(
    module: &str,
    deltas: Vec<Option<Factors>>,
) -> Result<Vec<Option<Shared>>, NotFinite> {
    let count = deltas.len();
    if deltas.iter().flatten().count() < 2 {
        return Ok(each_two(count).map(|_| None).collect());
    }
    let compared = deltas.into_iter().map(|delta| delta.map(Compared::of).transpose());
    let compared: Vec<Option<Compared>> = compared.collect::<Result<_, _>>()?;
    let of_two = |(left, right): (usize, usize)| {
        Some(Shared::of(module, compared[left].as_ref()?, compared[right].as_ref()?))
    };
    Ok(each_two(count).map(of_two).collect())
}

impl Shared {
    fn of(module: &str, left: &Compared, right: &Compared) -> Self {
        let inner = left.factors.inner(&right.factors);
        let signs = Signs::of(&left.delta, &right.delta);
        let layer = SharedLayer {
            module: module.to_owned(),
            cosine: cosine(inner, left.norm * right.norm),
            column_overlap: overlap_of_bases(&left.columns, &right.columns),
            row_overlap: overlap_of_bases(&left.rows, &right.rows),
            sign_conflict: signs.conflict(),
        };
        Self { layer, inner, squares: (left.norm.powi(2), right.norm.powi(2)), signs }
    }
}

fn cosine(inner: f64, norms: f64) -> f64 {
    if norms == 0.0 { 0.0 } else { (inner / norms).clamp(-1.0, 1.0) }
}

/// Each two adapters, from the modules of each and from what they share in each module.
pub(super) fn pairs(modules: &[Vec<&str>], shared: &[Vec<Option<Shared>>]) -> Vec<Pair> {
    let of_two = |(at, (left, right)): (usize, (usize, usize))| {
        let shared: Vec<&Shared> = shared.iter().filter_map(|pairs| pairs[at].as_ref()).collect();
        let only = |own: usize, other: usize| {
            let alone = modules[own].iter().filter(|m| modules[other].binary_search(m).is_err());
            alone.map(|&module| module.to_owned()).collect()
        };
        Pair {
            left,
            right,
            only_left: only(left, right),
            only_right: only(right, left),
            ..Pair::of(&shared)
        }
    };
    each_two(modules.len()).enumerate().map(of_two).collect()
}

impl Pair {
    /// The sums over the layers that two adapters share.
    fn of(shared: &[&Shared]) -> Self {
        let sum = |part: fn(&Shared) -> f64| shared.iter().fold(0.0, |sum, s| sum + part(s));
        let mean = |part: fn(&Shared) -> f64| sum(part) / shared.len().max(1) as f64;
        let signs = shared.iter().fold(Signs::default(), |all, s| all.and(s.signs));
        let norms = (sum(|s| s.squares.0) * sum(|s| s.squares.1)).sqrt();
        Self {
            left: 0,
            right: 0,
            cosine: cosine(sum(|s| s.inner), norms),
            mean_cosine: mean(|s| s.layer.cosine),
            column_overlap: mean(|s| s.layer.column_overlap),
            row_overlap: mean(|s| s.layer.row_overlap),
            sign_conflict: signs.conflict(),
            layers: shared.iter().map(|s| s.layer.clone()).collect(),
            only_left: Vec::new(),
            only_right: Vec::new(),
        }
    }
}
