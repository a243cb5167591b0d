//! Combinations element by element, of changes that were made sparse.

use crate::Rows;
use crate::select::largest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Which elements of a change are kept, and how.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sparsify {
    /// The ⌊density·n⌋ of largest magnitude. Yadav et al., "TIES-Merging", 2023.
    Trim {
        /// The share that is kept.
        density: f64,
    },
    /// Each with probability `density`, divided by it. Yu et al., "Language Models are Super
    /// Mario" (DARE), 2023.
    Drop {
        /// The share that is kept.
        density: f64,
    },
    /// Without the ⌊gamma·n⌋ of largest magnitude the next ⌊density·n⌋. Davari and Belilovsky,
    /// "Model Breadcrumbs", 2023.
    Middle {
        /// The share that is kept.
        density: f64,
        /// The share of the largest that is not.
        gamma: f64,
    },
    /// Each with a probability p from density − epsilon for the smallest magnitude of its row to
    /// density + epsilon for the largest, divided by p. Deep et al., "DELLA-Merging", 2024.
    DropByRank {
        /// The mean probability.
        density: f64,
        /// How far probabilities go from it.
        epsilon: f64,
    },
}

/// How changes become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fuse {
    /// Σ λ·x.
    Sum,
    /// A sign is elected, + at 0; Σ λ·x over the x that have it, by their number: with λ = 1 the mean
    /// of TIES-Merging.
    Elect(Votes),
}

/// What elects a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Votes {
    /// Σ λ·x.
    Weighted,
    /// Σ x, as PEFT's `total` has it.
    Plain,
}

/// Combines changes element by element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Elementwise {
    /// What is kept of each.
    pub sparsify: Sparsify,
    /// How they become one.
    pub fuse: Fuse,
    /// Of the random choices.
    pub seed: u64,
    /// The stream of random numbers: another for each weight.
    pub stream: u64,
}

/// A combination whose rows can be asked for in any order.
pub struct Combination<'a, T> {
    method: Elementwise,
    terms: Vec<Term<'a, T>>,
}

struct Term<'a, T> {
    weight: f64,
    change: &'a T,
    bounds: Bounds,
}

/// Magnitudes that are kept, both included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds {
    /// The smallest.
    pub from: f64,
    /// The largest.
    pub to: f64,
}

impl Sparsify {
    /// The magnitudes that are kept of a change. Equal ones at a bound are all kept.
    pub fn bounds(self, change: &impl Rows) -> Bounds {
        let (density, gamma) = match self {
            Self::Trim { density } => (density, 0.0),
            Self::Middle { density, gamma } => (density, gamma),
            Self::Drop { .. } | Self::DropByRank { .. } => return Bounds::ALL,
        };
        let (rows, columns) = change.shape();
        let all = rows * columns;
        let count = |share: f64| ((share * all as f64) as usize).min(all);
        let top = count(gamma);
        let kept = count(density).min(all - top);
        if kept == 0 {
            return Bounds::NONE;
        }
        let [to, from] = largest(change, [top, top + kept - 1]);
        Bounds { from, to: if top == 0 { f64::INFINITY } else { to } }
    }

    /// Makes a row sparse.
    fn apply(self, bounds: Bounds, random: &mut ChaCha8Rng, row: &mut [f64]) {
        match self {
            Self::Trim { .. } | Self::Middle { .. } => {
                row.iter_mut().filter(|x| !bounds.has(x.abs())).for_each(|x| *x = 0.0);
            }
            Self::Drop { density } => {
                row.iter_mut().for_each(|x| *x = keep(random, density, *x));
            }
            Self::DropByRank { density, epsilon } => {
                let ranks = ranks(row);
                let last = ranks.len().saturating_sub(1) as f64;
                for (x, rank) in row.iter_mut().zip(ranks) {
                    let above =
                        if last == 0.0 { epsilon } else { 2.0 * epsilon * rank as f64 / last };
                    *x = keep(random, density - epsilon + above, *x);
                }
            }
        }
    }
}

impl Bounds {
    pub(crate) const ALL: Self = Self { from: 0.0, to: f64::INFINITY };
    const NONE: Self = Self { from: f64::INFINITY, to: 0.0 };

    fn has(self, magnitude: f64) -> bool {
        (self.from..=self.to).contains(&magnitude)
    }
}

impl<'a, T: Rows> Combination<'a, T> {
    /// Of terms λ·ΔW of one weight.
    ///
    /// # Panics
    /// There are none, or they have not one shape.
    pub fn new(method: Elementwise, terms: &[(f64, &'a T)]) -> Self {
        let bounds: Vec<Bounds> =
            terms.iter().map(|(_, change)| method.sparsify.bounds(*change)).collect();
        Self::with_bounds(method, terms, &bounds)
    }

    /// The same where the bounds are known.
    ///
    /// # Panics
    /// As [`new`](Self::new), or there are not as many bounds as terms.
    pub fn with_bounds(method: Elementwise, terms: &[(f64, &'a T)], bounds: &[Bounds]) -> Self {
        assert_eq!(terms.len(), bounds.len(), "one of each");
        let shape = terms.first().expect("there is a term").1.shape();
        assert!(terms.iter().all(|(_, t)| t.shape() == shape), "all change one weight");
        let term = |(&(weight, change), &bounds)| Term { weight, change, bounds };
        Self { method, terms: terms.iter().zip(bounds).map(term).collect() }
    }

    /// The random numbers of a row of a term.
    fn random(&self, term: usize, row: usize) -> ChaCha8Rng {
        let mut key = [0; 32];
        let numbers = [self.method.seed, self.method.stream, term as u64];
        for (bytes, number) in key.chunks_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(row as u64);
        random
    }
}

impl<T: Rows> Rows for Combination<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.terms[0].change.shape()
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        let rows: Vec<Vec<f64>> = self
            .terms
            .iter()
            .enumerate()
            .map(|(at, term)| {
                let mut values = vec![0.0; out.len()];
                term.change.row(row, &mut values);
                let mut random = self.random(at, row);
                self.method.sparsify.apply(term.bounds, &mut random, &mut values);
                values
            })
            .collect();
        for (column, out) in out.iter_mut().enumerate() {
            let elements =
                self.terms.iter().zip(&rows).map(|(term, row)| (term.weight, row[column]));
            *out = self.method.fuse.of(elements);
        }
    }
}

impl Fuse {
    /// Fuses elements with their weights.
    fn of(self, elements: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
        let Self::Elect(votes) = self else { return elements.map(|(weight, x)| weight * x).sum() };
        let vote = |(weight, x): (f64, f64)| match votes {
            Votes::Weighted => weight * x,
            Votes::Plain => x,
        };
        let is_elected = elements.clone().map(vote).sum::<f64>() >= 0.0;
        let agreeing = elements.filter(|&element| match vote(element) {
            0.0 => false,
            vote => (vote > 0.0) == is_elected,
        });
        let (total, count) =
            agreeing.fold((0.0, 0u32), |(t, n), (weight, x)| (t + weight * x, n + 1));
        if count == 0 { 0.0 } else { total / f64::from(count) }
    }
}

/// An element divided by its probability, or 0.
fn keep(random: &mut ChaCha8Rng, probability: f64, element: f64) -> f64 {
    let number = f64::from(random.next_u32()) / 2f64.powi(32);
    if number < probability { element / probability } else { 0.0 }
}

/// Places of the elements by magnitude, from 0 for the smallest on.
fn ranks(row: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&i, &j| row[i].abs().total_cmp(&row[j].abs()));
    let mut ranks = vec![0; row.len()];
    order.iter().enumerate().for_each(|(rank, &at)| ranks[at] = rank);
    ranks
}
