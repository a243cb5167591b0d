//! Passes over a model, and the manager that runs them: it applies what a pass recorded as a
//! whole, verifies, and names the pass when something does not hold.

use crate::error::{Error, Result};
use crate::ir::{Applied, Edits, Model};

/// A pass reads a model and records edits of its main graph.
pub trait Pass {
    /// Its name and origin, for messages.
    fn title(&self) -> String;

    /// Records what is to change. The model is as it was before the run.
    fn run(&mut self, model: &Model) -> Result<Edits>;
}

/// Runs a pass on a model: all of its edits are applied, or none.
///
/// # Errors
/// What the pass says, or, as a bug of the pass, edits that cannot be applied. The model is
/// then as it was.
pub fn run(pass: &mut dyn Pass, model: &mut Model) -> Result<Applied> {
    let span = tracing::info_span!("pass", name = %pass.title());
    let _entered = span.enter();
    let edits = pass.run(model)?;
    model.apply(edits).map_err(|problems| {
        let message =
            format!("{}: its edits cannot be applied; the model is unchanged", pass.title());
        problems.into_iter().fold(Error::bug(message), Error::help)
    })
}
