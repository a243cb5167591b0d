//! The changes of one module become one.

use crate::method::{Cut, Kind};
use crate::{
    Combination, Elementwise, Factors, Leading, Limit, Matrix, Options, Rows, Svd, Unfit,
    coefficients, peft,
};

/// A change of an adapter: s·B·A.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// B and A, as they are stored.
    pub factors: Factors,
    /// s.
    pub scale: f64,
}

impl Change {
    /// Δ: the scale is in B.
    pub fn delta(&self) -> Factors {
        self.factors.clone().scaled(self.scale)
    }
}

/// A module, and what is done with it.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a> {
    /// Its name, from which its random numbers follow.
    pub name: &'a str,
    /// What each adapter does to it; none where one does not change it.
    pub changes: &'a [Option<Change>],
    /// λ of each adapter.
    pub weights: &'a [f64],
    /// The method.
    pub options: &'a Options,
    /// How much of the result is kept.
    pub limit: Option<Limit>,
    /// The largest rank that an adapter has in any module.
    pub largest_rank: usize,
}

/// Factors, and how far they are from what the method says.
#[derive(Clone, PartialEq, Debug)]
pub struct Merged {
    /// B and A.
    pub factors: Factors,
    /// ‖B·A‖_F.
    pub norm: f64,
    /// ‖·‖₂ of what was left out.
    pub spectral_error: f64,
    /// ‖·‖_F of what was left out.
    pub frobenius_error: f64,
}

impl Module<'_> {
    /// Merges the module.
    ///
    /// # Errors
    /// The changes have not one shape, are no finite numbers, or have not what the method needs.
    pub fn merged(&self) -> Result<Merged, Unfit> {
        let deltas = self.deltas();
        let terms = self.terms(&deltas)?;
        let largest_rank = || self.limit.unwrap_or(Limit::Rank(self.largest_rank));
        match self.kind() {
            Kind::Sum(Cut::None | Cut::Never) => cut(&terms, self.limit, 0.5),
            Kind::Sum(Cut::LargestRank) => cut(&terms, Some(largest_rank()), 0.5),
            Kind::Slerp | Kind::Karcher => {
                let by = self.of_directions(&terms);
                let terms: Vec<_> = by.into_iter().zip(&terms).map(|(c, (_, t))| (c, *t)).collect();
                cut(&terms, self.limit, 0.5)
            }
            Kind::Elementwise(_, fuse) => {
                let ranks = terms.iter().map(|(_, t)| t.rank()).sum();
                let method = self.options.elementwise(fuse, stream(self.name))?;
                let whole = Combination::new(method, &terms).dense();
                leading(&whole, self.limit.unwrap_or(Limit::Rank(ranks)), 0.5)
            }
            Kind::PeftDelta(None, _) => cut(&terms, Some(largest_rank()), 1.0),
            Kind::PeftDelta(Some(_), fuse) => {
                leading(&peft::fused(self, fuse, &terms, 0)?, largest_rank(), 1.0)
            }
            Kind::PeftCat => Ok(exact(peft::cat(self))),
            Kind::PeftFactors(sparse, fuse) => peft::factors(self, sparse, fuse).map(exact),
        }
    }

    /// The coefficients of the changes where the result is their sum, exactly; 0 for an adapter that
    /// does not change the module.
    ///
    /// # Errors
    /// The changes have not one shape.
    pub fn coefficients(&self) -> Result<Option<Vec<f64>>, Unfit> {
        self.check_shapes()?;
        match (self.kind(), self.limit) {
            (Kind::Sum(Cut::None | Cut::Never), None) => {
                let own = self.changes.iter().zip(self.weights);
                Ok(Some(own.map(|(c, weight)| if c.is_some() { *weight } else { 0.0 }).collect()))
            }
            (Kind::Slerp | Kind::Karcher, None) => {
                let deltas = self.deltas();
                let mut by = self.of_directions(&self.terms(&deltas)?).into_iter();
                let of = |delta: &Option<Factors>| delta.as_ref().and_then(|_| by.next());
                Ok(Some(deltas.iter().map(of).map(Option::unwrap_or_default).collect()))
            }
            _ => Ok(None),
        }
    }

    fn kind(&self) -> Kind {
        self.options.method.kind_of(self.changes.len())
    }

    fn deltas(&self) -> Vec<Option<Factors>> {
        self.changes.iter().map(|change| change.as_ref().map(Change::delta)).collect()
    }

    fn check_shapes(&self) -> Result<(), Unfit> {
        let shapes: Vec<(usize, usize)> =
            self.changes.iter().flatten().map(|change| change.factors.shape()).collect();
        match shapes.iter().all(|shape| *shape == shapes[0]) {
            true => Ok(()),
            false => {
                Err(Unfit::new(format!("changes of the shapes {shapes:?} are of different bases")))
            }
        }
    }

    /// How the changes are combined element by element, where they are and no limit is given.
    ///
    /// # Errors
    /// The method's numbers do not fit.
    pub fn elementwise(&self) -> Result<Option<Elementwise>, Unfit> {
        match (self.kind(), self.limit) {
            (Kind::Elementwise(_, fuse), None) => {
                self.options.elementwise(fuse, stream(self.name)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A rank that [`merged`](Self::merged) does not exceed.
    pub fn largest_result(&self) -> usize {
        let changes = || self.changes.iter().flatten();
        let smaller = changes().map(|c| c.factors.shape()).map(|(r, c)| r.min(c)).min();
        let smaller = smaller.unwrap_or(0);
        let sum: usize = changes().map(|c| c.factors.rank()).sum();
        match (self.kind(), self.limit) {
            (Kind::PeftCat, _) => sum,
            (Kind::PeftFactors(..), _) => changes().map(|c| c.factors.rank()).max().unwrap_or(0),
            (_, Some(Limit::Rank(rank))) => rank.min(smaller),
            (Kind::Elementwise(..) | Kind::PeftDelta(..), Some(_)) => smaller,
            (Kind::Sum(Cut::LargestRank) | Kind::PeftDelta(..), None) => {
                self.largest_rank.min(smaller)
            }
            _ => sum.min(smaller),
        }
    }

    /// Weighted changes. An adapter that does not change the module has no vote and adds nothing.
    fn terms<'d>(&self, deltas: &'d [Option<Factors>]) -> Result<Vec<(f64, &'d Factors)>, Unfit> {
        self.check_shapes()?;
        let own = deltas.iter().zip(self.weights);
        Ok(own.filter_map(|(delta, weight)| Some((*weight, delta.as_ref()?))).collect())
    }

    /// The coefficients of methods that take changes as directions.
    fn of_directions(&self, terms: &[(f64, &Factors)]) -> Vec<f64> {
        let changes: Vec<&Factors> = terms.iter().map(|(_, t)| *t).collect();
        let weights: Vec<f64> = terms.iter().map(|(w, _)| *w).collect();
        let gram = coefficients::gram(&changes);
        match (self.kind(), weights.as_slice()) {
            (Kind::Slerp, [_, t]) => coefficients::slerp(&gram, *t).to_vec(),
            // Towards nothing.
            (Kind::Slerp, weights) => weights.to_vec(),
            _ => coefficients::karcher(&gram, &weights),
        }
    }
}

fn exact(factors: Factors) -> Merged {
    Merged { norm: factors.norm(), factors, spectral_error: 0.0, frobenius_error: 0.0 }
}

/// A sum within a limit; exact without one, of a rank no larger than the weight's.
fn cut(terms: &[(f64, &Factors)], limit: Option<Limit>, share: f64) -> Result<Merged, Unfit> {
    let rank: usize = terms.iter().map(|(_, term)| term.rank()).sum();
    let (rows, columns) = terms[0].1.shape();
    let is_low = rank < rows.min(columns);
    let is_kronecker = terms.len() == 1 && terms[0].1.sides().is_some();
    let cut = match (limit, is_low || is_kronecker) {
        (None, _) if is_low => return Ok(exact(Factors::sum(terms))),
        (limit, true) => Svd::within(&Factors::sum(terms), limit.unwrap_or(Limit::Exact))?,
        (None, false) => Svd::of_matrix(&dense(terms))?.truncated(Limit::Exact),
        (Some(limit), false) => return leading(&dense(terms), limit, share),
    };
    Ok(Merged {
        factors: cut.svd.factors(share),
        norm: cut.svd.norm(),
        spectral_error: cut.spectral_error,
        frobenius_error: cut.frobenius_error,
    })
}

/// A sum as a whole.
fn dense(terms: &[(f64, &Factors)]) -> Matrix {
    let (rows, columns) = terms[0].1.shape();
    let mut sum = Matrix::zeros(rows, columns);
    for (by, term) in terms {
        for (first, panel) in term.panels() {
            for row in 0..panel.rows() {
                let out = sum.row_mut(first + row).iter_mut();
                out.zip(panel.row(row)).for_each(|(sum, x)| *sum += by * x);
            }
        }
    }
    sum
}

/// The best of a whole change within a limit.
fn leading(whole: &Matrix, limit: Limit, share: f64) -> Result<Merged, Unfit> {
    let leading = Leading::within(whole, limit)?;
    let rank = leading.svd.rank_within(limit, leading.energy);
    let kept = leading.svd.truncated(Limit::Rank(rank)).svd;
    Ok(Merged {
        factors: kept.factors(share),
        norm: kept.norm(),
        spectral_error: leading.spectral_error(rank),
        frobenius_error: leading.frobenius_error(rank),
    })
}

/// The stream of random numbers of a module: the hash FNV-1a of 64 bits of its name.
pub(crate) fn stream(module: &str) -> u64 {
    module.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
