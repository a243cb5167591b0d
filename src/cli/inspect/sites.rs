//! What `peftc inspect --sites` says: where a pass can change a model.

use super::attention;
use super::model::{line, site_row};
use crate::cli::style::{plural, table};
use peftc::inspect::{Block, SiteListing};

pub(super) fn text(listing: &SiteListing) -> String {
    let linear: Vec<_> = listing.linear.iter().map(site_row).collect();
    let blocks: Vec<_> = listing.blocks.iter().map(block_row).collect();
    line("linear", &plural(linear.len(), "site"))
        + &table(&linear, "  ")
        + &line("blocks", &plural(blocks.len(), "sublayer"))
        + &table(&blocks, "  ")
        + &attention::text(listing)
}

fn block_row(block: &Block) -> Vec<String> {
    let stack = block.stack.as_ref().map(|s| format!("{s} ")).unwrap_or_default();
    let norm = match (block.norm_kind, block.norm) {
        (Some(kind), Some(place)) => format!("{kind} norm {place}"),
        _ => "no norm".to_owned(),
    };
    vec![
        format!("{stack}layer {} {}", block.layer, block.sublayer),
        format!("{} {}", block.dtype, block.hidden_size),
        norm,
        block.module.clone().unwrap_or_else(|| "(no module name)".to_owned()),
        block.output.clone(),
    ]
}
