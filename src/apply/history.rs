//! What was applied to a model: the metadata property `peftc.applied`.

use crate::error::{Error, Result};
use crate::ir::Model;
use serde::{Deserialize, Serialize};

/// The metadata property, a JSON list of [`AppliedEntry`].
const PROPERTY: &str = "peftc.applied";

/// One adapter or pass that was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedEntry {
    /// The pass.
    pub pass: String,
    /// Its mode, where it has modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// What was done, as the pass reported it, such as rank and scale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<String>,
    /// SHA-256 of the adapter's configuration and weights; none for a fresh adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<String>,
    /// The same of each adapter, where several were applied as one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts_sha256: Vec<String>,
    /// The model the adapter says it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_model_name_or_path: Option<String>,
    /// SHA-256 of the structure of the model it was applied to.
    pub model_structure_sha256: String,
    /// The version of peftc.
    pub peftc: String,
}

/// What was applied to a model so far.
///
/// # Errors
/// The property is there but is no such list.
pub fn read(model: &Model) -> Result<Vec<AppliedEntry>> {
    let Some(text) = model.metadata.get(PROPERTY) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|e| {
        Error::input(format!("metadata property {PROPERTY:?} is not what peftc writes: {e}"))
    })
}

/// Adds an entry.
pub(super) fn append(model: &mut Model, entry: AppliedEntry) -> Result<()> {
    let mut entries = read(model)?;
    entries.push(entry);
    let text = serde_json::to_string(&entries).map_err(|e| Error::bug(e.to_string()))?;
    model.metadata.set(PROPERTY, text);
    Ok(())
}

impl AppliedEntry {
    /// Whether an adapter of one of these sums is in it.
    pub(super) fn has_any(&self, parts_sha256: &[String]) -> bool {
        let own = self.adapter_sha256.iter().chain(&self.parts_sha256);
        own.into_iter().any(|sha256| parts_sha256.contains(sha256))
    }
}
