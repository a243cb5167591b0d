//! Running models.

mod interpret;
mod session;
mod support;

pub use session::{Session, Signature};
