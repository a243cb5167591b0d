//! What `peftc inspect --sites` says of attention.

use crate::cli::style::{plural, table};
use peftc::inspect::{Attention, PositionPlace, SiteListing};
use std::collections::BTreeSet;

pub(super) fn text(listing: &SiteListing) -> String {
    let sites = &listing.attention;
    let rows: Vec<Vec<String>> = sites.iter().map(row).collect();
    let near: String =
        listing.near_attention.iter().map(|n| format!("near        {n}\n")).collect();
    let count = plural(sites.len(), "site");
    format!("attention   {count}\n{}{}{near}", table(&rows, "  "), positions(sites))
}

fn row(site: &Attention) -> Vec<String> {
    let heads = match site.heads == site.kv_heads {
        true => format!("{} heads of {}", site.heads, site.head_size),
        false => {
            format!("{} heads of {}, {} of K and V", site.heads, site.head_size, site.kv_heads)
        }
    };
    let module = site.module.clone().unwrap_or_else(|| site.softmax.clone());
    let place = format!("{} {}", site.stack, site.layer);
    vec![place, module, heads, site.dtype.to_owned(), masked(site), past(site).to_owned()]
}

fn masked(site: &Attention) -> String {
    let mut kinds: Vec<String> = site
        .masks
        .iter()
        .map(|mask| format!("{} mask{}", mask.kind, if mask.has_bias { " with bias" } else { "" }))
        .collect();
    if site.is_causal {
        kinds.push("causal".to_owned());
    }
    if kinds.is_empty() { "no mask".to_owned() } else { kinds.join(", ") }
}

fn past(site: &Attention) -> &'static str {
    match (&site.key.past, site.key.is_present) {
        (Some(_), true) => "past and present",
        (Some(_), false) => "past",
        (None, true) => "present",
        (None, false) => "",
    }
}

fn positions(sites: &[Attention]) -> String {
    let line = |place: &PositionPlace| {
        format!("positions   {}: input {} of {}\n", place.kind, place.slot, place.node)
    };
    let lines: BTreeSet<String> = sites.iter().flat_map(|s| &s.positions).map(line).collect();
    lines.into_iter().collect()
}
