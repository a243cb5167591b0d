//! Statements and values.

use super::{given, length, pointer, stored};
use crate::kernel::cuda::form::{Operand, Program, Register, Source, Step};
use crate::kernel::ir::{BufferId, Type};
use std::fmt::Write as _;

pub(super) struct Writer<'p> {
    pub(super) program: &'p Program,
    pub(super) text: &'p mut String,
}

impl Writer<'_> {
    pub(super) fn block(&mut self, steps: &[Step], depth: usize) {
        steps.iter().for_each(|step| self.step(step, depth));
    }

    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = 2 * depth);
    }

    fn step(&mut self, step: &Step, depth: usize) {
        match step {
            Step::Set { result, source, is_again } => {
                let ty = self.ty(*result);
                let declared = if *is_again { String::new() } else { format!("{} ", ty.name()) };
                let source = self.source(source, ty);
                self.line(depth, &format!("{declared}{} = {source};", self.register(*result)));
            }
            Step::Split { results, value, by } => {
                let [quotient, rest] = results.map(|result| self.register(result));
                let (value, by) = (self.operand(*value), self.operand(*by));
                self.line(depth, &format!("i64 {quotient} = {value} / {by};"));
                self.line(depth, &format!("i64 {rest} = {value} - {quotient} * {by};"));
            }
            Step::Load { results, buffer, place, is_checked } => {
                self.load(depth, results, *buffer, *place, *is_checked);
            }
            Step::Store { values, buffer, place, is_checked } => {
                self.store(depth, values, *buffer, *place, *is_checked);
            }
            Step::Share { array, place, value } => {
                let (place, value) = (self.operand(*place), self.register(*value));
                self.line(depth, &format!("s{array}[{place}] = {value};"));
            }
            Step::If { condition, body } => {
                self.line(depth, &format!("if ({}) {{", self.register(*condition)));
                self.block(body, depth + 1);
                self.line(depth, "}");
            }
            Step::Loop { index, from, to, step, body } => {
                let [from, to, step] = [from, to, step].map(|operand| self.operand(*operand));
                let at = self.register(*index);
                // Unrolled, a body with divisions spills.
                self.line(depth, "#pragma unroll 1");
                self.line(
                    depth,
                    &format!("for (i64 {at} = {from}; {at} < {to}; {at} += {step}) {{"),
                );
                self.block(body, depth + 1);
                self.line(depth, "}");
            }
            Step::Barrier => self.line(depth, "__syncthreads();"),
        }
    }

    fn load(
        &mut self,
        depth: usize,
        results: &[Register],
        buffer: BufferId,
        place: Operand,
        is_checked: bool,
    ) {
        let (at, dtype) = (buffer.0 as usize, self.program.buffers[buffer.0 as usize].dtype);
        let raw = format!("w{}", results[0].0);
        let (ty, memory) = self.memory(at, place, results.len());
        match is_checked {
            true => {
                let condition = self.is_inside(at, place, results.len());
                let fails = format!("fail(fault, {})", at + 1);
                let loads = format!("if ({condition}) {raw} = {memory}; else {fails};");
                self.line(depth, &format!("{ty} {raw} = {{}}; {loads}"));
            }
            false => self.line(depth, &format!("const {ty} {raw} = {memory};")),
        }
        for (lane, result) in results.iter().enumerate() {
            let element =
                if results.len() == 1 { raw.clone() } else { format!("{raw}.at[{lane}]") };
            let (ty, result) = (self.ty(*result).name(), self.register(*result));
            self.line(depth, &format!("{ty} {result} = load_{}({element});", dtype.name()));
        }
    }

    fn store(
        &mut self,
        depth: usize,
        values: &[Register],
        buffer: BufferId,
        place: Operand,
        is_checked: bool,
    ) {
        let (at, dtype) = (buffer.0 as usize, self.program.buffers[buffer.0 as usize].dtype);
        let narrowed =
            |value: &Register| format!("store_{}({})", dtype.name(), self.register(*value));
        let all: Vec<String> = values.iter().map(narrowed).collect();
        let (ty, memory) = self.memory(at, place, values.len());
        let stores = match all.as_slice() {
            [one] => format!("{memory} = {one};"),
            all => format!("put(&({memory}).all, {ty}{{{{{}}}}}.all);", all.join(", ")),
        };
        match is_checked {
            true => {
                let condition = self.is_inside(at, place, values.len());
                let line = format!("if ({condition}) {stores} else fail(fault, {});", at + 1);
                self.line(depth, &line);
            }
            false => self.line(depth, &stores),
        }
    }

    /// The type of so many elements, and where they are.
    fn memory(&self, at: usize, place: Operand, count: usize) -> (String, String) {
        let buffer = &self.program.buffers[at];
        let (name, ty, place) = (pointer(at, buffer), stored(buffer.dtype), self.operand(place));
        if count == 1 {
            return (ty.to_owned(), format!("{name}[{place}]"));
        }
        let is_const = if buffer.is_output { "" } else { "const " };
        let several = format!("several<{ty}, {count}>");
        let memory = format!("*({is_const}{several} *)({name} + {place})");
        (several, memory)
    }

    fn is_inside(&self, at: usize, place: Operand, count: usize) -> String {
        let length = length(at, &self.program.buffers[at]);
        format!("is_inside({}, {count}, {length})", self.operand(place))
    }

    fn source(&self, source: &Source, ty: Type) -> String {
        match source {
            Source::Number(number) => constant(*number, ty),
            Source::Copy(operand) => self.operand(*operand),
            Source::Thread => "threadIdx.x".to_owned(),
            Source::Threads => "blockDim.x".to_owned(),
            Source::Block => "blockIdx.x".to_owned(),
            Source::Blocks => "gridDim.x".to_owned(),
            Source::IsAligned(buffer, bytes) => {
                let at = buffer.0 as usize;
                let pointer = pointer(at, &self.program.buffers[at]);
                format!("(u64){pointer} % {bytes} == 0")
            }
            Source::Operation(operation, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(|o| self.operand(*o)).collect();
                format!("op_{}({})", operation.name(), arguments.join(", "))
            }
            Source::Shuffle(value, bits) => {
                format!("__shfl_xor_sync(0xffffffff, {}, {bits})", self.register(*value))
            }
            Source::Shared(array, place) => format!("s{array}[{}]", self.operand(*place)),
        }
    }

    fn ty(&self, register: Register) -> Type {
        self.program.registers[register.0 as usize]
    }

    fn operand(&self, operand: Operand) -> String {
        match operand {
            Operand::Register(register) => self.register(register),
            Operand::Integer(number) => integer(number),
        }
    }

    fn register(&self, register: Register) -> String {
        let at = register.0 as usize;
        if at < self.program.given.len() { given(self.program, at) } else { format!("r{at}") }
    }
}

/// An integer, with its type.
fn integer(number: i64) -> String {
    match number {
        // C has no such literal.
        i64::MIN => "(i64)(1ull << 63)".to_owned(),
        _ => format!("{number}ll"),
    }
}

fn constant(number: f64, ty: Type) -> String {
    match ty {
        Type::F32 if (number as f32).is_finite() => format!("{:?}f", number as f32),
        Type::F32 => format!("__uint_as_float({:#x})", (number as f32).to_bits()),
        Type::F64 if number.is_finite() => format!("{number:?}"),
        Type::F64 => format!("__longlong_as_double({:#x})", number.to_bits()),
        Type::I64 => integer(number as i64),
        Type::Bool => (number != 0.0).to_string(),
    }
}
