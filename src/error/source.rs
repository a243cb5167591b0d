//! Text that is parsed, for errors that show the line.

use super::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text and where it is from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    text: Arc<str>,
    path: PathBuf,
}

impl Source {
    pub(crate) fn new(text: &str, path: &Path) -> Self {
        Self { text: text.into(), path: path.to_owned() }
    }

    /// An error at a place of the text: `file:line:column`, the line, and what of it is meant.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        let start = span.start.min(self.text.len());
        let before = self.text.get(..start).unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let column = before[line_start..].chars().count();
        let meant =
            self.text.get(start..span.end).and_then(|t| t.lines().next()).unwrap_or_default();
        let carets = "^".repeat(meant.chars().count().max(1));
        let margin = " ".repeat(number.to_string().len());
        let place = format!("{}:{number}:{}", self.path.display(), column + 1);
        let shown = format!("{number} | {line}\n{margin} | {}{carets}", " ".repeat(column));
        let error = Error::input(message).within(place);
        shown.lines().fold(error, Error::help)
    }
}
