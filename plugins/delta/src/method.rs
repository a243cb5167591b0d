//! The methods as a table, and the numbers they take.

use crate::weights::Rule;
use crate::{Elementwise, Fuse, Limit, Sparsify, Unfit, Votes};

/// How adapters become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Its formula: Δ for the changes s·B·A of the adapters, k for their number.
    pub formula: &'static str,
    /// Where it is from.
    pub source: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rule: Rule,
}

/// What a method does with changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Σ λΔ, in factors.
    Sum(Cut),
    Slerp,
    Karcher,
    /// Element by element, of Δ.
    Elementwise(Sparse, Fuse),
    /// PEFT's, of A and of B apart.
    PeftFactors(Option<Sparse>, Fuse),
    PeftCat,
    /// PEFT's, of Δ, with B = U·S.
    PeftDelta(Option<Sparse>, Fuse),
}

/// How much of a sum is kept where nothing is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// All, and a limit may be given.
    None,
    /// All, whatever is given.
    Never,
    /// The largest rank of the adapters.
    LargestRank,
}

/// How a change is made sparse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sparse {
    Trim,
    Drop,
    Middle,
    DropByRank,
}

/// The share of Σ|λ| up to which Σλ counts as a rounding error.
const SUM_TOLERANCE: f64 = 1e-12;
const ELECT: Fuse = Fuse::Elect(Votes::Weighted);
const PEFT_ELECT: Fuse = Fuse::Elect(Votes::Plain);
const TIES: &str = "Yadav et al., TIES-Merging, 2023";
const DARE: &str = "Yu et al., Language Models are Super Mario, 2023";
const PEFT: &str = "peft 0.21, add_weighted_adapter";

const fn method(
    name: &'static str,
    kind: Kind,
    rule: Rule,
    formula: &'static str,
    source: &'static str,
) -> Method {
    Method { name, formula, source, kind, rule }
}

/// All methods.
#[rustfmt::skip]
pub const METHODS: &[Method] = &[
    method("linear", Kind::Sum(Cut::None), Rule::Mean, "Σ λΔ", "Ilharco et al., Editing Models with Task Arithmetic, 2022"),
    method("cat", Kind::Sum(Cut::Never), Rule::Mean, "Σ λΔ, exactly: factors side by side", "PEFT's name"),
    method("svd", Kind::Sum(Cut::LargestRank), Rule::Mean, "the nearest of a rank to Σ λΔ", "Eckart and Young, 1936"),
    method("equal", Kind::Sum(Cut::None), Rule::Fixed, "Σ Δ/k", "the mean"),
    method("inverse-norm", Kind::Sum(Cut::None), Rule::InverseNorm, "Σ λΔ, λ ∝ 1/‖Δ‖_F, Σλ = 1", "all changes count alike"),
    method("inverse-variance", Kind::Sum(Cut::None), Rule::InverseVariance, "Σ λΔ, λ ∝ 1/‖Δ‖²_F, Σλ = 1", "inverse-variance weighting"),
    method("ties", Kind::Elementwise(Sparse::Trim, ELECT), Rule::One, "Δ trimmed to its largest elements; the mean of the λΔ that have the sign of their sum", TIES),
    method("dare-linear", Kind::Elementwise(Sparse::Drop, Fuse::Sum), Rule::Mean, "elements of Δ dropped at random, the rest divided by density; Σ λΔ", DARE),
    method("dare-ties", Kind::Elementwise(Sparse::Drop, ELECT), Rule::One, "elements of Δ dropped at random, the rest divided by density; the mean of the λΔ that have the sign of their sum", DARE),
    method("magnitude-prune", Kind::Elementwise(Sparse::Trim, Fuse::Sum), Rule::Mean, "Δ trimmed to its largest elements; Σ λΔ", "PEFT's name"),
    method("della", Kind::Elementwise(Sparse::DropByRank, ELECT), Rule::One, "elements of Δ dropped at random, small ones of a row more often, the rest divided by their probability; the mean of the λΔ that have the sign of their sum", "Deep et al., DELLA-Merging, 2024"),
    method("breadcrumbs", Kind::Elementwise(Sparse::Middle, Fuse::Sum), Rule::Mean, "Δ without its very largest elements, trimmed to the next largest; Σ λΔ", "Davari and Belilovsky, Model Breadcrumbs, 2023"),
    method("slerp", Kind::Slerp, Rule::Mean, "in each module sin((1−t)θ)/sin θ·Δ₁ + sin(tθ)/sin θ·Δ₂, t = λ₂/(λ₁ + λ₂), θ the angle between Δ₁ and Δ₂", "Shoemake, Animating rotation with quaternion curves, 1985"),
    method("karcher", Kind::Karcher, Rule::Mean, "in each module the mean of directions on the sphere, times the mean of norms", "Karcher, 1977"),
    method("peft-linear", Kind::PeftFactors(None, Fuse::Sum), Rule::One, "A = Σ ±√|λs|·A, B = Σ √|λs|·B, which has cross terms", PEFT),
    method("peft-cat", Kind::PeftCat, Rule::One, "A = [λs·A], B = [B]", PEFT),
    method("peft-svd", Kind::PeftDelta(None, Fuse::Sum), Rule::One, "Σ λΔ ≈ B·A, B = U·S", PEFT),
    method("peft-ties", Kind::PeftFactors(Some(Sparse::Trim), PEFT_ELECT), Rule::One, "ties of A and of B apart, signs elected without λ", PEFT),
    method("peft-ties-svd", Kind::PeftDelta(Some(Sparse::Trim), PEFT_ELECT), Rule::One, "ties of Δ, signs elected without λ; B = U·S", PEFT),
    method("peft-dare-linear", Kind::PeftFactors(Some(Sparse::Drop), Fuse::Sum), Rule::One, "dare-linear of A and of B apart", PEFT),
    method("peft-dare-linear-svd", Kind::PeftDelta(Some(Sparse::Drop), Fuse::Sum), Rule::One, "dare-linear of Δ; B = U·S", PEFT),
    method("peft-dare-ties", Kind::PeftFactors(Some(Sparse::Drop), PEFT_ELECT), Rule::One, "dare-ties of A and of B apart, signs elected without λ", PEFT),
    method("peft-dare-ties-svd", Kind::PeftDelta(Some(Sparse::Drop), PEFT_ELECT), Rule::One, "dare-ties of Δ, signs elected without λ; B = U·S", PEFT),
    method("peft-magnitude-prune", Kind::PeftFactors(Some(Sparse::Trim), Fuse::Sum), Rule::One, "magnitude-prune of A and of B apart", PEFT),
    method("peft-magnitude-prune-svd", Kind::PeftDelta(Some(Sparse::Trim), Fuse::Sum), Rule::One, "magnitude-prune of Δ; B = U·S", PEFT),
];

impl Method {
    /// The method of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, Unfit> {
        METHODS.iter().find(|m| m.name == name).copied().ok_or_else(|| {
            let names: Vec<&str> = METHODS.iter().map(|m| m.name).collect();
            Unfit::new(format!("there is no method {name:?}: there are {}", names.join(", ")))
        })
    }

    /// What it does with this many adapters: of one, PEFT makes all of its combinations `linear`.
    pub(crate) fn kind_of(&self, adapters: usize) -> Kind {
        match self.kind {
            Kind::PeftFactors(..) | Kind::PeftCat | Kind::PeftDelta(..) if adapters == 1 => {
                Kind::PeftFactors(None, Fuse::Sum)
            }
            kind => kind,
        }
    }

    /// Refuses what adapters add to biases (`lora_B.bias`), unless the method sums.
    ///
    /// # Errors
    /// It does something else.
    pub fn check_biases(&self) -> Result<(), Unfit> {
        let why = match self.kind {
            Kind::Sum(_) => return Ok(()),
            Kind::Elementwise(..) => "chooses among elements of weights",
            Kind::Slerp | Kind::Karcher => "takes changes of weights as directions",
            Kind::PeftFactors(..) | Kind::PeftCat | Kind::PeftDelta(..) => {
                "is PEFT's add_weighted_adapter"
            }
        };
        let sums = METHODS.iter().filter(|m| matches!(m.kind, Kind::Sum(_))).map(|m| m.name);
        let sums = sums.collect::<Vec<_>>().join(", ");
        Err(Unfit::new(format!(
            "{} {why}, and has no rule for biases (lora_B.bias): {sums} add them up",
            self.name
        )))
    }

    /// How it makes changes sparse.
    fn sparse(&self) -> Option<Sparse> {
        match self.kind {
            Kind::Elementwise(sparse, _) => Some(sparse),
            Kind::PeftFactors(sparse, _) | Kind::PeftDelta(sparse, _) => sparse,
            Kind::Sum(_) | Kind::Slerp | Kind::Karcher | Kind::PeftCat => None,
        }
    }
}

/// A method with its numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The method.
    pub method: Method,
    /// λ, one for each adapter.
    pub weights: Option<Vec<f64>>,
    /// Divide λ by their sum.
    pub normalize: bool,
    /// Weights from norms: those of each module, not those over all.
    pub per_module: bool,
    /// The share of elements that is kept.
    pub density: Option<f64>,
    /// Breadcrumbs: the share of the largest elements that is not kept; 0.01.
    pub gamma: Option<f64>,
    /// DELLA: how far probabilities go from `density`; 0.1.
    pub epsilon: Option<f64>,
    /// Of random choices; 0.
    pub seed: Option<u64>,
}

impl Options {
    /// A method as it is without numbers.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            weights: None,
            normalize: false,
            per_module: false,
            density: None,
            gamma: None,
            epsilon: None,
            seed: None,
        }
    }

    /// Checks that the numbers are of the method, and in their ranges.
    ///
    /// # Errors
    /// One is not.
    pub fn check(&self, adapters: usize, limit: Option<Limit>) -> Result<(), Unfit> {
        let (name, sparse) = (self.method.name, self.method.sparse());
        let of_another = |option: &str| Err(Unfit::new(format!("{name} has no {option}")));
        if adapters == 0 {
            return Err(Unfit::new("there is no adapter to merge"));
        }
        if self.method.kind == Kind::Slerp && adapters != 2 {
            return Err(Unfit::new(format!(
                "slerp is between 2 adapters, there are {adapters}: karcher is the mean of more"
            )));
        }
        match limit {
            Some(Limit::Rank(0)) => {
                return Err(Unfit::new("rank is 0: at least 1 is accepted"));
            }
            Some(Limit::Energy(share)) if !(share > 0.0 && share <= 1.0) => {
                return Err(Unfit::new(format!(
                    "energy is {share}: more than 0, up to 1 is accepted"
                )));
            }
            Some(_)
                if matches!(
                    self.method.kind_of(adapters),
                    Kind::Sum(Cut::Never) | Kind::PeftCat | Kind::PeftFactors(..)
                ) =>
            {
                let what = if matches!(limit, Some(Limit::Rank(_))) { "rank" } else { "energy" };
                return match self.method.kind_of(adapters) == self.method.kind {
                    true => of_another(what),
                    false => Err(Unfit::new(format!("{name} of one adapter has no {what}"))),
                };
            }
            _ => {}
        }
        self.check_weights(adapters)?;
        let takes = |of: &[Sparse]| sparse.is_some_and(|s| of.contains(&s));
        let unfit = [
            ("density", self.density.is_some() && sparse.is_none()),
            ("gamma", self.gamma.is_some() && !takes(&[Sparse::Middle])),
            ("epsilon", self.epsilon.is_some() && !takes(&[Sparse::DropByRank])),
            ("seed", self.seed.is_some() && !takes(&[Sparse::Drop, Sparse::DropByRank])),
            ("per-module", self.per_module && !self.method.rule.is_of_norms()),
        ];
        if let Some((option, _)) = unfit.iter().find(|(_, is_unfit)| *is_unfit) {
            return of_another(option);
        }
        if sparse.is_some() { self.sparsify().map(drop) } else { Ok(()) }
    }

    fn check_weights(&self, adapters: usize) -> Result<(), Unfit> {
        let Some(weights) = &self.weights else {
            return match self.normalize {
                true => Err(Unfit::new("normalize is for weights")),
                false => Ok(()),
            };
        };
        if self.method.rule.is_own() {
            let name = self.method.name;
            return Err(Unfit::new(format!("{name} has weights of its own: linear takes others")));
        }
        if weights.len() != adapters {
            return Err(Unfit::new(format!(
                "weights has {} numbers for {adapters} adapters",
                weights.len()
            )));
        }
        if let Some(weight) = weights.iter().find(|w| !w.is_finite()) {
            return Err(Unfit::new(format!("weights has {weight}")));
        }
        if self.method.kind == Kind::Karcher && weights.iter().any(|w| *w < 0.0) {
            return Err(Unfit::new("karcher is a mean, which takes no weight below 0"));
        }
        let needs_sum = self.normalize || matches!(self.method.kind, Kind::Slerp | Kind::Karcher);
        let all: f64 = weights.iter().map(|w| w.abs()).sum();
        match needs_sum && weights.iter().sum::<f64>().abs() <= all * SUM_TOLERANCE {
            true => Err(Unfit::new(
                "the sum of weights is 0 or a rounding error, by which they are to be divided",
            )),
            false => Ok(()),
        }
    }

    /// How changes of a module are made sparse and fused, for the stream of its random numbers.
    pub(crate) fn elementwise(&self, fuse: Fuse, stream: u64) -> Result<Elementwise, Unfit> {
        Ok(Elementwise { sparsify: self.sparsify()?, fuse, seed: self.seed.unwrap_or(0), stream })
    }

    fn sparsify(&self) -> Result<Sparsify, Unfit> {
        let density = self.density.ok_or_else(|| {
            Unfit::new(format!(
                "{} needs density, the share of elements that is kept",
                self.method.name
            ))
        })?;
        let (gamma, epsilon) = (self.gamma.unwrap_or(0.01), self.epsilon.unwrap_or(0.1));
        let in_range = |name: &str, number: f64, is_in: bool| match is_in {
            true => Ok(()),
            false => Err(Unfit::new(format!("{name} is {number}, which is out of its range"))),
        };
        in_range("density", density, density > 0.0 && density <= 1.0)?;
        Ok(match self.method.sparse() {
            Some(Sparse::Trim) | None => Sparsify::Trim { density },
            Some(Sparse::Drop) => Sparsify::Drop { density },
            Some(Sparse::Middle) => {
                in_range("gamma", gamma, (0.0..1.0).contains(&gamma))?;
                Sparsify::Middle { density, gamma }
            }
            Some(Sparse::DropByRank) => {
                let fits = epsilon >= 0.0 && density - epsilon > 0.0 && density + epsilon <= 1.0;
                let what = format!("density {density} with epsilon {epsilon}");
                if !fits {
                    return Err(Unfit::new(format!(
                        "{what}: density ± epsilon is to be in (0, 1]"
                    )));
                }
                Sparsify::DropByRank { density, epsilon }
            }
        })
    }
}
