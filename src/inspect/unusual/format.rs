//! Rules on what the file says that the graph does not: versions, unknown and carried fields.

use super::{Facts, found};
use crate::apply::applied;
use crate::ir::verify_model;
use crate::onnx::{GraphCarried, NEWEST_IR_VERSION};

/// The graph breaks the IR's rules.
pub(super) fn invalid(facts: &Facts<'_>) -> Option<String> {
    found(
        &verify_model(facts.survey.model),
        "rule of ONNX does not hold, so that apply refuses the model",
        "rules of ONNX do not hold, so that apply refuses the model",
    )
}

/// Writing loses fields.
pub(super) fn lost_fields(facts: &Facts<'_>) -> Option<String> {
    found(
        &facts.read.unknown_fields,
        "kind of field is lost by writing the model, so that apply refuses it without --drop-unknown",
        "kinds of fields are lost by writing the model, so that apply refuses it without --drop-unknown",
    )
}

/// The history of what was applied is not what peftc writes.
pub(super) fn unreadable_history(facts: &Facts<'_>) -> Option<String> {
    applied(facts.survey.model).err().map(|error| error.message().to_owned())
}

/// The IR is newer than what is known.
pub(super) fn newer_ir(facts: &Facts<'_>) -> Option<String> {
    let version = facts.survey.model.ir_version;
    (version > NEWEST_IR_VERSION).then(|| {
        format!("IR version {version} is newer than {NEWEST_IR_VERSION}, the newest that this version of peftc knows")
    })
}

/// The model says how to train it.
pub(super) fn training(facts: &Facts<'_>) -> Option<String> {
    (facts.carried.training > 0).then(|| {
        "the model has training information, which is carried along as it is, unseen by passes"
            .to_owned()
    })
}

/// Tensors have quantization parameters outside of the graph.
pub(super) fn quantization(facts: &Facts<'_>) -> Option<String> {
    found(
        &carried_names(facts, |carried| &carried.quantized),
        "tensor has a quantization annotation, which is carried along as it is",
        "tensors have quantization annotations, which are carried along as they are",
    )
}

/// Values are declared and not there.
pub(super) fn unmade(facts: &Facts<'_>) -> Option<String> {
    found(
        &carried_names(facts, |carried| &carried.unmade),
        "value is declared that nothing makes",
        "values are declared that nothing makes",
    )
}

/// Names that graphs carry.
fn carried_names(facts: &Facts<'_>, names: impl Fn(&GraphCarried) -> &[String]) -> Vec<String> {
    let parts = facts.survey.parts.iter().zip(&facts.carried_by_parts);
    let located = parts.flat_map(|(part, carried)| {
        names(carried).iter().map(|name| part.locate(format_args!("{name:?}")))
    });
    located.collect()
}
