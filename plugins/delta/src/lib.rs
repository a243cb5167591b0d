//! Changes of weights as products of factors, and their algebra, in float64.
//!
//! An adapter's ΔW = s·B·A is never made where its factors do: sums, inner products, norms and
//! singular values come from the factors ([`Factors`], [`Svd`]). What has to be done element by element
//! is done row by row ([`Rows`], [`Combination`]); the best factors of a large matrix that has none
//! come from a random subspace ([`Leading`]). [`METHODS`] are the ways in which several changes become
//! one ([`Module`]).
#![forbid(unsafe_code)]

pub mod coefficients;
pub mod compare;
pub mod dora;
mod elementwise;
mod factors;
mod form;
mod leading;
mod matrix;
mod merge;
mod method;
mod peft;
mod rows;
mod select;
mod spectrum;
mod svd;
mod topk;
mod unfit;
mod weights;

pub use elementwise::{Bounds, Combination, Elementwise, Fuse, Sparsify, Votes};
pub use factors::Factors;
pub use form::Form;
pub use leading::Leading;
pub use matrix::{Matrix, product_f32};
pub use merge::{Change, Merged, Module};
pub use method::{METHODS, Method, Options};
pub use rows::{Rows, Single};
pub use spectrum::{Spectrum, energy_by_rank};
pub use svd::{Limit, NotFinite, Svd, Truncated};
pub use unfit::Unfit;
pub use weights::{Weights, norms_over_all};
