//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(debug_assertions)]
mod facts;
mod interpret;
mod session;
mod support;

pub use session::{Session, Signature};
