//! Control flow, sequences, optionals.

mod flow;
mod optional;
mod parts;
mod scan;
mod sequence;

use super::{Operator, op};

pub(super) static OPERATORS: &[Operator] = &[
    op("If", flow::choose),
    op("Loop", flow::repeat),
    op("Scan", scan::scan),
    op("ConcatFromSequence", sequence::concat),
    op("SequenceAt", sequence::at),
    op("SequenceConstruct", sequence::construct),
    op("SequenceEmpty", sequence::empty),
    op("SequenceErase", sequence::erase),
    op("SequenceInsert", sequence::insert),
    op("SequenceLength", sequence::length),
    op("SequenceMap", flow::map),
    op("SplitToSequence", sequence::split),
    op("Optional", optional::make),
    op("OptionalGetElement", optional::get),
    op("OptionalHasElement", optional::has),
];
