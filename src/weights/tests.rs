#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod add;
mod engine;
mod kinds;
mod memory;
mod probe;
mod property;

use super::{Measures, Placement, Plan, Source, Task, TaskKind, region};
use crate::Context;
use crate::error::Result;
use crate::ir::{DataType, Tensor, TensorData};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn context(threads: usize, memory: u64) -> Context {
    Context::new(NonZeroUsize::new(threads), memory, |_| {}).unwrap()
}

fn task(
    label: &str,
    kind: &Arc<impl TaskKind + 'static>,
    sources: Vec<Source>,
    results: Vec<(DataType, Vec<i64>)>,
) -> Task {
    Task { kind: kind.clone(), label: label.into(), sources, results, params: Default::default() }
}

/// A source that is in memory.
fn data(dtype: DataType, dims: &[i64], bytes: Vec<u8>, follows: &[Option<usize>]) -> Source {
    let tensor = Tensor::new(dtype, dims.to_vec(), TensorData::Bytes(bytes.into()));
    Source { tensor, follows: follows.to_vec() }
}

/// A source that is the result of a task.
fn pending(plan: &Plan, task: u32, result: u32, follows: &[Option<usize>]) -> Source {
    let (dtype, dims) = plan.tasks()[task as usize].results[result as usize].clone();
    let tensor = Tensor::new(dtype, dims, TensorData::Pending { task, result });
    Source { tensor, follows: follows.to_vec() }
}

/// Computes results into a file, one behind the other, with a gap of 3 bytes of 0xAA before
/// each; returns the content, the bytes told as written, and what was measured.
fn run_into_file(
    plan: &Plan,
    placed: &[(u32, u32)],
    context: &Context,
    region: u64,
) -> Result<(Vec<u8>, u64, Measures)> {
    let file = tempfile::tempfile().unwrap();
    let mut placements = Vec::new();
    let mut end = 0;
    for &(task, result) in placed {
        let offset = end + 3;
        placements.push(Placement { task, result, file: &file, offset });
        let (dtype, dims) = &plan.tasks()[task as usize].results[result as usize];
        end = offset
            + Tensor::new(*dtype, dims.clone(), TensorData::Strings(vec![])).byte_len().unwrap();
    }
    (&file).write_all(&vec![0xAA; end as usize]).unwrap();
    let written = AtomicU64::new(0);
    let told = |bytes| {
        written.fetch_add(bytes, Ordering::Relaxed);
    };
    let measures = region::run(plan, &placements, context, &told, region)?;
    Ok((content(&file), written.into_inner(), measures))
}

fn content(mut file: &File) -> Vec<u8> {
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
