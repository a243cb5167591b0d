//! Adapters as changes of weights: what each does to the weight of a module, as factors.
#![forbid(unsafe_code)]

mod base;
mod bundle;
pub(crate) mod folder;
mod form;
pub(crate) mod numbers;
mod saved;

use crate::adapter::Adapter;
use crate::error::{Error, Result};
pub use base::Base;
pub use bundle::open_several;
use form::Form;
pub use form::Layer;
use peftc_delta::{Change, Factors};
pub(crate) use saved::{base_weights, check_saved};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of adapters that change weights by adding to them.
const KINDS: [&str; 4] = ["LORA", "ADALORA", "LOHA", "LOKR"];

/// Kinds that add nothing to weights. What others do to them is not read.
const WITHOUT_DELTA: [&str; 8] = [
    "ADAPTION_PROMPT",
    "CARTRIDGE",
    "CPT",
    "IA3",
    "MULTITASK_PROMPT_TUNING",
    "PREFIX_TUNING",
    "PROMPT_TUNING",
    "P_TUNING",
];

/// Entries of a LoRA configuration that make its change another than s·B·A, when they are set: those that
/// the pass `lora` refuses, as `tests/tidy.rs` holds.
const OTHER_ARITHMETIC: [(&str, &str); 11] = [
    ("use_qalora", "QA-LoRA"),
    ("use_bdlora", "BD-LoRA"),
    ("kasa_config", "KaSA"),
    ("alora_invocation_tokens", "activated LoRA, which not all tokens have"),
    ("arrow_config", "Arrow routing"),
    ("velora_config", "VeLoRA"),
    ("monteclora_config", "MonteCLoRA"),
    ("target_parameters", "LoRA on bare parameters"),
    ("trainable_token_indices", "trainable tokens"),
    ("layer_replication", "layer replication"),
    ("use_gating", "gates"),
];

/// Initializations of LoRA that leave the base weights as they are, as the pass `lora` has them.
const PLAIN_INITS: [&str; 6] = ["gaussian", "eva", "orthogonal", "mica", "true", "false"];

/// What stands behind a module's name in that of its weight before it is changed.
const BASE_WEIGHT: &str = ".base_layer.weight";

/// An adapter whose tensors are told apart.
#[derive(Debug)]
pub struct Deltas {
    adapter: Adapter,
    changes: BTreeMap<String, Tensors>,
    /// Tensors that replace parameters.
    saved: Vec<String>,
    /// The base's own weights of modules that it changes, as PEFT saves them of embeddings and heads.
    base_weights: Vec<String>,
    /// What DoRA's changes depend on, where it is known.
    base: Option<Arc<Base>>,
}

/// The tensors that change the weight of a module.
#[derive(Clone, Debug)]
struct Tensors {
    form: Form,
    scale: f64,
    /// What is added to the bias, times the scale.
    bias: Option<String>,
}

impl Deltas {
    /// Tells the tensors of an adapter apart.
    ///
    /// # Errors
    /// Its kind changes no weight by adding to it, it has tensors of another kind, or it is a DoRA,
    /// whose change depends on the base: [`with_base`](Self::with_base).
    pub fn of(adapter: Adapter) -> Result<Self> {
        let deltas = Self::before_base(adapter)?;
        match deltas.has_full_rank() {
            false => Ok(deltas),
            true => Err(Error::input(format!(
                "{}: uses DoRA, whose change depends on the base weights: it has no delta of its own",
                deltas.adapter.path().display()
            ))
            .help("`peftc merge --base MODEL.onnx` names the model it is for")),
        }
    }

    /// The same, of adapters that may be DoRA's, of which [`change`](Self::change) is B·A alone.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    fn before_base(adapter: Adapter) -> Result<Self> {
        let place = adapter.path().display().to_string();
        Self::of_inner(adapter, None).map_err(|e| e.within(place))
    }

    /// The same, of adapters that may be DoRA's, with the model they are for.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn with_base(adapter: Adapter, base: Arc<Base>) -> Result<Self> {
        let place = adapter.path().display().to_string();
        Self::of_inner(adapter, Some(base)).map_err(|e| e.within(place))
    }

    fn of_inner(mut adapter: Adapter, base: Option<Arc<Base>>) -> Result<Self> {
        refuse_other_arithmetic(&adapter)?;
        let mut parts: BTreeMap<String, BTreeMap<&'static str, String>> = BTreeMap::new();
        let mut saved = Vec::new();
        for name in adapter.tensor_names() {
            match form::part(name) {
                Some((module, part)) => {
                    parts.entry(module.to_owned()).or_default().insert(part, name.to_owned());
                }
                None => saved.push(name.to_owned()),
            }
        }
        let (mut changes, mut pruned) = (BTreeMap::new(), Vec::new());
        for (module, mut parts) in parts {
            let bias = parts.remove(form::BIAS);
            let within = |e: Error| e.within(&module);
            let form = Form::of(&adapter, parts).map_err(within)?;
            if form.is_pruned(&adapter).map_err(within)? {
                pruned.extend(form.parts().1.into_iter().map(str::to_owned));
                continue;
            }
            form.check(&adapter).map_err(within)?;
            let scale = form.scale(&adapter, &module).map_err(within)?;
            if !(scale as f32).is_finite() {
                let message =
                    format!("its scale is {scale:e}, which is no finite number of float32");
                return Err(within(Error::input(message)));
            }
            changes.insert(module, Tensors { form, scale, bias });
        }
        adapter.leave_out(&pruned);
        if changes.is_empty() {
            return Err(Error::input("the adapter changes no weight"));
        }
        let is_of_base = |name: &String| {
            name.strip_suffix(BASE_WEIGHT).is_some_and(|module| changes.contains_key(module))
        };
        let (base_weights, saved) = saved.into_iter().partition(is_of_base);
        Ok(Self { adapter, changes, saved, base_weights, base })
    }

    /// The adapter.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Whether changes have the full rank of the weights, as DoRA's do.
    pub fn has_full_rank(&self) -> bool {
        self.changes.values().any(|tensors| tensors.form.magnitudes().is_some())
    }

    /// A module whose bias it changes besides the weight.
    pub(crate) fn biased(&self) -> Option<&str> {
        let mut changes = self.changes.iter();
        changes.find_map(|(module, tensors)| tensors.bias.is_some().then_some(module.as_str()))
    }

    /// An embedding that it changes.
    pub(crate) fn embedding(&self) -> Option<&str> {
        let mut changes = self.changes.iter();
        changes.find_map(|(module, tensors)| tensors.form.is_embedding().then_some(module.as_str()))
    }

    /// The modules whose weights it changes, sorted.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// The tensors that replace parameters (`modules_to_save`, `bias`), sorted.
    pub fn saved(&self) -> &[String] {
        &self.saved
    }

    /// The tensors that are the base's own weights of modules that it changes, sorted.
    pub fn base_weights(&self) -> &[String] {
        &self.base_weights
    }

    /// The layer of a module, if it changes that.
    ///
    /// # Errors
    /// Its tensors do not fit each other.
    pub fn layer(&self, module: &str) -> Result<Option<Layer>> {
        let Some(change) = self.changes.get(module) else { return Ok(None) };
        change.form.layer(&self.adapter).map(Some).map_err(|e| self.within(module, e))
    }

    /// What it does to the weight of a module, rows as the module's outputs; none if it does not change
    /// that.
    ///
    /// # Errors
    /// Its tensors do not fit each other, or are no floats.
    pub fn change(&self, module: &str) -> Result<Option<Change>> {
        let Some(Tensors { form, scale, .. }) = self.changes.get(module) else { return Ok(None) };
        let within = |e| self.within(module, e);
        let factors = form.factors(&self.adapter).map_err(within)?;
        let (Some(base), Some(magnitudes)) = (&self.base, form.magnitudes()) else {
            return Ok(Some(Change { factors, scale: *scale }));
        };
        let magnitudes = numbers::vector(&self.adapter, magnitudes).map_err(within)?;
        let weight = base.weight(module).map_err(within)?;
        let whole = form::dora(&weight, factors.scaled(*scale), &magnitudes).map_err(within)?;
        Ok(Some(Change { factors: Factors::of_matrix(whole), scale: 1.0 }))
    }

    /// What is added to the bias of a module.
    ///
    /// # Errors
    /// It is no vector of floats.
    pub fn bias(&self, module: &str) -> Result<Option<Vec<f64>>> {
        let Some((name, scale)) =
            self.changes.get(module).and_then(|c| Some((c.bias.as_ref()?, c.scale)))
        else {
            return Ok(None);
        };
        let bias = numbers::vector(&self.adapter, name).map_err(|e| self.within(module, e))?;
        Ok(Some(bias.into_iter().map(|x| scale * x).collect()))
    }

    fn within(&self, module: &str, error: Error) -> Error {
        error.within(format!("{}: {module}", self.adapter.path().display()))
    }
}

fn refuse_other_arithmetic(adapter: &Adapter) -> Result<()> {
    let kind = adapter.peft_type();
    if let Some(kind) = kind.strip_prefix("adapterhub_") {
        return Err(Error::input(format!(
            "is of AdapterHub ({kind}): folders of PEFT are accepted"
        )));
    }
    if !KINDS.contains(&kind) {
        let why = match WITHOUT_DELTA.contains(&kind) {
            true => "adds nothing to weights: it has no delta",
            false => "is a kind whose delta is not read",
        };
        return Err(Error::input(format!("{kind} {why}"))
            .help(format!("kinds whose delta is read: {}", KINDS.join(", "))));
    }
    let config = adapter.config();
    let is_set = |key: &str| {
        config.get(key).is_some_and(|value| match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => false,
            serde_json::Value::Array(items) => !items.is_empty(),
            serde_json::Value::Object(map) => !map.is_empty(),
            _ => true,
        })
    };
    if let Some((key, name)) = OTHER_ARITHMETIC.iter().find(|(key, _)| is_set(key)) {
        return Err(Error::input(format!("uses {name} ({key}), whose change is not s·B·A")));
    }
    let init = match config.get("init_lora_weights") {
        Some(serde_json::Value::String(init)) => init.to_lowercase(),
        _ => "true".to_owned(),
    };
    match kind != "LORA" || PLAIN_INITS.contains(&init.as_str()) {
        true => Ok(()),
        false => Err(Error::input(format!(
            "was initialized by {init:?}, which changes the base weights: its change is not s·B·A"
        ))
        .help(
            "save it with path_initial_model_for_weight_conversion, which makes a plain LoRA of it",
        )),
    }
}
