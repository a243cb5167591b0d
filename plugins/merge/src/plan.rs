//! What the adapters change, as the host reads it.

use peftc_delta::{Change, Form, Matrix, Unfit};
use peftc_plugin::{Error, Result, Run, TensorView, saved};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the adapters change.
pub(crate) struct Plan {
    pub(crate) adapters: usize,
    /// By module, one for each adapter that changes it.
    pub(crate) modules: BTreeMap<String, Vec<Term>>,
    /// By module, the base's own weights that adapters have beside their changes.
    base_weights: BTreeMap<String, Vec<String>>,
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
        let mut plan = Self {
            adapters: entry(run, "adapters")?,
            modules: entry(run, "modules")?,
            base_weights: entry(run, "base_weights")?,
            saved: entry(run, "saved")?,
        };
        plan.keep(&run.adapter_tensor_names()?.into_iter().collect());
        Ok(plan)
    }

    /// Leaves out what is not for this model: the host lists no tensors of that.
    fn keep(&mut self, names: &BTreeSet<&str>) {
        let is_listed = |name: &String| names.contains(name.as_str());
        self.modules.retain(|_, terms| {
            terms.retain(|term| term.tensors.iter().all(is_listed));
            !terms.is_empty()
        });
        self.base_weights.retain(|_, tensors| {
            tensors.retain(is_listed);
            !tensors.is_empty()
        });
        self.saved.retain_mut(|(_, tensors)| {
            tensors.retain(is_listed);
            !tensors.is_empty()
        });
    }

    /// The tensor that takes the place of a module's weight before it is changed, unless adapters disagree.
    pub(crate) fn base_weight(&self, run: &Run<'_>, module: &str) -> Result<Option<&str>> {
        let Some(tensors) = self.base_weights.get(module) else { return Ok(None) };
        let views = tensors.iter().map(|name| run.adapter_tensor(name));
        let views: Vec<TensorView<'_>> = views.collect::<Result<_>>()?;
        let is_same = |view: &TensorView<'_>| {
            (view.dtype, view.dims, view.bytes) == (views[0].dtype, views[0].dims, views[0].bytes)
        };
        if !views.iter().all(is_same) {
            run.warn(&format!(
                "base_layer.weight of {module} is not the same in all adapters that have it: the model's own is kept"
            ));
            return Ok(None);
        }
        Ok(tensors.first().map(String::as_str))
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
        let named = self.tensors.iter().zip(views);
        let matrices = named.map(|(name, view)| matrix(name, view)).collect::<Result<_>>()?;
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
fn matrix(name: &str, view: &TensorView<'_>) -> Result<Matrix> {
    let elements = view.to_f32()?;
    check_finite(name, &elements)?;
    let rows = view.dims.first().copied().unwrap_or(1) as usize;
    Ok(Matrix::of_f32(rows, elements.len() / rows.max(1), &elements))
}

/// Refuses what is no finite number.
pub(crate) fn check_finite(name: &str, elements: &[f32]) -> Result<()> {
    match elements.iter().find(|x| !x.is_finite()) {
        None => Ok(()),
        Some(x) => Err(Error::invalid(format!("{name} has {x} as float32"))),
    }
}
