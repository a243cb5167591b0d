//! Running models.

#[cfg(feature = "cpu")]
pub mod cpu;
mod interpret;
pub mod profile;
mod session;
mod support;

pub use profile::Profile;
pub use session::{Session, Signature};
