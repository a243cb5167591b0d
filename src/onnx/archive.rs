//! Archives: arrays that callers of a model need, in a file beside it.
//!
//! The metadata property `peftc.archives` names them, as `external_data` names data files, so that
//! what a model refers to is known, and what no model refers to can go.

use crate::error::{Error, Result};
use crate::ir::{Model, Tensor};
use std::path::PathBuf;

/// The metadata property, a JSON list of names of files in the model's folder.
pub(super) const PROPERTY: &str = "peftc.archives";

/// A file of arrays that goes beside a model.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its path, in the model's folder.
    pub path: PathBuf,
    /// Its arrays.
    pub arrays: Vec<(String, Tensor)>,
}

/// Has a model refer to archives, and to those that it refers to already.
///
/// # Errors
/// The name of one is not Unicode.
pub fn refer_to(model: &mut Model, archives: &[Archive]) -> Result<()> {
    let mut names = model.metadata.get(PROPERTY).map(names).unwrap_or_default();
    for Archive { path, .. } in archives {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::input(format!("{}: is no name", path.display())))?;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if !names.is_empty() {
        let text = serde_json::to_string(&names).map_err(|e| Error::bug(e.to_string()))?;
        model.metadata.set(PROPERTY, text);
    }
    Ok(())
}

/// The names that the property says; none where it is not what peftc writes.
pub(super) fn names(property: &str) -> Vec<String> {
    serde_json::from_str(property).unwrap_or_default()
}
