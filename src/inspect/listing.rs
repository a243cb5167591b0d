//! The sites of a model that passes work on.

use super::attention::{Attention, attention};
use super::blocks::{Block, blocks};
use super::sites::{Site, sites};
use crate::error::Result;
use crate::onnx;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The sites of a model. Its JSON form only grows within one `schema`.
#[derive(Clone, Debug, Serialize)]
pub struct SiteListing {
    /// Version of the JSON form.
    pub schema: u32,
    /// The file.
    pub path: PathBuf,
    /// Linear sites.
    pub linear: Vec<Site>,
    /// Attention and feed-forward sublayers.
    pub blocks: Vec<Block>,
    /// Attention sites.
    pub attention: Vec<Attention>,
    /// What looks like attention and is not recognized, and why.
    pub near_attention: Vec<String>,
}

/// Reads a model and looks for sites; no weight is read.
///
/// # Errors
/// The model cannot be read.
pub fn list_sites(path: &Path) -> Result<SiteListing> {
    let read = onnx::read(path)?;
    let graph = &read.model.graph;
    let (linear, blocks) = (sites(graph), blocks(graph));
    let (attention, near_attention) = attention(graph);
    Ok(SiteListing { schema: 1, path: path.to_owned(), linear, blocks, attention, near_attention })
}
