//! Running a model on stored inputs.

pub(crate) mod files;
pub(crate) mod random;

use crate::error::{Error, Result};
use crate::ops::Value;
use crate::runtime::profile::{Group, Profile};
use crate::runtime::{Options, Session};
use crate::{disk, onnx};
pub use random::Random;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What is run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The ONNX model.
    pub model: PathBuf,
    /// Archives (`.npz`), arrays (`NAME.npy`), or folders of tensors (`input_0.pb`, …).
    pub inputs: Vec<PathBuf>,
    /// How the inputs are made that are not given; none: they must all be given.
    pub random: Option<Random>,
    /// An archive (`.npz`) that gets all inputs, also those that were made.
    pub save_inputs: Option<PathBuf>,
    /// Where outputs go: an archive (`.npz`), or a folder that gets `output_0.pb`, ….
    pub output: Option<PathBuf>,
    /// Threads; all of the machine's where none are given.
    pub threads: Option<NonZeroUsize>,
    /// Overwrite what is written.
    pub force: bool,
    /// Report what the time goes to.
    pub profile: bool,
    /// Where a trace of that goes: a file that Chrome and Perfetto open.
    pub trace: Option<PathBuf>,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this report.
    pub schema: u32,
    /// The outputs, in order.
    pub outputs: Vec<OutputReport>,
    /// What was written.
    pub output: Option<PathBuf>,
    /// What the time went to, where that was asked for.
    pub profile: Option<ProfileReport>,
}

/// What the time of a run went to.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileReport {
    /// Of the run, from inputs that are there to outputs that are.
    pub seconds: f64,
    /// By the kind of step, from what took longest on.
    pub kinds: Vec<Group>,
    /// By node.
    pub nodes: Vec<Group>,
    /// The trace that was written.
    pub trace: Option<PathBuf>,
}

/// An output.
#[derive(Clone, Debug, Serialize)]
pub struct OutputReport {
    /// Its name.
    pub name: String,
    /// Its type, as the text form has it.
    pub ty: String,
}

/// Runs a model.
///
/// # Errors
/// A file cannot be read or written, an input does not fit, or the model cannot be run.
pub fn run(job: &Job) -> Result<Report> {
    if let Some(saved) = job.save_inputs.as_deref().filter(|path| !is_archive(path)) {
        return Err(Error::input(format!("{}: inputs go into an archive (.npz)", saved.display())));
    }
    let model = onnx::read(&job.model)?.model;
    check_written(job, model.graph.outputs().len())?;
    let session = Session::new(&model, &Options::on(job.threads));
    let session = session.map_err(|e| e.within(job.model.display()))?;
    let mut inputs = files::read(&job.inputs, session.inputs())?;
    if let Some(random) = &job.random {
        random::add_missing(session.graph(), session.inputs(), &mut inputs, random)?;
    }
    if let Some(saved) = &job.save_inputs {
        let mut values: Vec<(&str, &Value)> = inputs.iter().map(|(n, v)| (n.as_str(), v)).collect();
        values.sort_by_key(|(name, _)| *name);
        files::write(saved, &values, job.force)?;
    }
    let (outputs, profile) = match job.profile || job.trace.is_some() {
        true => session.run_profiled(&inputs).map(|(outputs, profile)| (outputs, Some(profile))),
        false => session.run(&inputs).map(|outputs| (outputs, None)),
    }
    .map_err(|e| e.within(job.model.display()))?;
    let names: Vec<&str> = session.outputs().iter().map(|o| o.name.as_str()).collect();
    let values: Vec<(&str, &Value)> = names.into_iter().zip(&outputs).collect();
    if let Some(output) = &job.output {
        files::write(output, &values, job.force)?;
    }
    let profile = profile.map(|profile| profile_report(&profile, job)).transpose()?;
    let report = |(name, value): &(&str, &Value)| OutputReport {
        name: (*name).to_owned(),
        ty: value.ty().to_string(),
    };
    let outputs = values.iter().map(report).collect();
    Ok(Report { schema: 1, outputs, output: job.output.clone(), profile })
}

/// Whether each file that is written can be: it is not there yet, and is no other of them.
fn check_written(job: &Job, outputs: usize) -> Result<()> {
    if let Some(output) = job.output.as_deref().filter(|path| !is_archive(path) && path.is_file()) {
        return Err(Error::input(format!("{} is no folder", output.display()))
            .help("outputs go into an archive (.npz) or a folder"));
    }
    let outputs = job.output.iter().flat_map(|path| files::written(path, outputs));
    let written: Vec<PathBuf> =
        outputs.chain(job.save_inputs.clone()).chain(job.trace.clone()).collect();
    for (at, file) in written.iter().enumerate() {
        disk::check_free(file, job.force)?;
        if written[..at].contains(file) {
            let what = format!("{} would be written twice", file.display());
            return Err(Error::input(what).help("inputs, outputs and a trace go into other files"));
        }
    }
    Ok(())
}

fn profile_report(profile: &Profile, job: &Job) -> Result<ProfileReport> {
    if let Some(trace) = &job.trace {
        disk::put(trace, profile.trace().as_bytes(), job.force)?;
    }
    Ok(ProfileReport {
        seconds: profile.nanoseconds as f64 / 1e9,
        kinds: profile.by_kind(),
        nodes: profile.by_node(),
        trace: job.trace.clone(),
    })
}

fn is_archive(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz")
}
