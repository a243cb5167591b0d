//! The main job: a recipe's passes over a model, and the result written.

mod approximation;
mod history;
mod output;
mod report;

pub use approximation::{Approximation, NamedError, OutputError, WeightError};
pub use history::{AppliedEntry, read as applied};
pub use output::Destination;
pub use output::find_model;
pub use report::{AdapterReport, CopiedWeight, PassReport, Report, RoundingLoss, parameters};

use crate::adapter::{Adapter, LayerInputs};
use crate::context::{Context, Level};
use crate::delta::open_several;
use crate::error::{Error, Result};
use crate::ir::{Model, verify_model};
use crate::onnx::{self, Archive, ReadModel, UnknownField, WriteOptions};
use crate::pass;
use crate::plugin::{self, Options, PluginPass, Plugins, Selected};
use crate::recipe::{PassRecipe, Recipe};
use crate::weights::{self, Plan};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to apply to what.
#[derive(Clone, Debug)]
pub struct Job {
    /// The passes.
    pub recipe: Recipe,
    /// An ONNX file, or a folder with one.
    pub model: PathBuf,
    /// Where the result goes; a path that ends with a separator, or is a folder, makes a
    /// loadable folder. None: `MODEL.RECIPE.onnx` in the current folder.
    pub output: Option<PathBuf>,
    /// Everything but computing and writing.
    pub dry_run: bool,
    /// Overwrite the output, and apply an adapter that is already applied or that is for models of
    /// another type.
    pub force: bool,
    /// Write a model although fields that this version does not know get lost.
    pub drop_unknown: bool,
    /// How tensors are stored.
    pub write: WriteOptions,
}

/// Runs the passes of a recipe on a model and writes the result.
///
/// # Errors
/// Bad input, at its place; then nothing is written. A failure while writing leaves nothing behind.
pub fn apply(job: &Job, plugins: &Plugins, context: &Context) -> Result<Report> {
    let started = Instant::now();
    let model_path = find_model(&job.model)?;
    let destination = Destination::resolve(job, &model_path)?;
    let ReadModel { mut model, unknown_fields, changed_links, .. } = onnx::read(&model_path)?;
    refuse_changed_links(&model_path, &changed_links)?;
    if !job.drop_unknown {
        refuse_unknown(&model_path, &unknown_fields)?;
    }
    refuse_broken(&model_path, &model)?;
    let mut report = Report::new(&model_path, &destination.model, &model, job.dry_run);
    let structure = onnx::structure_sha256(&model)?;
    let mut plan = Plan::default();
    let mut archives = Vec::new();
    for (position, recipe) in job.recipe.passes.iter().enumerate() {
        let (model_path, destination) = (&model_path, &destination);
        let step = Step { job, position, recipe, plugins, context, model_path, destination };
        report.passes.push(step.run(&mut model, &mut plan, &mut archives, &structure)?);
    }
    report.count_parameters(&model);
    let (copies, left_out) = destination.copies()?;
    let names = copies.iter().filter_map(|(from, _)| from.file_name());
    report.side_files = names.map(|name| name.to_string_lossy().into_owned()).collect();
    report.left_out = left_out;
    onnx::refer_to(&mut model, &archives)?;
    let write = onnx::plan(&model, &destination.model, &job.write)?
        .with_side_files(copies)
        .with_archives(archives)?;
    report.files = write.files();
    report.linked = write.linked().to_vec();
    if !job.dry_run {
        let measures = destination.within_folder(|| {
            write.commit(context, &|placements, written| {
                weights::run(&plan, placements, context, written)
            })
        })?;
        report.measure(&measures, &plan, &write);
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// One pass of the recipe.
struct Step<'a> {
    job: &'a Job,
    position: usize,
    recipe: &'a PassRecipe,
    plugins: &'a Plugins,
    context: &'a Context,
    model_path: &'a Path,
    destination: &'a Destination,
}

impl Step<'_> {
    /// Runs the pass: the model, the plan and the archives have what it records, the report what it
    /// did.
    fn run(
        &self,
        model: &mut Model,
        plan: &mut Plan,
        archives: &mut Vec<Archive>,
        structure: &str,
    ) -> Result<PassReport> {
        let selected = self.plugins.pass(&self.recipe.name)?;
        let options = Options::check(selected.pass, &self.job.recipe, self.recipe)?;
        let adapter = self.adapter(selected)?;
        let inputs = self.recipe.inputs.as_deref().map(LayerInputs::open).transpose()?;
        let adapter_report = match &adapter {
            None => None,
            Some(adapter) => {
                self.check_handled(selected, adapter)?;
                Some(self.describe(adapter)?)
            }
        };
        if let Some(adapter) = &adapter_report {
            self.refuse_other_type(adapter)?;
            self.refuse_twice(model, adapter)?;
        }
        let mut pass = PluginPass::new(
            self.position,
            selected,
            &options,
            adapter.as_ref(),
            plan,
            self.context,
        )
        .with_inputs(inputs.as_ref());
        let applied = pass::run(&mut pass, model)?;
        let PluginPass { records, notes, small_tensor_bytes, archives: added, .. } = pass;
        let first = archives.len();
        for plugin::Archive { name, arrays } in added {
            let path = self.destination.archive(&name, self.model_path)?;
            if archives.iter().any(|known| known.path == path) {
                return Err(Error::input(format!(
                    "pass {:?}: an earlier pass has an archive {name:?} already",
                    selected.pass.name
                )));
            }
            archives.push(Archive { path, arrays });
        }
        let report = PassReport {
            pass: selected.pass.name.clone(),
            plugin: format!("{} {}", selected.plugin.name, selected.plugin.version),
            path: selected.plugin.path.clone(),
            adapter: adapter_report,
            options: options.iter().map(|(k, v)| (k.to_owned(), v.clone())).collect(),
            flops_per_token: records.iter().map(|record| record.flops_per_token).sum(),
            bound: records,
            notes,
            archives: archives[first..].iter().map(|a| a.path.clone()).collect(),
            copied_weights: applied.copied.into_iter().map(Into::into).collect(),
            rounding: None,
            approximation: None,
            small_tensor_bytes,
        };
        history::append(model, report.entry(&options, structure))
            .map_err(|e| e.within(self.model_path.display()))?;
        Ok(report)
    }

    /// The adapter of the pass. One that takes several takes each as several.
    fn adapter(&self, selected: Selected<'_>) -> Result<Option<Adapter>> {
        let takes_several = selected.pass.peft_types.iter().any(|t| t == Adapter::SEVERAL);
        match (&self.recipe.adapter, self.recipe.adapters.as_slice()) {
            (None, []) => Ok(None),
            (Some(path), _) if takes_several => open_several(std::slice::from_ref(path)).map(Some),
            (Some(path), _) => Adapter::open(path).map(Some),
            (None, paths) if takes_several => open_several(paths).map(Some),
            (None, _) => Err(Error::input(format!(
                "pass {:?} takes one adapter, not several",
                selected.pass.name
            ))
            .help("the pass merge takes several")),
        }
    }

    fn check_handled(&self, selected: Selected<'_>, adapter: &Adapter) -> Result<()> {
        let peft_type = adapter.peft_type();
        if selected.pass.peft_types.iter().any(|t| t == peft_type) {
            return Ok(());
        }
        Err(Error::input(format!(
            "pass {:?} does not handle adapters of peft_type {peft_type:?}: {}",
            selected.pass.name,
            adapter.path().display()
        ))
        .help(format!("it handles: {}", selected.pass.peft_types.join(", "))))
    }

    fn describe(&self, adapter: &Adapter) -> Result<AdapterReport> {
        for key in adapter.config().unknown_keys() {
            let message =
                format!("{}: unknown key {key:?} in adapter_config.json", adapter.path().display());
            self.context.note(Level::Warning, message);
        }
        let base = adapter.base_model_name_or_path().map(str::to_owned);
        Ok(AdapterReport {
            path: adapter.path().to_owned(),
            peft_type: adapter.peft_type().to_owned(),
            base_verified: base.is_some()
                && base == output::config_entry(self.model_path, "_name_or_path"),
            base_model_name_or_path: base,
            base_model_type: adapter.base_model_type().map(str::to_owned),
            sha256: adapter.sha256(),
            parts_sha256: adapter.parts_sha256(),
        })
    }

    /// Names do not always tell families apart: the sublayers of one are found in another.
    fn refuse_other_type(&self, adapter: &AdapterReport) -> Result<()> {
        let of_model = output::config_entry(self.model_path, "model_type");
        match (&adapter.base_model_type, of_model) {
            (Some(wanted), Some(found)) if *wanted != found && !self.job.force => {
                Err(Error::input(format!(
                    "the adapter {} is for models of type {wanted:?}, the config.json beside {} says {found:?}",
                    adapter.path.display(),
                    self.model_path.display()
                ))
                .help("--force applies it all the same"))
            }
            _ => Ok(()),
        }
    }

    fn refuse_twice(&self, model: &Model, adapter: &AdapterReport) -> Result<()> {
        let applied = history::read(model).map_err(|e| e.within(self.model_path.display()))?;
        let mut sums = adapter.parts_sha256.clone();
        sums.push(adapter.sha256.clone());
        let same = applied.iter().find(|entry| entry.has_any(&sums));
        match same {
            Some(entry) if !self.job.force => Err(Error::input(format!(
                "the adapter {} is already applied to {} (pass {:?}{})",
                adapter.path.display(),
                self.model_path.display(),
                entry.pass,
                entry.mode.as_ref().map(|m| format!(", mode {m}")).unwrap_or_default()
            ))
            .help("--force applies it once more")),
            _ => Ok(()),
        }
    }
}

/// A graph that breaks the IR's rules before any pass has run is the input's fault.
fn refuse_broken(path: &Path, model: &Model) -> Result<()> {
    let violations = verify_model(model);
    if violations.is_empty() {
        return Ok(());
    }
    let error = Error::input(format!("{}: is no valid ONNX model", path.display()));
    Err(violations.iter().take(8).fold(error, |e, violation| e.help(violation.to_string())))
}

fn refuse_changed_links(path: &Path, changes: &[String]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let message = format!("{}: refers to weights that have changed", path.display());
    let error = changes
        .iter()
        .fold(Error::input(message), |e, change| e.help(format!("the data file {change}")));
    Err(error.help(onnx::LINK_REMEDY))
}

fn refuse_unknown(path: &Path, unknown: &[UnknownField]) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let message =
        format!("{}: has {} fields that this version would lose", path.display(), unknown.len());
    let error =
        unknown.iter().take(8).fold(Error::input(message), |e, field| e.help(field.to_string()));
    Err(error.help("--drop-unknown writes the model without them"))
}
