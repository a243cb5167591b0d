//! Task kinds: what is computed while the output is written.

pub(crate) mod branch;
pub(crate) mod elementwise;
pub(crate) mod factors;
pub(crate) mod sum;

use crate::plan::Term;
use peftc_delta::{Change, Limit, Method, Module, Options};
use peftc_plugin::{DataType, Error, Result, TaskCall, TensorMut, TensorView, measure, merged};
use serde::{Deserialize, Serialize};

/// The parameters of all kinds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Params {
    /// The changes; the tensors of one after the other are sources.
    pub(crate) terms: Vec<Term>,
    /// Whether the weight is stored as `[in, out]`; for a branch, whether this is B.
    pub(crate) is_turned: bool,
    /// How they become one, where the task does that.
    pub(crate) combined: Option<Combined>,
}

/// How changes become one.
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
    pub(crate) largest_rank: usize,
    /// What is stored is the weight divided by this.
    pub(crate) factor: f64,
}

impl Params {
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::invalid(e.to_string()))
    }

    fn of(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| Error::invalid(e.to_string()))
    }

    /// The changes, from sources that follow one another.
    fn changes(&self, sources: &[TensorView<'_>]) -> Result<Vec<Change>> {
        let mut rest = sources;
        let change = |term: &Term| {
            let (own, others) = rest.split_at_checked(term.tensors.len()).ok_or_else(wrong)?;
            rest = others;
            term.change(own)
        };
        self.terms.iter().map(change).collect()
    }
}

impl Combined {
    /// Runs `with` on the module of these changes, one for each adapter.
    fn with_module<T>(
        &self,
        params: &Params,
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
        for (term, change) in params.terms.iter().zip(changes) {
            all[term.adapter] = Some(change);
        }
        let module = Module {
            name: &self.module,
            changes: &all,
            weights: &self.weights,
            options: &options,
            limit: self.rank.map(Limit::Rank),
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

/// Writes numbers as a result's type has them.
fn put(result: &mut TensorMut<'_>, numbers: impl Iterator<Item = f64>) -> Result<()> {
    if result.dtype == DataType::F64 {
        let bytes = result.bytes.chunks_exact_mut(8).zip(numbers);
        bytes.for_each(|(out, x)| out.copy_from_slice(&x.to_le_bytes()));
        return Ok(());
    }
    let numbers: Vec<f32> = numbers.map(|x| x as f32).collect();
    result.dtype.encode_f32(&numbers, result.bytes)
}
