//! A walk over the wire: it visits the fields of all messages and skips payloads, so it costs
//! next to nothing for large models.

mod fields;

use super::archive;
use super::proto::StringStringEntryProto;
use fields::Message;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A field that a model has and this version does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownField {
    /// The message, as the schema names it.
    pub message: &'static str,
    /// The field's number.
    pub tag: u32,
    /// Where the first one stands.
    pub place: String,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, tag, place, count } = self;
        write!(f, "{message} field {tag}, {count} times, first at {place}")
    }
}

/// The unknown fields of an encoded ModelProto.
pub(super) fn unknown_fields(model: &[u8]) -> Vec<UnknownField> {
    let mut found: BTreeMap<(&'static str, u32), (usize, usize)> = BTreeMap::new();
    walk(model, &mut |field| {
        if !field.is_known {
            found.entry((field.message, field.tag)).or_insert((field.offset, 0)).1 += 1;
        }
    });
    found
        .into_iter()
        .map(|((message, tag), (offset, count))| UnknownField {
            message,
            tag,
            place: format!("byte {offset}"),
            count,
        })
        .collect()
}

/// The external data files and archives that an encoded ModelProto names, sorted; none in other
/// files.
pub(super) fn external_locations(model: &[u8]) -> BTreeSet<String> {
    const EXTERNAL_DATA: u32 = 13;
    const METADATA_PROPS: u32 = 14;
    let mut found = BTreeSet::new();
    let starts_as_model =
        varint(model, 0).is_some_and(|(key, _)| is_field(&fields::MODEL_PROTO, key >> 3));
    if !starts_as_model {
        return found;
    }
    walk(model, &mut |field| {
        let key = match (field.message, field.tag) {
            ("TensorProto", EXTERNAL_DATA) => "location",
            ("ModelProto", METADATA_PROPS) => archive::PROPERTY,
            _ => return,
        };
        let entry = field.payload.and_then(|entry| StringStringEntryProto::decode(entry).ok());
        match entry.filter(|entry| entry.key() == key) {
            Some(entry) if key == "location" => drop(found.insert(entry.value().to_owned())),
            Some(entry) => found.extend(archive::names(entry.value())),
            None => {}
        }
    });
    found
}

fn is_field(message: &Message, tag: u64) -> bool {
    message.fields.iter().any(|(known, _)| u64::from(*known) == tag)
}

/// A field of a message on the wire.
struct Field<'a> {
    /// The message it is in.
    message: &'static str,
    tag: u32,
    is_known: bool,
    /// Its bytes, where it has a length.
    payload: Option<&'a [u8]>,
    /// Where it stands: bytes from the start of the model.
    offset: usize,
}

/// Visits all fields of an encoded ModelProto. It stops in a message where the wire makes no
/// sense, and at prost's limit of nesting.
fn walk(model: &[u8], visit: &mut dyn FnMut(Field<'_>)) {
    const DEEPEST: usize = 100;
    walk_message(model, 0, &fields::MODEL_PROTO, DEEPEST, visit);
}

fn walk_message(
    message: &[u8],
    base: usize,
    schema: &'static Message,
    depth: usize,
    visit: &mut dyn FnMut(Field<'_>),
) {
    let mut at = 0;
    while let Some((key, start)) = varint(message, at) {
        let (tag, wire) = ((key >> 3) as u32, key & 7);
        let Some((payload, next)) = payload(message, start, wire).filter(|_| tag > 0) else {
            return;
        };
        let field = schema.fields.iter().find(|(t, _)| *t == tag);
        let (message, offset) = (schema.name, base + at);
        visit(Field { message, tag, is_known: field.is_some(), payload, offset });
        if let (Some((_, Some(inner))), Some(payload), 1..) = (field, payload, depth) {
            walk_message(payload, base + next - payload.len(), inner, depth - 1, visit);
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
