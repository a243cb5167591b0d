//! What was done, for people and for programs.

use super::approximation::Approximation;
use super::history::AppliedEntry;
use crate::ir::Model;
use crate::onnx::{LinkedFile, OutputFile, WritePlan};
use crate::plugin::{Note, Options, Record, task_label};
use crate::recipe::OptionValue;
use crate::weights::{Measures, Plan};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// The report of [`super::apply`]. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the JSON form.
    pub schema: u32,
    /// The input model.
    pub model: PathBuf,
    /// The output model.
    pub output: PathBuf,
    /// Whether nothing was computed and written.
    pub dry_run: bool,
    /// A step for every pass, in order.
    pub passes: Vec<PassReport>,
    /// Parameters of the model before: elements of its floating-point initializers.
    pub model_parameters: u64,
    /// Parameters that the output has more than the input.
    pub added_parameters: u64,
    /// Parameters of all adapters.
    pub adapter_parameters: u64,
    /// Graph inputs that the passes added.
    pub added_inputs: Vec<String>,
    /// The files of the output; in a dry run, those it would have.
    pub files: Vec<OutputFile>,
    /// Data files of the input that the output refers to instead of having a copy.
    pub linked: Vec<LinkedFile>,
    /// Files beside the input that were copied into the output folder.
    pub side_files: Vec<String>,
    /// Files beside the input that were left out of the output folder.
    pub left_out: Vec<String>,
    /// Wall-clock time.
    pub seconds: f64,
    #[serde(skip)]
    inputs_before: HashSet<String>,
}

/// What a pass did.
#[derive(Clone, Debug, Serialize)]
pub struct PassReport {
    /// The pass.
    pub pass: String,
    /// Name and version of its plugin.
    pub plugin: String,
    /// The plugin's file.
    pub path: PathBuf,
    /// The adapter; none for a fresh one.
    pub adapter: Option<AdapterReport>,
    /// The options it ran with, defaults included.
    pub options: BTreeMap<String, OptionValue>,
    /// What was bound to what.
    pub bound: Vec<Record>,
    /// Floating-point operations that the model computes more for each token.
    pub flops_per_token: u64,
    /// Notes of the pass.
    pub notes: Vec<Note>,
    /// Files of arrays for callers that it has beside the model.
    pub archives: Vec<PathBuf>,
    /// Weights that others use too, and were copied for this pass.
    pub copied_weights: Vec<CopiedWeight>,
    /// What rounding to the weight's type lost; none where no weight was merged.
    pub rounding: Option<RoundingLoss>,
    /// How far stored weights are from those they stand for; none where none were approximated, or
    /// nothing was computed.
    pub approximation: Option<Approximation>,
    /// Bytes of the tensors it added that are no results of weight tasks.
    #[serde(skip)]
    pub(super) small_tensor_bytes: u64,
}

/// A weight that stays, because others use it, beside the changed copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CopiedWeight {
    /// The weight that stays.
    pub weight: String,
    /// The changed copy.
    pub copy: String,
    /// Uses of the weight that stay.
    pub other_uses: usize,
}

/// The adapter of a pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AdapterReport {
    /// Its folder.
    pub path: PathBuf,
    /// PEFT's name for its kind.
    pub peft_type: String,
    /// The model it says it was trained on.
    pub base_model_name_or_path: Option<String>,
    /// The type of model it says it is for, as a model's `config.json` has it.
    pub base_model_type: Option<String>,
    /// Whether the model's own `config.json` names the same base.
    pub base_verified: bool,
    /// SHA-256 of its configuration and weights.
    pub sha256: String,
    /// The same of each, where it is several adapters as one.
    pub parts_sha256: Vec<String>,
}

impl PassReport {
    /// What the model's history says of this pass.
    pub(super) fn entry(&self, options: &Options, structure: &str) -> AppliedEntry {
        let mode = match options.get("mode") {
            Some(OptionValue::String(mode)) => Some(mode.clone()),
            _ => None,
        };
        let what: BTreeSet<_> = self.bound.iter().map(|r| r.what.clone()).collect();
        AppliedEntry {
            pass: self.pass.clone(),
            mode,
            what: what.into_iter().collect(),
            adapter_sha256: self.adapter.as_ref().map(|a| a.sha256.clone()),
            parts_sha256: self.adapter.iter().flat_map(|a| a.parts_sha256.clone()).collect(),
            base_model_name_or_path: self
                .adapter
                .as_ref()
                .and_then(|a| a.base_model_name_or_path.clone()),
            model_structure_sha256: structure.to_owned(),
            peftc: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl From<(String, String, usize)> for CopiedWeight {
    fn from((weight, copy, other_uses): (String, String, usize)) -> Self {
        Self { weight, copy, other_uses }
    }
}

/// What a merge lost to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RoundingLoss {
    /// Elements of the merged weights.
    pub elements: u64,
    /// Those whose stored value the delta did not change.
    pub unchanged: u64,
}

impl Report {
    pub(super) fn new(model_path: &Path, output: &Path, model: &Model, dry_run: bool) -> Self {
        Self {
            schema: 1,
            model: model_path.to_owned(),
            output: output.to_owned(),
            dry_run,
            passes: Vec::new(),
            model_parameters: parameters(model),
            added_parameters: 0,
            adapter_parameters: 0,
            added_inputs: Vec::new(),
            files: Vec::new(),
            linked: Vec::new(),
            side_files: Vec::new(),
            left_out: Vec::new(),
            seconds: 0.0,
            inputs_before: input_names(model).collect(),
        }
    }

    pub(super) fn count_parameters(&mut self, after: &Model) {
        self.added_parameters = parameters(after).saturating_sub(self.model_parameters);
        self.adapter_parameters =
            self.passes.iter().flat_map(|p| &p.bound).map(|r| r.parameters).sum();
        self.added_inputs =
            input_names(after).filter(|n| !self.inputs_before.contains(n)).collect();
    }

    /// Adds what the weight tasks measured.
    pub(super) fn measure(&mut self, measures: &Measures, plan: &Plan, write: &WritePlan) {
        let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
        for (task, bytes) in write.stored_results() {
            if let Some(task) = plan.tasks().get(task as usize) {
                *stored.entry(&task.label).or_default() += bytes;
            }
        }
        for (index, pass) in self.passes.iter_mut().enumerate() {
            let label = task_label(index, &pass.pass);
            let sum = |name: &str| -> u64 {
                let of_pass = measures.iter().filter(|(of, _)| of.starts_with(&label));
                of_pass.filter_map(|(_, values)| values.get(name)).sum::<f64>() as u64
            };
            let (elements, unchanged) = (sum("merged"), sum("unchanged"));
            pass.rounding = (elements > 0).then_some(RoundingLoss { elements, unchanged });
            pass.approximation =
                Approximation::new(measures, &label, &stored, pass.small_tensor_bytes);
        }
    }
}

/// Elements of all floating-point initializers: weights, not shapes and indices.
pub fn parameters(model: &Model) -> u64 {
    let initializers = model.graph.initializers();
    let weights = initializers.iter().filter(|(_, tensor)| tensor.dtype.is_float());
    // A sparse tensor can say to have nearly any number of elements.
    weights.filter_map(|(_, tensor)| tensor.element_count()).fold(0, u64::saturating_add)
}

fn input_names(model: &Model) -> impl Iterator<Item = String> {
    let graph = &model.graph;
    graph.inputs().iter().filter_map(|&id| Some(graph.value(graph.output(id)?).name().to_owned()))
}
