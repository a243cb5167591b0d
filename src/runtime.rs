//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod facts;
mod gradient;
mod interpret;
pub mod profile;
mod session;
mod support;
#[cfg(test)]
mod tests;

pub use profile::Profile;
pub use session::{Options, Session, Signature, steps};
