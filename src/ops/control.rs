//! Control flow, sequences, optionals.

mod flow;
mod optional;
mod parts;
mod scan;
mod sequence;

use super::{Operator, infer, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("If", flow::choose).infer(infer::control::choose),
    op("Loop", flow::repeat).infer(infer::control::repeat),
    op("Scan", scan::scan).infer(infer::control::scan),
    op("ConcatFromSequence", sequence::concat).infer(infer::sequence::concat),
    op("SequenceAt", sequence::at).infer(infer::sequence::at),
    op("SequenceConstruct", sequence::construct).infer(infer::sequence::construct),
    op("SequenceEmpty", sequence::empty).infer(infer::sequence::empty),
    op("SequenceErase", sequence::erase).infer(infer::sequence::erase),
    op("SequenceInsert", sequence::insert).infer(infer::sequence::insert),
    op("SequenceLength", sequence::length).infer(infer::sequence::length),
    op("SequenceMap", flow::map),
    op("SplitToSequence", sequence::split).infer(infer::sequence::split),
    op("Optional", optional::make),
    op("OptionalGetElement", optional::get).infer(infer::elementwise::identity),
    op("OptionalHasElement", optional::has).infer(infer::control::scalar),
];
