//! A program as text, for tests and for reading.

use super::program::{
    Along, Argument, From, Launch, Must, Origin, Place, Program, SizeId, Sliding, Work,
};
use crate::ir::Graph;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Buffers that are used, what sizes must be, steps, outputs, and the kernels.
pub(crate) fn text(program: &Program, graph: &Graph) -> String {
    let printer = Printer { program, graph };
    let mut text = String::new();
    printer.buffers(&mut text);
    for must in &program.musts {
        let (Must::Spread(x, y) | Must::Equal(x, y) | Must::Below(x, y)) = *must;
        let rule = match must {
            Must::Spread(..) => "is 1 or",
            Must::Equal(..) => "is",
            Must::Below(..) => "is a place of",
        };
        line(&mut text, format_args!("must {} {rule} {}", printer.size(x), printer.size(y)));
    }
    for bound in program.bound.iter().filter(|bound| bound.from.argument().is_some()) {
        let from = match &bound.from {
            From::Input { slot, axis } => format!("axis {axis} of input {slot}"),
            From::Axis { argument, axis } => format!("axis {axis} of b{}", argument.buffer()),
            From::Element { argument, at } => format!("element {at} of b{}", argument.buffer()),
        };
        let step = bound.step.map_or(String::new(), |step| format!(" behind step {step}"));
        line(&mut text, format_args!("size {} = {from}{step}", bound.atom));
    }
    for (number, step) in program.steps.iter().enumerate() {
        let op = graph.node(step.node).op().map_or("", |op| op.op_type.as_str());
        line(&mut text, format_args!("{number}: {op}: {}", printer.work(&step.work)));
    }
    for argument in &program.outputs {
        line(&mut text, format_args!("out {}", printer.argument(argument)));
    }
    for (number, kernel) in program.kernels.iter().enumerate() {
        line(&mut text, format_args!("\n{number}: {kernel}"));
    }
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", arguments.to_string().trim_end());
}

struct Printer<'p> {
    program: &'p Program,
    graph: &'p Graph,
}

impl Printer<'_> {
    fn size(&self, id: SizeId) -> String {
        self.program.sizes.all[id].to_string()
    }

    fn list(&self, ids: &[SizeId]) -> String {
        ids.iter().map(|&id| self.size(id)).collect::<Vec<_>>().join(", ")
    }

    fn buffers(&self, text: &mut String) {
        let program = self.program;
        let own = program.steps.iter().flat_map(|step| step.work.buffers());
        let used: BTreeSet<_> = own.chain(program.outputs.iter().map(Argument::buffer)).collect();
        for number in used {
            let buffer = &program.buffers[number];
            let origin = match buffer.origin {
                Origin::Input(slot) => format!("input {slot}"),
                Origin::Constant(_) => "constant".to_owned(),
                Origin::Made => "made".to_owned(),
                Origin::Value => "value".to_owned(),
            };
            let (dtype, elements) = (buffer.dtype, self.size(buffer.elements));
            line(text, format_args!("b{number} = {origin}: {elements} of {dtype}"));
        }
    }

    fn offset(&self, id: SizeId) -> String {
        match self.size(id).as_str() {
            "0" => String::new(),
            offset => format!(" from {offset}"),
        }
    }

    fn place(&self, place: &Place) -> String {
        let offset = self.offset(place.offset);
        let (dims, strides) = (self.list(&place.dims), self.list(&place.strides));
        format!("b{}[{dims}] by ({strides}){offset}", place.buffer)
    }

    fn argument(&self, argument: &Argument) -> String {
        match argument {
            Argument::Value(buffer) => format!("b{buffer}"),
            Argument::Place { place, dtype } => format!("{}: {dtype}", self.place(place)),
        }
    }

    fn arguments(&self, all: &[Option<Argument>]) -> String {
        let one = |argument: &Option<Argument>| match argument {
            Some(argument) => self.argument(argument),
            None => "_".to_owned(),
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn launch(&self, launch: &Launch) -> String {
        let loops = self.list(&launch.loops);
        let mut text = format!("kernel {} over ({loops}), split {:?}", launch.kernel, launch.split);
        for (number, operand) in launch.operands.iter().enumerate() {
            let (strides, offset) = (self.list(&operand.strides), self.offset(operand.offset));
            let _ = write!(text, "\n     b{} by ({strides}){offset}", operand.buffer);
            for (_, axis) in launch.indices.iter().filter(|(index, _)| *index == number) {
                let _ = write!(text, ", places of {}", self.size(*axis));
            }
        }
        text
    }

    fn work(&self, work: &Work) -> String {
        let last = |name: &str, launch: &Option<Launch>| match launch {
            Some(launch) => format!("\n   {name} {}", self.launch(launch)),
            None => String::new(),
        };
        let places = |all: &[(&str, &Place)]| -> String {
            all.iter().map(|(name, place)| format!("\n   {name} {}", self.place(place))).collect()
        };
        match work {
            Work::Kernel(launch) => self.launch(launch),
            Work::Product(product) => {
                let all = places(&[("a", &product.a), ("b", &product.b), ("c", &product.c)]);
                format!("product{all}{}", last("tail", &product.tail))
            }
            Work::Attention(attention) => {
                let guarded = if attention.is_guarded { ", guarded" } else { "" };
                let all = places(&[
                    ("q", &attention.q),
                    ("k", &attention.k),
                    ("v", &attention.v),
                    ("out", &attention.out),
                ]);
                format!("attention{guarded}{all}{}", last("score", &attention.score))
            }
            Work::Slide { slide, y, tail } => {
                let what = match &slide.what {
                    Sliding::Conv { groups, .. } => format!("conv, groups {groups}"),
                    Sliding::Max => "max pool".to_owned(),
                    Sliding::Average { .. } => "average pool".to_owned(),
                };
                let axis = |along: &Along| {
                    let Along { input, output, kernel, stride, dilation, begin, end } = *along;
                    let all = [kernel, stride, dilation, begin, end];
                    let (from, to) = (self.size(input), self.size(output));
                    format!(
                        "\n   {from} -> {to}, kernel, stride, dilation, pads ({})",
                        self.list(&all)
                    )
                };
                let axes: String = slide.axes.iter().map(axis).collect();
                let all = places(&[("x", &slide.x), ("y", y)]);
                format!("{what}{axes}{all}{}", last("tail", tail))
            }
            Work::Sizes { to, elements } => {
                format!("{} = {}", self.place(to), self.list(elements))
            }
            Work::Reference { inputs, captures, outputs } => {
                let captures = match captures.is_empty() {
                    true => String::new(),
                    false => format!(" with {}", self.arguments(captures)),
                };
                let outputs = outputs.iter().map(|output| match output {
                    Some((buffer, value)) => {
                        format!("b{buffer} {:?}", self.graph.value(*value).name())
                    }
                    None => "_".to_owned(),
                });
                let outputs = outputs.collect::<Vec<_>>().join(", ");
                format!("reference ({}){captures} -> {outputs}", self.arguments(inputs))
            }
        }
    }
}
