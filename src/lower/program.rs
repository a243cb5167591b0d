//! What a graph becomes: steps over buffers.

use super::view::View;
use crate::ir::{DataType, NodeId, Tensor, ValueId};
use crate::kernel::Kernel;
use crate::ops::size::{Atom, Size};
use std::collections::HashMap;

/// A buffer, by its number.
pub(crate) type BufferId = usize;

/// A size that is evaluated once a run, by its number.
pub(crate) type SizeId = usize;

/// A graph as steps. Sizes are known when it runs; nothing else changes with them.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// By [`SizeId`].
    pub(crate) sizes: Sizes,
    pub(crate) buffers: Vec<Buffer>,
    /// Distinct ones: layers of a model share theirs.
    pub(crate) kernels: Vec<Kernel>,
    /// In an order in which they can run.
    pub(crate) steps: Vec<Step>,
    /// Graph inputs, by slot: those that a step reads.
    pub(crate) inputs: Vec<Option<BufferId>>,
    /// Graph outputs, by slot.
    pub(crate) outputs: Vec<Argument>,
    /// What sizes must be in every run.
    pub(crate) musts: Vec<Must>,
    /// What sizes depend on.
    pub(crate) bound: Vec<Bound>,
}

impl Program {
    /// Whether a buffer is given out, or says a size.
    pub(crate) fn is_given(&self, buffer: BufferId) -> bool {
        let outputs = self.outputs.iter();
        let mut all = outputs.chain(self.bound.iter().filter_map(|bound| bound.from.argument()));
        all.any(|argument| argument.buffer() == buffer)
    }
}

/// What sizes must be in every run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Must {
    /// Equal, or the first is 1: it is broadcast.
    Spread(SizeId, SizeId),
    /// Equal.
    Equal(SizeId, SizeId),
    /// The first is a place along an axis whose size is the second.
    Below(SizeId, SizeId),
}

/// Distinct sizes.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) all: Vec<Size>,
    known: HashMap<Size, SizeId>,
}

impl Sizes {
    /// The number of a size.
    pub(crate) fn id(&mut self, size: &Size) -> SizeId {
        if let Some(&id) = self.known.get(size) {
            return id;
        }
        self.all.push(size.clone());
        self.known.insert(size.clone(), self.all.len() - 1);
        self.all.len() - 1
    }

    fn ids(&mut self, sizes: &[Size]) -> Vec<SizeId> {
        sizes.iter().map(|size| self.id(size)).collect()
    }

    /// A view with its sizes as numbers.
    pub(crate) fn place(&mut self, view: &View) -> Place {
        Place {
            buffer: view.buffer,
            offset: self.id(&view.offset),
            dims: self.ids(&view.dims),
            strides: self.ids(&view.strides),
        }
    }
}

/// Memory that steps read and write.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    /// How elements are stored.
    pub(crate) dtype: DataType,
    /// How many elements.
    pub(crate) elements: SizeId,
    pub(crate) origin: Origin,
}

/// Where a buffer's elements come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A graph input, by slot.
    Input(usize),
    /// A stored tensor, or one that was computed from such.
    Constant(Tensor),
    /// Steps write it.
    Made,
    /// A reference operator makes it as a value.
    Value,
}

/// A [`View`] with sizes by their numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) buffer: BufferId,
    pub(crate) offset: SizeId,
    pub(crate) dims: Vec<SizeId>,
    pub(crate) strides: Vec<SizeId>,
}

impl Place {
    /// All sizes that it is described with.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = SizeId> {
        self.dims.iter().chain(&self.strides).chain([&self.offset]).copied()
    }
}

/// What an atom of sizes is in a run.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) atom: Atom,
    pub(crate) from: From,
    /// The number of the step behind which it is known; none where it is known before all.
    pub(crate) step: Option<usize>,
}

/// Where an atom of sizes is found.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// The size of an axis of a graph input.
    Input { slot: usize, axis: usize },
    /// The size of an axis of a value.
    Axis { argument: Argument, axis: usize },
    /// An element of a vector of integers, or an integer.
    Element { argument: Argument, at: usize },
}

impl From {
    /// The value, if it is not one of the graph's inputs.
    pub(crate) fn argument(&self) -> Option<&Argument> {
        match self {
            Self::Input { .. } => None,
            Self::Axis { argument, .. } | Self::Element { argument, .. } => Some(argument),
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The node that it is named by in profiles and errors.
    pub(crate) node: NodeId,
    pub(crate) work: Work,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A kernel.
    Kernel(Launch),
    /// Matrix products.
    Product(Product),
    /// softmax(score(Q·Kᵀ))·V.
    Attention(Attention),
    /// A convolution or a pool.
    Slide {
        slide: Slide,
        /// `[N, M, places]`, contiguous.
        y: Place,
        /// A kernel over it that is run on each finished part.
        tail: Option<Launch>,
    },
    /// Writes sizes as the elements of a vector of integers.
    Sizes { to: Place, elements: Vec<SizeId> },
    /// An operator's reference.
    Reference {
        inputs: Vec<Option<Argument>>,
        captures: Vec<Option<Argument>>,
        outputs: Vec<Option<(BufferId, ValueId)>>,
    },
}

/// A value that a reference reads, or that is given out.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    /// A buffer that holds a value as it is.
    Value(BufferId),
    /// Elements, in the type that the model says.
    Place { place: Place, dtype: DataType },
}

impl Argument {
    pub(crate) fn buffer(&self) -> BufferId {
        match self {
            Self::Value(buffer) => *buffer,
            Self::Place { place, .. } => place.buffer,
        }
    }
}

/// A kernel with its memory and integers.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// Its number among the kernels.
    pub(crate) kernel: usize,
    /// One for each of its buffers.
    pub(crate) operands: Vec<Operand>,
    /// The integers that it takes.
    pub(crate) given: Vec<SizeId>,
    /// The sizes of its loops, from outside.
    pub(crate) loops: Vec<SizeId>,
    /// Operands whose elements are places along an axis of a table, and its size. Those below 0 count from
    /// the end.
    pub(crate) indices: Vec<(usize, SizeId)>,
    /// Which passes may run apart from each other.
    pub(crate) split: Split,
}

/// Which passes of a kernel may run apart from each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Split {
    /// Those of its grid.
    Rows,
    /// Those of its only loop: the integer is its size.
    Columns(usize),
    /// Those of its grid and of the loop inside.
    Tiles(usize),
    /// None.
    None,
}

/// Memory of a kernel's buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Operand {
    pub(crate) buffer: BufferId,
    pub(crate) offset: SizeId,
    /// Strides along the kernel's loops.
    pub(crate) strides: Vec<SizeId>,
}

/// C = A·B over batches, float32, and what follows element by element.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// `[batch…, M, K]`, with strides of 0 where the batch does not move it.
    pub(crate) a: Place,
    /// `[batch…, K, N]`.
    pub(crate) b: Place,
    /// `[batch…, M, N]`; elements of a row lie together.
    pub(crate) c: Place,
    /// A kernel over `[M, N]` that is run on each finished tile. Only without batches.
    pub(crate) tail: Option<Launch>,
}

/// softmax(score(Q·Kᵀ))·V over batches and heads, float32.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// `[batch…, queries, head size]`.
    pub(crate) q: Place,
    /// `[batch…, keys, head size]`.
    pub(crate) k: Place,
    /// `[batch…, keys, value size]`.
    pub(crate) v: Place,
    /// `[batch…, queries, value size]`.
    pub(crate) out: Place,
    /// A kernel over `[batch…, queries, keys]`, which changes scores in place: its first operand.
    pub(crate) score: Option<Launch>,
    /// Whether a row of NaN weights is 0: one whose keys are all masked.
    pub(crate) is_guarded: bool,
}

/// A window that slides over images, float32.
#[derive(Clone, Debug)]
pub(crate) struct Slide {
    /// `[N, C, spatial axes…]`, contiguous.
    pub(crate) x: Place,
    /// One to three spatial axes.
    pub(crate) axes: Vec<Along>,
    pub(crate) what: Sliding,
}

/// How a window slides along an axis.
#[derive(Clone, Debug)]
pub(crate) struct Along {
    pub(crate) input: SizeId,
    pub(crate) output: SizeId,
    pub(crate) kernel: SizeId,
    pub(crate) stride: SizeId,
    pub(crate) dilation: SizeId,
    /// Padding in front.
    pub(crate) begin: SizeId,
    /// Padding behind.
    pub(crate) end: SizeId,
}

/// What is made of what a window sees.
#[derive(Clone, Debug)]
pub(crate) enum Sliding {
    /// Its products with filters, and a bias.
    Conv {
        /// A constant, `[groups · filters, channels, kernel…]`.
        constant: BufferId,
        /// `[groups · filters]`, contiguous.
        bias: Option<Place>,
        groups: usize,
        /// Channels of a group.
        channels: usize,
        /// Filters of a group.
        filters: usize,
    },
    /// The greatest.
    Max,
    /// The average.
    Average { counts_padding: bool },
}

impl Slide {
    /// The buffers that it reads.
    pub(crate) fn reads(&self) -> Vec<BufferId> {
        match &self.what {
            Sliding::Conv { constant, bias, .. } => {
                let bias = bias.as_ref().map(|bias| bias.buffer);
                [self.x.buffer, *constant].into_iter().chain(bias).collect()
            }
            Sliding::Max | Sliding::Average { .. } => vec![self.x.buffer],
        }
    }

    /// All of its sizes.
    pub(crate) fn sizes(&self) -> Vec<SizeId> {
        let bias = match &self.what {
            Sliding::Conv { bias, .. } => bias.as_ref(),
            Sliding::Max | Sliding::Average { .. } => None,
        };
        let places = [&self.x].into_iter().chain(bias).flat_map(Place::sizes);
        let of = |axis: &Along| [axis.output, axis.begin, axis.end];
        places.chain(self.axes.iter().flat_map(of)).collect()
    }
}

impl Launch {
    fn buffers(&self) -> impl Iterator<Item = BufferId> {
        self.operands.iter().map(|operand| operand.buffer)
    }
}

impl Work {
    /// Buffers whose elements are read as numbers of their type, which must be aligned.
    pub(crate) fn typed(&self) -> Vec<BufferId> {
        match self {
            Self::Product(product) => vec![product.a.buffer, product.b.buffer],
            Self::Attention(step) => vec![step.q.buffer, step.k.buffer, step.v.buffer],
            Self::Slide { slide, .. } => slide.reads(),
            _ => Vec::new(),
        }
    }

    /// All buffers that it reads or writes.
    pub(crate) fn buffers(&self) -> Vec<BufferId> {
        match self {
            Self::Kernel(launch) => launch.buffers().collect(),
            Self::Product(product) => {
                let own = [&product.a, &product.b, &product.c].map(|place| place.buffer);
                own.into_iter().chain(product.tail.iter().flat_map(Launch::buffers)).collect()
            }
            Self::Attention(attention) => {
                let Attention { q, k, v, out, score, .. } = attention;
                let own = [q, k, v, out].map(|place| place.buffer);
                own.into_iter().chain(score.iter().flat_map(Launch::buffers)).collect()
            }
            Self::Slide { slide, y, tail } => {
                let own = slide.reads().into_iter().chain([y.buffer]);
                own.chain(tail.iter().flat_map(Launch::buffers)).collect()
            }
            Self::Sizes { to, .. } => vec![to.buffer],
            Self::Reference { inputs, captures, outputs } => {
                let read = inputs.iter().chain(captures).flatten().map(Argument::buffer);
                read.chain(outputs.iter().flatten().map(|(buffer, _)| *buffer)).collect()
            }
        }
    }
}
