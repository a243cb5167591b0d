//! A graph as steps: sizes inferred, movement folded into strides, operators fused into kernels.
//!
//! [`lower`] is pure: it knows no device. What it makes is a [`Program`] of [`Step`]s over buffers, whose
//! sizes are numbers only when it runs. Elements move only where strides cannot say it; operators of single
//! elements join the kernel that makes what they read: a product as its tail, a row, or each other.
//! Whatever has no lowering is run by its operator's reference.
#![forbid(unsafe_code)]

mod attention;
mod channel;
mod emit;
pub(crate) mod expand;
mod group;
mod late;
mod loops;
mod lowering;
mod map;
mod movement;
mod must;
mod place;
mod product;
mod program;
mod resize;
mod rows;
mod schedule;
mod simplify;
mod slide;
mod table;
mod text;
mod view;

pub(crate) use emit::SCORE_STRIDE;
pub(crate) use lowering::lower;
pub(crate) use program::{
    Along, Argument, Attention, BufferId, From, Launch, Must, Operand, Origin, Place, Product,
    Program, Slide, Sliding, Split, Step, Work,
};
pub(crate) use text::text;
