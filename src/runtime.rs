//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod gradient;
mod interpret;
mod session;
mod support;

pub use session::{Session, Signature};
