//! What is unusual about a model: facts that a user of it should know, a sentence each.

mod files;
mod format;
mod interface;
mod nodes;
mod tensors;

use super::survey::{Part, Survey};
use crate::error::Result;
use crate::ir::ValueId;
use crate::onnx::{
    GraphCarried, ModelCarried, ReadModel, carried_by_graph, carried_by_model, carried_by_op,
};
use std::fmt::Display;
use std::path::Path;

/// How many examples a sentence has.
const MOST_EXAMPLES: usize = 3;

/// A rule: its sentence, where it finds something.
type Rule = fn(&Facts<'_>) -> Option<String>;

/// All rules, in the order of their sentences: what stands in the way of using the model first.
const RULES: &[Rule] = &[
    format::invalid,
    format::lost_fields,
    files::changed_links,
    format::unreadable_history,
    format::newer_ir,
    nodes::uncovered_domains,
    nodes::unused_opsets,
    nodes::repeated_names,
    nodes::device_configurations,
    format::training,
    format::quantization,
    format::unmade,
    interface::overridable,
    interface::unread_inputs,
    interface::passed_through,
    tensors::unread,
    tensors::several_users,
    tensors::sparse,
    tensors::strings,
    tensors::rare_types,
    tensors::large_typed,
    files::linked,
    files::unaligned,
    files::shared,
    files::overlapping,
    files::unused_bytes,
];

/// What the rules look at.
struct Facts<'a> {
    survey: &'a Survey<'a>,
    read: &'a ReadModel,
    folder: &'a Path,
    carried: ModelCarried,
    /// What every part of the survey carries.
    carried_by_parts: Vec<GraphCarried>,
    /// The device configurations that operators name.
    carried_by_ops: Vec<String>,
}

/// The sentences on a model whose data files are named from `folder`.
pub(super) fn unusual(survey: &Survey<'_>, read: &ReadModel, folder: &Path) -> Result<Vec<String>> {
    let by_parts = survey.parts.iter().map(|part| carried_by_graph(part.graph));
    let by_ops: Vec<Vec<String>> = survey.ops().map(carried_by_op).collect::<Result<_>>()?;
    let facts = Facts {
        survey,
        read,
        folder,
        carried: carried_by_model(survey.model)?,
        carried_by_parts: by_parts.collect::<Result<_>>()?,
        carried_by_ops: by_ops.concat(),
    };
    Ok(RULES.iter().filter_map(|rule| rule(&facts)).collect())
}

/// `2 things are so: "a", "b"`, in the words for one thing or for many.
fn found<T: Display>(things: &[T], one: &str, many: &str) -> Option<String> {
    let words = if things.len() == 1 { one } else { many };
    (!things.is_empty()).then(|| format!("{} {words}: {}", things.len(), examples(things)))
}

/// The first things of a list, and how many more there are.
fn examples<T: Display>(things: &[T]) -> String {
    let shown: Vec<String> = things.iter().take(MOST_EXAMPLES).map(ToString::to_string).collect();
    match things.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Part<'_> {
    /// What a sentence calls something of this graph.
    fn locate(&self, thing: impl Display) -> String {
        match &self.place {
            Some(place) => format!("{thing} in {place}"),
            None => thing.to_string(),
        }
    }

    /// What a sentence calls a value of this graph.
    fn value(&self, id: ValueId) -> String {
        self.locate(format_args!("{:?}", self.graph.value(id).name()))
    }
}
