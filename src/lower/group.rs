//! Operators that become one kernel: what is computed at each element of an index space.

use super::program::{Attention, Slide};
use super::view::{View, count};
use crate::ir::{DataType, Op};
use crate::kernel::{FoldKind, Operation, Scalar, Type};
use crate::ops::Lowering;
use crate::ops::schema::Schema;
use crate::ops::size::Size;

/// A value of a group, by its number.
pub(crate) type InstId = usize;

/// What is computed at each element of an index space.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    /// The sizes of the space.
    pub(crate) space: Vec<Size>,
    pub(crate) insts: Vec<Inst>,
    pub(crate) outputs: Vec<Output>,
}

/// What stands at the head of a group.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing: each element is alone.
    Map,
    /// Folds along the last axis.
    Rows,
    /// A matrix product, whose space is rows and columns. Values may have other sizes, of as many columns.
    Product { a: View, b: View },
    /// Matrix products over batches.
    Batch { a: View, b: View },
    /// An attention, whose scores are changed in place: the space is that of all scores, a kernel's loops are
    /// queries and keys.
    Attention(Box<Attention>),
    /// A window over images, whose space is images, channels and places. Values may have other sizes, of as
    /// many places.
    Slide(Box<Slide>),
}

impl Kind {
    /// Whether its elements are made before those of the group.
    pub(crate) fn has_tail(&self) -> bool {
        !matches!(self, Self::Map | Self::Rows)
    }
}

/// A value that is stored.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) inst: InstId,
    /// Over the space; values that are one a row have a stride of 0 along the last axis.
    pub(crate) view: View,
}

/// A value at each element.
#[derive(Clone, Debug)]
pub(crate) enum Inst {
    /// Loaded. The view has the sizes of the space.
    Operand(View),
    /// Loaded from where an integer says, along an axis of a table.
    Gathered {
        /// The table without that axis, over the space.
        table: View,
        /// From element to element of the axis.
        stride: Size,
        /// How many elements the axis has.
        length: Size,
        index: InstId,
        /// How often the whole axis is added.
        turns: InstId,
    },
    /// A number.
    Constant(Type, f64),
    /// The index along an axis of the space, as an integer.
    Index(usize),
    /// An operation.
    Op(Operation, Vec<InstId>),
    /// A function of one value.
    Math(for<'b> fn(Scalar<'b>) -> Scalar<'b>, InstId),
    /// An elementwise operator.
    Element(Box<Element>),
    /// Of all values of a row.
    Fold(FoldKind, InstId),
    /// An element of the product, or of what a window makes.
    Product,
}

/// An elementwise operator of a group.
#[derive(Clone)]
pub(crate) struct Element {
    pub(crate) lowering: &'static Lowering,
    pub(crate) op: Op,
    pub(crate) schema: &'static Schema,
    pub(crate) from: Vec<Option<DataType>>,
    pub(crate) to: DataType,
    pub(crate) arguments: Vec<Option<InstId>>,
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.op.op_type, self.arguments)
    }
}

impl Inst {
    /// The values that it needs.
    pub(crate) fn arguments(&self) -> Vec<InstId> {
        match self {
            Self::Operand(_) | Self::Constant(..) | Self::Index(_) | Self::Product => Vec::new(),
            Self::Gathered { index, turns, .. } => vec![*index, *turns],
            Self::Op(_, arguments) => arguments.clone(),
            Self::Math(_, argument) | Self::Fold(_, argument) => vec![*argument],
            Self::Element(element) => element.arguments.iter().copied().flatten().collect(),
        }
    }

    /// The same, of values whose numbers are larger by this.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        match &mut self {
            Self::Operand(_) | Self::Constant(..) | Self::Index(_) | Self::Product => {}
            Self::Gathered { index, turns, .. } => {
                *index += by;
                *turns += by;
            }
            Self::Op(_, arguments) => arguments.iter_mut().for_each(|id| *id += by),
            Self::Math(_, argument) | Self::Fold(_, argument) => *argument += by,
            Self::Element(element) => {
                element.arguments.iter_mut().flatten().for_each(|id| *id += by);
            }
        }
        self
    }

    /// Whether it takes much longer to compute than to load.
    pub(crate) fn is_costly(&self) -> bool {
        matches!(
            self,
            Self::Math(..) | Self::Element(_) | Self::Op(Operation::Div, _) | Self::Gathered { .. }
        )
    }
}

impl Group {
    pub(crate) fn new(kind: Kind, space: Vec<Size>) -> Self {
        Self { kind, space, insts: Vec::new(), outputs: Vec::new() }
    }

    pub(crate) fn push(&mut self, inst: Inst) -> InstId {
        self.insts.push(inst);
        self.insts.len() - 1
    }

    pub(crate) fn op(&mut self, operation: Operation, arguments: &[InstId]) -> InstId {
        self.push(Inst::Op(operation, arguments.to_vec()))
    }

    /// Whether values of these sizes have one element for each of the space.
    pub(crate) fn has(&self, dims: &[Size]) -> bool {
        match self.kind {
            Kind::Product { .. } => {
                dims.last() == self.space.last() && count(dims) == count(&self.space)
            }
            Kind::Slide(_) => {
                dims.len() > 2 && dims[..2] == self.space[..2] && count(&dims[2..]) == self.space[2]
            }
            _ => self.space == dims,
        }
    }

    /// A view of a value's own sizes, over the space: a value that is one a row has a last axis of size 1, or
    /// none. None where strides cannot say it.
    pub(crate) fn over(&self, view: &View) -> Option<View> {
        match self.kind {
            Kind::Product { .. } => return view.rows(),
            Kind::Slide(_) => return view.planes(),
            _ => {}
        }
        let mut over = view.clone();
        if over.dims.len() < self.space.len() {
            over.dims.push(Size::from(1));
            over.strides.push(Size::from(0));
        }
        if over.dims.last() != self.space.last() {
            over.strides.pop();
            over.strides.push(Size::from(0));
        }
        Some(View { dims: self.space.clone(), ..over })
    }

    /// Whether values differ along the last axis, by their numbers.
    pub(crate) fn varying(&self) -> Vec<bool> {
        let last = self.space.len().checked_sub(1);
        let moves = |view: &View| {
            let stride = last.and_then(|last| view.strides.get(last));
            stride.is_some_and(|stride| stride.known() != Some(0))
        };
        let mut varying: Vec<bool> = Vec::with_capacity(self.insts.len());
        for inst in &self.insts {
            let any = inst.arguments().iter().any(|&id| varying[id]);
            varying.push(match inst {
                Inst::Operand(view) => moves(view),
                Inst::Gathered { table, .. } => any || moves(table),
                Inst::Index(axis) => Some(*axis) == last,
                Inst::Product => true,
                Inst::Fold(..) => false,
                _ => any,
            });
        }
        varying
    }
}
