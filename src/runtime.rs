//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod facts;
mod interpret;
mod session;
mod support;
#[cfg(test)]
mod tests;

pub use session::{Session, Signature};
