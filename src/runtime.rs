//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod interpret;
mod session;
mod support;

pub use session::{Options, Session, Signature};
