//! What a step did, for a profile.

use super::{Engine, tensor};
use crate::kernel::{Block, Stmt};
use crate::lower::{BufferId, Launch, Place, Sliding, Step, Work};
use crate::runtime::profile::Event;

/// A step that has run.
pub(super) fn event(
    engine: &Engine,
    sizes: &[Option<i64>],
    step: &Step,
    start_ns: u64,
    end_ns: u64,
) -> Event {
    let graph = &engine.model.graph;
    let cost = Cost { engine, sizes };
    let op = graph.node(step.node).op().map_or("", |op| op.op_type.as_str());
    let (kind, flops) = match &step.work {
        Work::Kernel(launch) => {
            let kernel = engine.kernels[launch.kernel].kernel();
            (format!("{} of {op}", kernel.name), cost.kernel(launch))
        }
        Work::Product(product) => {
            let depth = cost.dims(&product.a).last().copied().unwrap_or(0);
            let tail = product.tail.as_ref().map_or(0, |tail| cost.kernel(tail));
            ("product".to_owned(), 2 * depth * cost.elements(&product.c) + tail)
        }
        Work::Attention(attention) => {
            let (q, out) = (cost.dims(&attention.q), cost.elements(&attention.out));
            let rank = q.len();
            let keys = cost.dims(&attention.k)[rank - 2];
            let scores = q[..rank - 1].iter().product::<u64>() * keys;
            ("attention".to_owned(), 2 * q[rank - 1] * scores + 2 * keys * out)
        }
        Work::Slide { slide, y, tail } => {
            let outputs = cost.elements(y);
            let window: u64 = slide.axes.iter().map(|axis| cost.size(axis.kernel)).product();
            let (kind, own) = match &slide.what {
                Sliding::Conv { channels, .. } => ("conv", 2 * *channels as u64 * window),
                Sliding::Max | Sliding::Average { .. } => ("pool", window),
            };
            let batch = cost.dims(y)[0];
            let tail = tail.as_ref().map_or(0, |tail| batch * cost.kernel(tail));
            (kind.to_owned(), own * outputs + tail)
        }
        Work::Sizes { .. } => ("sizes".to_owned(), 0),
        Work::Reference { .. } => (format!("reference of {op}"), 0),
    };
    let mut buffers = step.work.buffers();
    buffers.sort_unstable();
    buffers.dedup();
    Event {
        name: op.to_owned(),
        kind,
        node: graph.describe(step.node),
        start_ns,
        end_ns,
        flops,
        bytes: buffers.into_iter().map(|buffer| cost.bytes(buffer)).sum(),
    }
}

/// What steps cost, with the sizes of a run.
struct Cost<'c> {
    engine: &'c Engine,
    sizes: &'c [Option<i64>],
}

impl Cost<'_> {
    fn size(&self, id: usize) -> u64 {
        self.sizes[id].and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
    }

    fn dims(&self, place: &Place) -> Vec<u64> {
        place.dims.iter().map(|&id| self.size(id)).collect()
    }

    fn elements(&self, place: &Place) -> u64 {
        self.dims(place).iter().product()
    }

    fn bytes(&self, buffer: BufferId) -> u64 {
        let about = &self.engine.program.buffers[buffer];
        self.size(about.elements) * tensor::size(about.dtype) as u64
    }

    /// The operations of all passes of a kernel.
    fn kernel(&self, launch: &Launch) -> u64 {
        let kernel = self.engine.kernels[launch.kernel].kernel();
        let passes: u64 = launch.loops.iter().map(|&id| self.size(id)).product();
        passes * operations(&kernel.body)
    }
}

/// The operations of the innermost loops.
fn operations(block: &Block) -> u64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::For { body, .. } | Stmt::Fold { body, .. } => operations(body),
        Stmt::Operation { .. } => 1,
        _ => 0,
    };
    block.iter().map(of).sum()
}
