//! How fast a model runs, beside what the machine can do.

use crate::error::{Error, Result};
use crate::onnx;
use crate::run::{Random, files, random};
use crate::runtime::cpu::ceiling::{self, Ceiling};
use crate::runtime::{Options, Session};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The fewest runs where their number is not given.
const FEWEST: usize = 3;
/// Memory that the machine's rates are measured on, at most.
const MOST_BYTES: u64 = 256 << 20;

/// What is timed.
#[derive(Clone, Debug)]
pub struct Job {
    /// The ONNX model.
    pub model: PathBuf,
    /// Files of inputs, as of `peftc run`; those that are missing are made.
    pub inputs: Vec<PathBuf>,
    /// How they are made.
    pub random: Random,
    /// Threads; all of the machine's where none are given.
    pub threads: Option<NonZeroUsize>,
    /// How often the model is timed; none: for `time`, and at least three times.
    pub runs: Option<NonZeroUsize>,
    /// How long it is timed.
    pub time: Duration,
}

/// How fast it was.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this report.
    pub schema: u32,
    /// The inputs, each with its type.
    pub inputs: Vec<String>,
    /// Threads.
    pub threads: usize,
    /// Seconds to read the model.
    pub load: f64,
    /// Seconds to make it ready to run.
    pub session: f64,
    /// Of these, seconds for compiling kernels.
    pub compile: f64,
    /// Seconds of the first run, which is profiled and not among those timed.
    pub first: f64,
    /// Of one run.
    pub seconds: Spread,
    /// Floating-point operations of a run, as its steps say them.
    pub flops: u64,
    /// Bytes that the steps of a run read and write.
    pub bytes: u64,
    /// 10⁹ floating-point operations a second, of the median.
    pub gflops: f64,
    /// 10⁹ bytes a second, of the median.
    pub gigabytes: f64,
    /// The most memory that was resident by the end of the runs, in bytes, where the system says it.
    pub peak_memory: Option<u64>,
    /// What the machine can do: with one thread, and with as many as the model had.
    pub ceilings: Vec<Ceiling>,
}

/// How long runs took, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// How many.
    pub runs: usize,
    /// Half took no longer.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// A tenth took no longer.
    pub p10: f64,
    /// Nine tenths took no longer.
    pub p90: f64,
}

/// Times a model.
///
/// # Errors
/// The model cannot be read or run, or an input does not fit.
pub fn bench(job: &Job) -> Result<Report> {
    let within = |e: Error| e.within(job.model.display());
    let options = Options::on(job.threads);
    let threads = options.threads;
    let (model, load) = timed(|| onnx::read(&job.model));
    let model = model?.model;
    let (session, creation) = timed(|| Session::new(&model, &options));
    let session = session.map_err(within)?;
    let mut inputs = files::read(&job.inputs, session.inputs())?;
    random::add_missing(session.graph(), session.inputs(), &mut inputs, &job.random)
        .map_err(within)?;

    let (warm, first) = timed(|| session.run_profiled(&inputs));
    let (_, profile) = warm.map_err(within)?;
    let start = Instant::now();
    let mut times = Vec::new();
    let is_enough = |done: usize| match job.runs {
        Some(runs) => done >= runs.get(),
        None => done >= FEWEST && start.elapsed() >= job.time,
    };
    while !is_enough(times.len()) {
        let (outputs, seconds) = timed(|| session.run(&inputs));
        outputs.map_err(within)?;
        times.push(seconds);
    }
    let peak_memory = peak_memory();
    let seconds = Spread::of(times);
    let (flops, bytes) = (profile.flops(), profile.bytes());
    // More threads than the machine runs at once reach no more.
    let mut counts = vec![1, threads.min(Options::default().threads)];
    counts.dedup();
    Ok(Report {
        schema: 1,
        inputs: files::listed(&inputs),
        threads,
        load,
        session: creation,
        compile: session.compile_time().as_secs_f64(),
        first,
        seconds,
        flops,
        bytes,
        gflops: flops as f64 / seconds.median / 1e9,
        gigabytes: bytes as f64 / seconds.median / 1e9,
        peak_memory,
        ceilings: ceiling::measure(&counts, bytes.min(MOST_BYTES) as usize),
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let made = work();
    (made, start.elapsed().as_secs_f64())
}

/// VmHWM of proc(5).
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

impl Spread {
    /// Of times, of which there is one at least.
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let last = times.len() - 1;
        // Between two times in proportion.
        let at = |share: f64| {
            let place = share * last as f64;
            let (low, high) = (times[place.floor() as usize], times[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Self { runs: times.len(), median: at(0.5), min: at(0.0), p10: at(0.1), p90: at(0.9) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_lies_between_its_times() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((spread.runs, spread.median, spread.min), (4, 2.5, 1.0));
        assert!((spread.p10 - 1.3).abs() < 1e-12 && (spread.p90 - 3.7).abs() < 1e-12);
        let one = Spread::of(vec![2.0]);
        assert_eq!((one.min, one.p10, one.median, one.p90), (2.0, 2.0, 2.0, 2.0));
    }
}
