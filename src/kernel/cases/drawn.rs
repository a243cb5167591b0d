//! Kernels that are drawn.
//!
//! Operations that jump take only numbers that both compute exactly, so that no rounding decides.

use super::{Case, Run, parsed};
use crate::kernel::Memory;
use crate::kernel::interpret::wrapped;
use std::fmt::Write as _;

const EXTENTS: &[i64] = &[0, 1, 2, 3, 4, 5, 15, 16, 17, 19, 20, 37];
const INTEGERS: &[&str] = &["i8", "i16", "i32", "i64", "u8", "u16", "u32"];
const FOLDS: &[&str] = &["sum", "max", "min", "product"];

/// What is drawn, one after the other; 0 behind the end.
pub(super) struct Draws(pub(super) std::vec::IntoIter<u32>);

impl Draws {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.next().unwrap_or(0) as usize % end
    }

    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// The values so far, by what may be done with them.
#[derive(Clone, Default)]
struct Known {
    /// Floats that are exact.
    exact: Vec<usize>,
    /// All floats.
    floats: Vec<usize>,
    integers: Vec<usize>,
    bools: Vec<usize>,
    /// Places that were computed around.
    rows: Vec<usize>,
}

struct Drawn {
    draws: Draws,
    float: &'static str,
    /// Whether all of it can be in vectors.
    is_plain: bool,
    /// Of the three axes.
    extents: [i64; 3],
    given: Vec<i64>,
    buffers: Vec<(String, Memory)>,
    body: String,
    values: usize,
}

impl Drawn {
    fn line(&mut self, ty: &str, what: &str) -> usize {
        let number = self.values;
        self.values += 1;
        writeln!(self.body, "%{number}: {ty} = {what}").expect("text");
        number
    }

    /// A number below an end, and not 0, which takes integers, where all is plain.
    fn below(&mut self, end: usize) -> usize {
        match self.is_plain {
            true => 1 + self.draws.below(end - 1),
            false => self.draws.below(end),
        }
    }

    /// A new integer of the launch.
    fn amount(&mut self, number: i64) -> String {
        self.given.push(number);
        format!("g{}", self.given.len() - 1)
    }

    /// A place in which each axis has stride 0, 1 or a given one, and how many elements there are.
    fn place(&mut self, axes: usize) -> (String, i64) {
        let (mut place, mut last) = ("0".to_owned(), 0);
        for axis in 0..axes {
            let stride = match self.draws.below(4) {
                0 => continue,
                1 | 2 => 1,
                _ if self.is_plain && axis + 1 == axes => 1,
                _ => 3,
            };
            last += stride * (self.extents[axis] - 1).max(0);
            let stride = if stride == 1 { "1".to_owned() } else { self.amount(stride) };
            write!(place, " + #{axis}*{stride}").expect("text");
        }
        (place, last + 1)
    }

    fn input(&mut self, dtype: &str, len: i64, element: fn(i64) -> f64) -> String {
        let name = format!("x{}", self.buffers.len());
        let seed = self.draws.below(1000) as i64;
        let elements = (0..len).map(|at| (at + seed) * 2654435761 % 4294967291);
        let memory = match dtype {
            "f32" | "f16" | "bf16" | "f64" => Memory::Floats(elements.map(element).collect()),
            "bool" => Memory::Integers(elements.map(|x| x & 1).collect()),
            _ => Memory::Integers(elements.map(|x| narrow(dtype, x)).collect()),
        };
        self.buffers.push((format!("{name}: {dtype}"), memory));
        name
    }

    fn load(&mut self, known: &mut Known, axes: usize) {
        let eighths = |x: i64| (x % 33 - 16) as f64 / 8.0;
        let which = self.below(6);
        let (place, len) = self.place(axes);
        match which {
            0 => {
                let dtype = *self.draws.of(INTEGERS);
                let name = self.input(dtype, len, eighths);
                known.integers.push(self.line("i64", &format!("load {name}[{place}]")));
            }
            1 => {
                let name = self.input("bool", len, eighths);
                known.bools.push(self.line("bool", &format!("load {name}[{place}]")));
            }
            _ => {
                let stored: &[&str] =
                    if self.float == "f64" { &["f64"] } else { &["f32", "f32", "bf16", "f16"] };
                let dtype = *self.draws.of(stored);
                let name = self.input(dtype, len, eighths);
                let made = self.line(self.float, &format!("load {name}[{place}]"));
                known.exact.push(made);
                known.floats.push(made);
            }
        }
    }

    /// A place that may be outside of a table.
    fn row(&mut self, known: &mut Known) {
        let index = *self.draws.of(&known.integers);
        let rows = self.line("i64", "const 5.0");
        let mut row = self.line("i64", &format!("rem %{index} %{rows}"));
        if self.draws.below(8) > 0 {
            row = self.line("i64", &format!("abs %{row}"));
        }
        known.rows.push(row);
    }

    /// An element of a table, whose place is computed.
    fn gather(&mut self, known: &mut Known, axis: usize) {
        let row = *self.draws.of(&known.rows);
        let len = self.extents[axis] + [4, 4, 4, 3, 2][self.draws.below(5)];
        let memory = Memory::Floats((0..len).map(|at| (at % 11) as f64).collect());
        let name = format!("table{}", self.buffers.len());
        self.buffers.push((format!("{name}: {}", self.float), memory));
        let made = self.line(self.float, &format!("load {name}[%{row} + #{axis}]"));
        known.exact.push(made);
        known.floats.push(made);
    }

    fn operation(&mut self, known: &mut Known) {
        let float = self.float;
        let (a, b) = (*self.draws.of(&known.exact), *self.draws.of(&known.exact));
        let (x, y) = (*self.draws.of(&known.floats), *self.draws.of(&known.floats));
        let (i, j) = (*self.draws.of(&known.integers), *self.draws.of(&known.integers));
        let (p, q) = (*self.draws.of(&known.bools), *self.draws.of(&known.bools));
        match self.below(9) {
            6 => {
                let name = *self.draws.of(&["add", "sub", "max", "min"]);
                known.floats.push(self.line(float, &format!("{name} %{x} %{y}")));
            }
            1 => {
                let name = *self.draws.of(&["mul", "div"]);
                known.floats.push(self.line(float, &format!("{name} %{x} %{a}")));
            }
            2 => {
                let what = match self.draws.below(3) {
                    0 => format!("sqrt %{a}"),
                    1 => format!("fma %{a} %{b} %{x}"),
                    _ => {
                        let power = self.line(float, &format!("nearest %{a}"));
                        format!("scale2 %{x} %{power}")
                    }
                };
                known.floats.push(self.line(float, &what));
            }
            3 => {
                let name = *self.draws.of(&["neg", "abs", "floor", "ceil", "nearest"]);
                let made = self.line(float, &format!("{name} %{a}"));
                known.exact.push(made);
                known.floats.push(made);
            }
            4 => {
                let name = *self.draws.of(&["less", "less_equal", "equal"]);
                known.bools.push(match self.below(3) {
                    0 => self.line("bool", &format!("{name} %{i} %{j}")),
                    _ => self.line("bool", &format!("{name} %{a} %{b}")),
                });
            }
            5 => {
                let what = match self.draws.below(4) {
                    0 => format!("not %{p}"),
                    1 => format!("and %{p} %{q}"),
                    2 => format!("or %{p} %{q}"),
                    _ => format!("to_bool %{a}"),
                };
                known.bools.push(self.line("bool", &what));
            }
            0 => {
                let name = *self.draws.of(&["add", "sub", "mul", "div", "rem", "max", "min"]);
                known.integers.push(self.line("i64", &format!("{name} %{i} %{j}")));
            }
            7 => match self.below(3) {
                0 => known.integers.push(self.line("i64", &format!("select %{p} %{i} %{j}"))),
                1 => known.bools.push(self.line("bool", &format!("select %{p} %{p} %{q}"))),
                _ => known.floats.push(self.line(float, &format!("select %{p} %{x} %{y}"))),
            },
            _ => match self.below(3) {
                0 => {
                    let from = *self.draws.of(&[a, p]);
                    known.integers.push(self.line("i64", &format!("to_i64 %{from}")));
                }
                _ => {
                    let made = self.line(float, &format!("to_{float} %{p}"));
                    known.exact.push(made);
                    known.floats.push(made);
                }
            },
        }
    }

    /// Stores a value in every element of its own buffer.
    fn store(&mut self, value: usize, dtype: &str, axes: usize) {
        let (mut place, mut len) = ("0".to_owned(), 1);
        for axis in (0..axes).rev() {
            let stride = if len == 1 { "1".to_owned() } else { self.amount(len) };
            write!(place, " + #{axis}*{stride}").expect("text");
            len *= self.extents[axis];
        }
        let len = len.max(1) as usize;
        let memory = match dtype {
            "f64" | "f32" | "f16" | "bf16" => Memory::Floats(vec![f64::NAN; len]),
            _ => Memory::Integers(vec![1; len]),
        };
        let name = format!("y{}", self.buffers.len());
        self.buffers.push((format!("out {name}: {dtype}"), memory));
        writeln!(self.body, "store {name}[{place}] %{value}").expect("text");
    }

    fn store_any(&mut self, known: &Known, axes: usize) {
        let stored: &[&str] =
            if self.float == "f64" { &["f64"] } else { &["f32", "f32", "f32", "bf16", "f16"] };
        match self.below(6) {
            0 => {
                let (value, dtype) = (known.integers[known.integers.len() - 1], INTEGERS);
                let dtype = *self.draws.of(dtype);
                self.store(value, dtype, axes);
            }
            1 => self.store(known.bools[known.bools.len() - 1], "bool", axes),
            _ => {
                let dtype = *self.draws.of(stored);
                self.store(known.floats[known.floats.len() - 1], dtype, axes);
            }
        }
    }

    /// The values of one pass.
    fn pass(&mut self, known: &mut Known, axes: usize) {
        for _ in 0..1 + self.draws.below(3) {
            self.load(known, axes);
        }
        if !known.rows.is_empty() && self.draws.below(3) == 0 {
            self.gather(known, axes - 1);
        }
        for _ in 0..self.draws.below(7) {
            self.operation(known);
        }
        if self.below(6) == 0 {
            known.integers.push(self.line("i64", &format!("index #{}", axes - 1)));
        }
    }

    /// Constants, of which there is always one of each type.
    fn constants(&mut self) -> Known {
        let (float, mut known) = (self.float, Known::default());
        known.exact = vec![self.line(float, "const 1.5")];
        known.floats = known.exact.clone();
        known.integers = vec![self.line("i64", "const -3.0")];
        known.bools = vec![self.line("bool", "const 1.0")];
        known
    }

    /// The loop of an axis, and those in it.
    fn nest(&mut self, known: &Known, axis: usize, is_grid: bool) {
        let mut known = known.clone();
        if axis > 0 && self.draws.below(4) == 0 {
            self.row(&mut known);
        }
        let extent = self.amount(self.extents[axis]);
        let last = axis == 2 || self.draws.below(3) == 0;
        let kind = match (is_grid, last && self.draws.below(5) > 0) {
            (true, _) if axis == 0 => "grid",
            (_, true) => "lane",
            _ => "sequence",
        };
        let is_inner = kind == "lane" || axis == 2;
        if is_inner && axis > 0 && self.draws.below(2) == 0 {
            return self.fold(&known, axis, kind, &extent);
        }
        writeln!(self.body, "for {kind} #{axis} < {extent} {{").expect("text");
        self.pass(&mut known, axis + 1);
        match is_inner {
            true => self.store_any(&known, axis + 1),
            false => self.nest(&known, axis + 1, is_grid),
        }
        self.body.push_str("}\n");
    }

    fn fold(&mut self, known: &Known, axis: usize, kind: &str, extent: &str) {
        writeln!(self.body, "fold {kind} #{axis} < {extent} {{").expect("text");
        let mut inside = known.clone();
        self.pass(&mut inside, axis + 1);
        self.body.push_str("} ");
        let mut results = Vec::new();
        for number in 0..1 + self.draws.below(3) {
            let (value, ty) = match self.below(5) {
                0 => (*self.draws.of(&inside.integers), "i64"),
                _ => (*self.draws.of(&inside.floats), self.float),
            };
            let fold = *self.draws.of(FOLDS);
            let comma = if number == 0 { "" } else { ", " };
            write!(self.body, "{comma}{fold} %{value} -> %{}: {ty}", self.values).expect("text");
            results.push((self.values, ty));
            self.values += 1;
        }
        self.body.push('\n');
        for (value, ty) in results {
            self.store(value, ty, axis);
        }
    }
}

fn narrow(dtype: &str, x: i64) -> i64 {
    match dtype {
        "i64" => x.wrapping_mul(x),
        _ => wrapped(dtype.parse().expect("a type"), x),
    }
}

/// Holds a drawn kernel.
pub(crate) fn hold(draws: Vec<u32>, run: Run<'_>) {
    let mut draws = Draws(draws.into_iter());
    let is_plain = draws.below(2) == 1;
    let float = if !is_plain && draws.below(3) == 2 { "f64" } else { "f32" };
    let (is_grid, inner) = (draws.below(4) > 0, *draws.of(EXTENTS));
    let extents = [*draws.of(&EXTENTS[..6]), *draws.of(EXTENTS), inner];
    let empty = (Vec::new(), Vec::new(), String::new());
    let (given, buffers, body) = empty;
    let mut drawn = Drawn { draws, float, is_plain, extents, given, buffers, body, values: 0 };
    let known = drawn.constants();
    drawn.nest(&known, 0, is_grid);
    let names: Vec<String> = (0..drawn.given.len()).map(|at| format!("g{at}")).collect();
    let buffers: Vec<&str> = drawn.buffers.iter().map(|(name, _)| name.as_str()).collect();
    let (names, buffers) = (names.join(", "), buffers.join(", "));
    let text = format!("kernel k({names}) {buffers} {{\n{}}}\n", drawn.body);
    let memory: Vec<Memory> = drawn.buffers.iter().map(|(_, memory)| memory.clone()).collect();
    let (kernel, grid) = (parsed(&text), is_grid.then_some(extents[0]));
    let case = Case { kernel, given: drawn.given, memory, grid };
    if let Ok([wanted, found]) = run(&case) {
        case.assert_near(&wanted, &found);
    }
}
