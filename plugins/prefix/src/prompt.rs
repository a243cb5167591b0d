//! The pass `prompt`.

use peftc_plugin::{Error, Result, Run};

pub(crate) fn run(_run: &Run<'_>) -> Result<()> {
    Err(Error::unsupported("prompts"))
}
