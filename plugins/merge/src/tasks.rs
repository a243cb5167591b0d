//! Task kinds: what is computed while the output is written.

pub(crate) mod branch;
pub(crate) mod elementwise;
pub(crate) mod factors;
mod region;
pub(crate) mod scales;
pub(crate) mod sum;

use crate::plan::Term;
use peftc_delta::dora::Dora;
use peftc_delta::{Change, Factors, Limit, Method, Module, Options, Rows};
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorMut, TensorView, measure, merged};
use region::Region;
use serde::{Deserialize, Serialize};

/// The parameters of all kinds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Params {
    /// The changes; the matrices of one after the other are sources, DoRA's scales behind its own.
    pub(crate) terms: Vec<Term>,
    /// Whether the weight is stored as `[in, out]`; for a branch, whether this is B.
    pub(crate) is_turned: bool,
    /// The weight is what is stored times this.
    pub(crate) factor: f64,
    pub(crate) how: How,
}

/// How changes become one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum How {
    /// As their sum, with a coefficient for each term.
    Sum(Vec<f64>),
    /// By a method.
    Method(Combined),
}

/// A method with its numbers, of a module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Combined {
    pub(crate) module: String,
    pub(crate) method: String,
    /// λ of each adapter.
    pub(crate) weights: Vec<f64>,
    pub(crate) density: Option<f64>,
    pub(crate) gamma: Option<f64>,
    pub(crate) epsilon: Option<f64>,
    pub(crate) seed: Option<u64>,
    pub(crate) rank: Option<usize>,
    pub(crate) energy: Option<f64>,
    pub(crate) largest_rank: usize,
}

/// A change, and DoRA's factor of each output.
struct Given {
    change: Change,
    scales: Option<Vec<f64>>,
}

/// A change whose rows can be asked for.
enum Delta<'a> {
    Factors(Factors),
    Dora(Dora<'a, Region>),
}

impl Rows for Delta<'_> {
    fn shape(&self) -> (usize, usize) {
        match self {
            Self::Factors(factors) => Rows::shape(factors),
            Self::Dora(dora) => dora.shape(),
        }
    }

    fn row(&self, row: usize, out: &mut [f64]) {
        match self {
            Self::Factors(factors) => Rows::row(factors, row, out),
            Self::Dora(dora) => dora.row(row, out),
        }
    }
}

impl Params {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::invalid(e.to_string()))
    }

    fn of(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| Error::invalid(e.to_string()))
    }

    fn coefficients(&self) -> Result<&[f64]> {
        let How::Sum(coefficients) = &self.how else { return Err(wrong()) };
        Ok(coefficients)
    }

    fn method(&self) -> Result<&Combined> {
        let How::Method(combined) = &self.how else { return Err(wrong()) };
        Ok(combined)
    }

    /// Whether a change depends on the weight.
    fn has_dora(&self) -> bool {
        self.terms.iter().any(|term| term.magnitudes.is_some())
    }

    /// The changes, from sources that follow one another.
    fn given(&self, sources: &[TensorView<'_>]) -> Result<Vec<Given>> {
        let mut rest = sources;
        let mut take = |count| {
            let (own, others) = rest.split_at_checked(count).ok_or_else(wrong)?;
            rest = others;
            Ok::<_, Error>(own)
        };
        let given = |term: &Term| {
            let change = term.change(take(term.tensors.len())?)?;
            let scales = match &term.magnitudes {
                None => None,
                Some(_) => Some(f64s(&take(1)?[0])),
            };
            Ok(Given { change, scales })
        };
        self.terms.iter().map(given).collect()
    }

    /// The whole weight where changes depend on it, which then is the first of these sources; and the
    /// others.
    fn whole<'s, 'v>(
        &self,
        sources: &'s [TensorView<'v>],
    ) -> Result<(Option<Region>, &'s [TensorView<'v>])> {
        match (self.has_dora(), sources) {
            (false, _) => Ok((None, sources)),
            (true, [weight, rest @ ..]) => Ok((Some(Region::whole(weight, self)?), rest)),
            (true, []) => Err(wrong()),
        }
    }
}

impl Given {
    fn delta(self, weight: Option<&Region>) -> Result<Delta<'_>> {
        let change = self.change.delta();
        Ok(match (self.scales, weight) {
            (None, _) => Delta::Factors(change),
            (Some(scales), Some(weight)) => Delta::Dora(Dora::new(weight, change, scales)),
            (Some(_), None) => return Err(wrong()),
        })
    }
}

impl Combined {
    /// Runs `with` on the module of these changes, one for each term.
    fn with_module<T>(
        &self,
        terms: &[Term],
        changes: Vec<Change>,
        with: impl FnOnce(&Module<'_>) -> std::result::Result<T, peftc_delta::Unfit>,
    ) -> Result<T> {
        let unfit = |e: peftc_delta::Unfit| Error::invalid(format!("{}: {e}", self.module));
        let method = Method::named(&self.method).map_err(unfit)?;
        let options = Options {
            density: self.density,
            gamma: self.gamma,
            epsilon: self.epsilon,
            seed: self.seed,
            ..Options::new(method)
        };
        let mut all: Vec<Option<Change>> = vec![None; self.weights.len()];
        for (term, change) in terms.iter().zip(changes) {
            all[term.adapter] = Some(change);
        }
        let module = Module {
            name: &self.module,
            changes: &all,
            weights: &self.weights,
            options: &options,
            limit: self.rank.map(Limit::Rank).or(self.energy.map(Limit::Energy)),
            largest_rank: self.largest_rank,
        };
        with(&module).map_err(unfit)
    }
}

fn wrong() -> Error {
    Error::invalid("the task was recorded with other sources or results")
}

/// Adds a delta to a region of a weight, and measures.
fn add(call: &TaskCall<'_>, weight: &TensorView<'_>, delta: &[f32], out: &mut [u8]) -> Result<()> {
    let unchanged = merged::add(weight.dtype, weight.bytes, delta, out)?;
    call.add(measure::MERGED, delta.len() as f64);
    call.add(measure::UNCHANGED, unchanged as f64);
    Ok(())
}

fn f64s(view: &TensorView<'_>) -> Vec<f64> {
    view.bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

/// Writes numbers as a result's type has them.
fn put(result: &mut TensorMut<'_>, numbers: impl Iterator<Item = f64>) -> Result<()> {
    if result.dtype == DataType::F64 {
        let bytes = result.bytes.chunks_exact_mut(8).zip(numbers);
        bytes.for_each(|(out, x)| out.copy_from_slice(&x.to_le_bytes()));
        return Ok(());
    }
    let numbers: Vec<f32> = numbers.map(|x| x as f32).collect();
    result.dtype.encode_finite(&numbers, result.bytes)
}
