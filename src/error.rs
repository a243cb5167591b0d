//! What can go wrong, sorted by whose turn it is: the user's, the machine's or ours.

mod source;

pub(crate) use source::Source;

use std::fmt;
use std::path::Path;

/// A result with peftc's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose turn it is after an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input or the usage is wrong.
    Input,
    /// The machine failed: I/O, a full disk, memory.
    Environment,
    /// peftc, or a plugin, broke its own rules.
    Bug,
    /// Cancelled.
    Interrupted,
}

/// An error: what failed, where, the facts, and what would be accepted.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    help: Vec<String>,
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), help: Vec::new() }))
    }

    /// Something in the input is wrong.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The machine failed.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, message)
    }

    /// peftc or a plugin broke its own rules.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// The work was cancelled.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// A file that was named could not be read: missing or forbidden is the user's, the rest the machine's.
    pub fn read_file(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
        let message = format!("{}: {error}", path.display());
        match error.kind() {
            NotFound | PermissionDenied | IsADirectory | NotADirectory => Self::input(message),
            _ => Self::environment(message),
        }
    }

    /// A file could not be written.
    pub fn write_file(path: &Path, error: &std::io::Error) -> Self {
        Self::environment(format!("{}: cannot write: {error}", path.display()))
    }

    /// Puts where it happened in front of the message.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Adds what would be accepted, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Whose turn it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed, where, with the facts.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be accepted, or what to do, a line each.
    pub fn helps(&self) -> &[String] {
        &self.0.help
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for help in &self.0.help {
            write!(f, "\n  {help}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

/// The candidates that look most like `name`, best first, at most `most`.
pub fn near<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    // The comparisons take the product of the lengths, and nobody mistypes so long a name.
    const LONGEST: usize = 512;
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .filter(|c| c.len().max(name.len()) <= LONGEST)
        .map(|c| (strsim::jaro_winkler(name, c).max(strsim::sorensen_dice(name, c)), c))
        .filter(|(score, _)| *score > 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(most).map(|(_, c)| c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_at_once() {
        let (name, other) = ("a".repeat(1 << 22), "ab".repeat(1 << 21));
        assert_eq!(near(&name, [other.as_str(), "q_proj"], 1), [""; 0]);
        assert_eq!(near("q_prj", [other.as_str(), "q_proj"], 1), ["q_proj"]);
    }
}
