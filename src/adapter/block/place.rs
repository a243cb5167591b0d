//! The places of adapters in a model, as AdapterHub names them.

use super::Sublayer;

/// A sublayer that a path names.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Place<'a> {
    pub(super) stack: Option<&'a str>,
    pub(super) layer: u64,
    pub(super) sublayer: Sublayer,
}

impl<'a> Place<'a> {
    /// Reads a path such as `bert.encoder.layer.0.attention.output`.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.split('.').collect();
        let at = parts.iter().position(|part| is_number(part))?;
        let stack = stack(&parts[..at]);
        let sublayer = match parts[at + 1..] {
            ["layer", number] => of_t5(stack?, number)?,
            ["attention", "output"] | [.., "attention_adapters"] => Sublayer::Attention,
            ["crossattention", "output"] | [.., "cross_attention_adapters"] => {
                Sublayer::CrossAttention
            }
            ["output"] | [.., "output_adapters"] => Sublayer::FeedForward,
            _ => return None,
        };
        Some(Self { stack, layer: parts[at].parse().ok()?, sublayer })
    }
}

/// The number of the layer in a module path: its first part that is a number.
pub(super) fn layer(path: &str) -> Option<u64> {
    path.split('.').find(|part| is_number(part))?.parse().ok()
}

/// `encoder` or `decoder`, the last of the parts that is one.
pub(super) fn stack<'a>(parts: &[&'a str]) -> Option<&'a str> {
    parts.iter().rev().copied().find(|part| ["encoder", "decoder"].contains(part))
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

/// T5 numbers the sublayers of a block.
fn of_t5(stack: &str, number: &str) -> Option<Sublayer> {
    match (stack, number) {
        (_, "0") => Some(Sublayer::Attention),
        ("decoder", "1") => Some(Sublayer::CrossAttention),
        ("encoder", "1") | ("decoder", "2") => Some(Sublayer::FeedForward),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Sublayer::{Attention, CrossAttention, FeedForward};
    use super::*;

    #[test]
    fn places_of_adapterhub() {
        let cases = [
            ("bert.encoder.layer.0.attention.output", Some((Some("encoder"), 0, Attention))),
            ("bert.encoder.layer.11.output", Some((Some("encoder"), 11, FeedForward))),
            (
                "bert.encoder.layer.1.crossattention.output",
                Some((Some("encoder"), 1, CrossAttention)),
            ),
            ("model.layers.3.attention_adapters", Some((None, 3, Attention))),
            ("transformer.h.3.output_adapters", Some((None, 3, FeedForward))),
            ("vit.encoder.layer.1.output.output_adapters", Some((Some("encoder"), 1, FeedForward))),
            ("encoder.block.1.layer.1", Some((Some("encoder"), 1, FeedForward))),
            ("decoder.block.1.layer.1", Some((Some("decoder"), 1, CrossAttention))),
            ("decoder.block.1.layer.2", Some((Some("decoder"), 1, FeedForward))),
            ("encoder.block.1.layer.2", None),
            ("bert.encoder.layer.0.attention.self", None),
            ("bert.pooler", None),
            ("layers.99999999999999999999.output_adapters", None),
        ];
        for (path, expected) in cases {
            let place = Place::parse(path).map(|p| (p.stack, p.layer, p.sublayer));
            assert_eq!(place, expected, "{path}");
        }
    }
}
