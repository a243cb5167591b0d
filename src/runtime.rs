//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
#[cfg(debug_assertions)]
mod facts;
mod interpret;
mod session;
mod support;
#[cfg(test)]
mod tests;

pub use session::{Session, Signature};
