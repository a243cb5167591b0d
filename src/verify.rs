//! Whether two models compute the same.

mod compare;
mod part;

use crate::error::{Error, Result};
use crate::onnx;
use crate::ops::Value;
use crate::run::{Random, files, random};
use crate::runtime::{Options, Session};
pub use compare::{Distance, OutputReport, Tolerance};
pub use part::PartReport;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What is compared.
#[derive(Clone, Debug)]
pub struct Job {
    /// The model that is right.
    pub left: PathBuf,
    /// The model that is to compute the same.
    pub right: PathBuf,
    /// A model that both are to differ from: a proof of nothing shows.
    pub base: Option<PathBuf>,
    /// Files of inputs, as of `peftc run`; those that are missing are made.
    pub inputs: Vec<PathBuf>,
    /// How they are made.
    pub random: Random,
    /// Lengths of the past that are tried where a model takes one and it is not given.
    pub pasts: Vec<i64>,
    /// What is held to be the same.
    pub tolerance: Tolerance,
    /// Find the first value of one name in which they part.
    pub bisect: bool,
    /// Threads; all of the machine's where none are given.
    pub threads: Option<NonZeroUsize>,
}

/// How two models compare.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this report.
    pub schema: u32,
    /// Whether they compute the same.
    pub holds: bool,
    /// By inputs.
    pub cases: Vec<CaseReport>,
}

/// How they compare for some inputs.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// The inputs, each with its type.
    pub inputs: Vec<String>,
    /// The outputs, in the order of the first model.
    pub outputs: Vec<OutputReport>,
    /// The first value in which they part, where it was looked for.
    pub parts: Option<PartReport>,
}

/// Compares two models.
///
/// # Errors
/// A file cannot be read, an input cannot be made or does not fit, or a model cannot be run.
pub fn verify(job: &Job) -> Result<Report> {
    let open = |path: &Path| {
        let session = Session::new(&onnx::read(path)?.model, &Options::on(job.threads));
        session.map_err(|e| e.within(path.display()))
    };
    let (left, right) = (open(&job.left)?, open(&job.right)?);
    let base = job.base.as_deref().map(open).transpose()?;
    let given = files::read(&job.inputs, left.inputs())?;
    check_known(&given, &left, &right)?;
    let has_past = random::makes_past(left.inputs(), &given);
    let pasts = if has_past { job.pasts.as_slice() } else { &[0] };
    let mut cases = Vec::new();
    for &past in pasts {
        let mut inputs = given.clone();
        let how = Random { past, ..job.random.clone() };
        random::add_missing(left.graph(), left.inputs(), &mut inputs, &how)
            .map_err(|e| e.within(job.left.display()))?;
        let mut case = case(job, &left, &right, base.as_ref(), &inputs)?;
        if past == 0 && pasts.len() > 1 {
            // What hands on a past is seen with the others.
            case.outputs.iter_mut().for_each(OutputReport::may_be_empty);
        }
        cases.push(case);
    }
    let mut outputs = cases.iter().flat_map(|case| &case.outputs).peekable();
    if outputs.peek().is_none() {
        return Err(Error::input("the models have no outputs: there is nothing to compare"));
    }
    let holds = outputs.all(|output| output.wrong.is_none());
    Ok(Report { schema: 1, holds, cases })
}

/// Whether one of the models takes each input that is given.
fn check_known(given: &HashMap<String, Value>, left: &Session, right: &Session) -> Result<()> {
    let names: BTreeSet<&str> =
        left.inputs().iter().chain(right.inputs()).map(|input| input.name.as_str()).collect();
    match given.keys().filter(|name| !names.contains(name.as_str())).min() {
        Some(name) => Err(Error::input(format!("there is no input {name:?}"))
            .help(format!("inputs: {}", Vec::from_iter(names).join(", ")))),
        None => Ok(()),
    }
}

fn case(
    job: &Job,
    left: &Session,
    right: &Session,
    base: Option<&Session>,
    inputs: &HashMap<String, Value>,
) -> Result<CaseReport> {
    let run = |session: &Session, path: &Path| -> Result<HashMap<String, Value>> {
        let outputs =
            session.run(&fitting(session, inputs)).map_err(|e| e.within(path.display()))?;
        Ok(session.outputs().iter().map(|o| o.name.clone()).zip(outputs).collect())
    };
    let (ours, theirs) = (run(left, &job.left)?, run(right, &job.right)?);
    let base_path = job.base.as_deref().unwrap_or(Path::new(""));
    let base = base.map(|base| run(base, base_path)).transpose()?;
    let output = |name: &str| {
        let other = theirs.get(name);
        let base = base.as_ref().and_then(|base| base.get(name));
        compare::output(name, ours.get(name), other, base, &job.tolerance)
    };
    let mut outputs: Vec<OutputReport> =
        left.outputs().iter().map(|o| output(&o.name)).collect::<Result<_>>()?;
    let more = right.outputs().iter().filter(|o| !ours.contains_key(&o.name));
    outputs.extend(more.map(|o| output(&o.name)).collect::<Result<Vec<_>>>()?);
    let parts = match job.bisect {
        false => None,
        true => part::first(left, right, &|s| fitting(s, inputs), &job.tolerance)?,
    };
    Ok(CaseReport { inputs: files::listed(inputs), outputs, parts })
}

/// The inputs that a model takes.
fn fitting(session: &Session, inputs: &HashMap<String, Value>) -> HashMap<String, Value> {
    let own = session.inputs().iter();
    own.filter_map(|i| Some((i.name.clone(), inputs.get(&i.name)?.clone()))).collect()
}

impl Job {
    /// Compares two models on inputs that are made.
    pub fn new(left: PathBuf, right: PathBuf) -> Self {
        Self {
            left,
            right,
            base: None,
            inputs: Vec::new(),
            random: Random::default(),
            pasts: vec![0, 3],
            tolerance: Tolerance::default(),
            bisect: false,
            threads: None,
        }
    }
}
