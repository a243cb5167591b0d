//! What the adapters change, as the host reads it.

use peftc_delta::{Change, Form, Matrix, Unfit};
use peftc_plugin::{Error, Result, Run, TensorView, saved};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the adapters change.
pub(crate) struct Plan {
    pub(crate) adapters: usize,
    /// By module, one for each adapter that changes it.
    pub(crate) modules: BTreeMap<String, Vec<Term>>,
    /// Parameters that are replaced, each with the equal tensors of all adapters.
    saved: Vec<(String, Vec<String>)>,
}

/// The change of a module by an adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Term {
    pub(crate) adapter: usize,
    pub(crate) form: String,
    /// s, or what takes its place.
    pub(crate) scale: f64,
    /// The adapter's tensors that its matrices are.
    pub(crate) tensors: Vec<String>,
    /// The tensor of DoRA's magnitudes.
    #[serde(default)]
    pub(crate) magnitudes: Option<String>,
    /// The tensor that is added to the bias, times s.
    #[serde(default)]
    pub(crate) bias: Option<String>,
}

impl Plan {
    pub(crate) fn of(run: &Run<'_>) -> Result<Self> {
        if !run.has_adapter() {
            return Err(Error::invalid("no adapter is given: `adapters` is a list of folders"));
        }
        Ok(Self {
            adapters: entry(run, "adapters")?,
            modules: entry(run, "modules")?,
            saved: entry(run, "saved")?,
        })
    }

    /// Whether a change depends on the weight.
    pub(crate) fn has_dora(&self) -> bool {
        self.modules.values().flatten().any(|term| term.magnitudes.is_some())
    }

    /// A module whose bias is changed besides the weight.
    pub(crate) fn biased(&self) -> Option<&str> {
        let mut modules = self.modules.iter();
        modules.find_map(|(module, terms)| {
            terms.iter().any(|term| term.bias.is_some()).then_some(module.as_str())
        })
    }

    /// Looks for every module before anything is done, so that the host can list all that are not there.
    pub(crate) fn check_modules(&self, run: &Run<'_>) -> Result<()> {
        let looked: Vec<Result<_>> =
            self.modules.keys().map(|module| run.sites_of_module(module)).collect();
        looked.into_iter().find(Result::is_err).map_or(Ok(()), |missing| missing.map(|_| ()))
    }

    /// Replaces the parameters that all adapters replace by the same.
    pub(crate) fn replace_saved(&self, run: &Run<'_>) -> Result<()> {
        for (_, tensors) in &self.saved {
            tensors.iter().try_for_each(|name| run.adapter_tensor(name).map(|_| ()))?;
        }
        let first = |(name, tensors): &(String, Vec<String>)| {
            Some((tensors.first()?.clone(), saved::parameter_name(name)))
        };
        let all: Vec<(String, String)> = self.saved.iter().filter_map(first).collect();
        let all: Vec<(&str, String)> = all.iter().map(|(t, n)| (t.as_str(), n.clone())).collect();
        saved::replace_all(run, &all)
    }
}

fn entry<T: serde::de::DeserializeOwned>(run: &Run<'_>, key: &str) -> Result<T> {
    let json = run.config_json(key)?.ok_or_else(|| Error::invalid(format!("no {key:?}")))?;
    serde_json::from_str(json).map_err(|e| Error::invalid(format!("{key:?}: {e}")))
}

impl Term {
    /// B and A that a task made.
    pub(crate) fn of_factors() -> Self {
        Self {
            adapter: 0,
            form: Form::Product.name().to_owned(),
            scale: 1.0,
            tensors: ["B", "A"].map(str::to_owned).to_vec(),
            magnitudes: None,
            bias: None,
        }
    }

    /// All tensors of the adapter that it has.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.tensors.iter().chain(&self.magnitudes).chain(&self.bias)
    }

    /// The change, from its matrices.
    pub(crate) fn change(&self, views: &[TensorView<'_>]) -> Result<Change> {
        let form = Form::named(&self.form)
            .ok_or_else(|| Error::invalid(format!("no form is {:?}", self.form)))?;
        let matrices = views.iter().map(matrix).collect::<Result<_>>()?;
        let within = |e: Unfit| Error::invalid(format!("{}: {e}", self.tensors.join(", ")));
        Ok(Change { factors: form.factors(matrices).map_err(within)?, scale: self.scale })
    }

    /// The change, from the adapter.
    pub(crate) fn read(&self, run: &Run<'_>) -> Result<Change> {
        let views = self.tensors.iter().map(|name| run.adapter_tensor(name));
        self.change(&views.collect::<Result<Vec<_>>>()?)
    }
}

/// A tensor as a matrix: further axes are counted to the second.
fn matrix(view: &TensorView<'_>) -> Result<Matrix> {
    let elements = view.to_f32()?;
    let rows = view.dims.first().copied().unwrap_or(1) as usize;
    Ok(Matrix::of_f32(rows, elements.len() / rows.max(1), &elements))
}
