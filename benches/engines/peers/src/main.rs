//! Times one model in one engine: `peers ENGINE MODEL FOLDER THREADS SECONDS`.
//!
//! FOLDER holds `inputs.json` (name, type and shape of each input, in order) and the elements in `NUMBER.bin`. Outputs go
//! to `ENGINE.NUMBER.bin` there, in the order of the model. The report is JSON on stdout.

mod rten;
mod tract;

use serde::Deserialize;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An input as the file says it.
#[derive(Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    #[serde(rename = "type")]
    ty: String,
    #[serde(skip)]
    bytes: Vec<u8>,
}

pub(crate) enum Elements {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

impl Input {
    pub(crate) fn elements(&self) -> Elements {
        match self.ty.as_str() {
            "float32" => Elements::Floats(self.bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()),
            "int64" => Elements::Integers(self.bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()),
            other => panic!("{}: {other} is not known here", self.name),
        }
    }
}

fn inputs(folder: &Path) -> Result<Vec<Input>> {
    let mut inputs: Vec<Input> = serde_json::from_slice(&std::fs::read(folder.join("inputs.json"))?)?;
    for (number, input) in inputs.iter_mut().enumerate() {
        input.bytes = std::fs::read(folder.join(format!("{number}.bin")))?;
    }
    Ok(inputs)
}

/// The largest resident size so far, in bytes.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, folder, threads, seconds] = arguments.as_slice() else {
        return Err("ENGINE MODEL FOLDER THREADS SECONDS".into());
    };
    let (model, folder) = (Path::new(model), Path::new(folder));
    let (threads, seconds): (usize, f64) = (threads.parse()?, seconds.parse()?);
    let inputs = inputs(folder)?;
    let start = Instant::now();
    let mut session: Box<dyn Session> = match engine.as_str() {
        "rten" => Box::new(rten::Rten::new(model, &inputs, threads)?),
        "tract" => Box::new(tract::Tract::new(model, &inputs, threads)?),
        other => return Err(format!("there is no engine {other}").into()),
    };
    let creation = start.elapsed().as_secs_f64();
    session.run()?;
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        session.run()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    let memory = peak_memory()?;
    for (number, output) in session.outputs()?.iter().enumerate() {
        let bytes: Vec<u8> = output.iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(folder.join(format!("{engine}.{number}.bin")), bytes)?;
    }
    println!("{}", serde_json::json!({ "session": creation, "times": times, "memory": memory }));
    Ok(())
}

/// A model that is ready, with its inputs.
pub(crate) trait Session {
    /// Runs it once.
    fn run(&mut self) -> Result<()>;
    /// Runs it once more and gives the outputs, in the order of the model.
    fn outputs(&mut self) -> Result<Vec<Vec<f32>>>;
}
