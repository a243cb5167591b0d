//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod facts;
mod interpret;
mod session;
mod support;

pub use session::{Session, Signature};
