//! Models that are one half of an encoder–decoder, as their exports with past are.

use crate::keys::Keys;
use peftc_plugin::{BlockSiteInfo, Result, Run, Sublayer};

/// Takes the adapters of the other half out of the adapter, with a note, where the model is one
/// half: a decoder, which has cross-attention; or an encoder whose modules are those that the
/// adapter names.
pub(crate) fn leave_other_half(run: &Run<'_>, keys: &mut Keys<'_>) -> Result<()> {
    let sites = run.block_sites()?;
    let infos: Vec<_> =
        sites.into_iter().map(|site| run.block_site(site)).collect::<Result<_>>()?;
    let Some((half, other)) = half(&infos, keys) else { return Ok(()) };
    let is_other = |place: &str| stack_of(place) == Some(other);
    let left: Vec<&str> = keys.places.keys().copied().filter(|place| is_other(place)).collect();
    for place in &left {
        for name in keys.places.remove(place).iter().flat_map(|tensors| tensors.values()) {
            // Reading a tensor is what marks it as used.
            run.adapter_tensor(name)?;
        }
    }
    if !left.is_empty() {
        run.note(&format!(
            "the model is the {half} alone: {} adapters of the {other} are left out; they belong into the {other}'s model",
            left.len()
        ));
    }
    Ok(())
}

/// The half that the model is, and the other.
fn half(sites: &[BlockSiteInfo<'_>], keys: &Keys<'_>) -> Option<(&'static str, &'static str)> {
    let are_all = |stack: &str| sites.iter().all(|site| site.stack == stack);
    let crosses = sites.iter().any(|site| site.sublayer == Sublayer::CrossAttention);
    if are_all("decoder") && crosses {
        return Some(("decoder", "encoder"));
    }
    let is_named = |place: &str| {
        let inner = format!("{place}.");
        sites.iter().any(|site| {
            site.module.starts_with(&inner) || site.module.contains(&format!(".{inner}"))
        })
    };
    let mut encoders =
        keys.places.keys().filter(|place| stack_of(place) == Some("encoder")).peekable();
    let is_encoder =
        are_all("encoder") && encoders.peek().is_some() && encoders.all(|place| is_named(place));
    is_encoder.then_some(("encoder", "decoder"))
}

fn stack_of(place: &str) -> Option<&str> {
    place.split('.').find(|part| ["encoder", "decoder"].contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_of_places() {
        assert_eq!(stack_of("decoder.block.0.layer.2"), Some("decoder"));
        assert_eq!(stack_of("bert.encoder.layer.0.output"), Some("encoder"));
        assert_eq!(stack_of("model.layers.0.output_adapters"), None);
    }
}
