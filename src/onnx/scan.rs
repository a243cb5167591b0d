//! A scan of the wire for fields that this version does not know.
//!
//! It visits the tags of all messages and skips payloads, so it costs next to nothing for large
//! models. It runs on bytes that prost has decoded.

mod fields;

use fields::Message;
use std::collections::BTreeMap;
use std::fmt;

/// A field that a model has and this version does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownField {
    /// The message, as the schema names it.
    pub message: &'static str,
    /// The field's number.
    pub tag: u32,
    /// Where the first one stands: bytes from the start of the file.
    pub offset: usize,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, tag, offset, count } = self;
        write!(f, "{message} field {tag}, {count} times, first at byte {offset}")
    }
}

/// The unknown fields of an encoded ModelProto.
pub(super) fn unknown_fields(model: &[u8]) -> Vec<UnknownField> {
    let mut found = BTreeMap::new();
    scan(model, 0, &fields::MODEL_PROTO, &mut found);
    found
        .into_iter()
        .map(|((message, tag), (offset, count))| UnknownField { message, tag, offset, count })
        .collect()
}

type Found = BTreeMap<(&'static str, u32), (usize, usize)>;

/// Scans one message at `base`. Stops where the wire makes no sense: prost has said so before.
fn scan(message: &[u8], base: usize, schema: &'static Message, found: &mut Found) {
    let mut at = 0;
    while let Some((key, start)) = varint(message, at) {
        let (tag, wire) = ((key >> 3) as u32, key & 7);
        let field = schema.fields.iter().find(|(t, _)| *t == tag);
        if field.is_none() {
            found.entry((schema.name, tag)).or_insert((base + at, 0)).1 += 1;
        }
        let Some((payload, next)) = payload(message, start, wire) else { return };
        if let (Some((_, Some(inner))), Some(payload)) = (field, payload) {
            scan(payload, base + next - payload.len(), inner, found);
        }
        at = next;
    }
}

/// The payload of a field, where it has a length, and the index behind it.
fn payload(message: &[u8], start: usize, wire: u64) -> Option<(Option<&[u8]>, usize)> {
    let fixed = |len: usize| start.checked_add(len).filter(|&end| end <= message.len());
    match wire {
        0 => varint(message, start).map(|(_, next)| (None, next)),
        1 => Some((None, fixed(8)?)),
        2 => {
            let (len, start) = varint(message, start)?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            Some((Some(message.get(start..end)?), end))
        }
        5 => Some((None, fixed(4)?)),
        _ => None,
    }
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_named_with_their_place() {
        // ir_version = 8; graph { field 99 = 5 }; field 1000 = 1
        let model = [0x08, 8, 0x3a, 3, 0x98, 0x06, 5, 0xc0, 0x3e, 1];
        let shown: Vec<String> = unknown_fields(&model).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "GraphProto field 99, 1 times, first at byte 4",
                "ModelProto field 1000, 1 times, first at byte 7"
            ]
        );
    }
}
