//! Drawn graphs: the engine computes what the references compute.

use super::both::{Both, floats, integers};
use crate::ir::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::fmt::Write;

/// Numbers that are drawn.
struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0.next_u32() as usize % most.max(1)
    }

    fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A value of a drawn graph. `u` is 1 or as large as `b`.
#[derive(Clone, Debug)]
struct Drawn {
    name: String,
    dims: Vec<String>,
    is_integer: bool,
    is_used: bool,
}

struct Graph {
    draw: Draw,
    body: String,
    values: Vec<Drawn>,
    constants: usize,
}

const INPUTS: [(&str, &[&str], bool); 8] = [
    ("x", &["a", "b"], false),
    ("y", &["b", "a"], false),
    ("z", &["c", "a", "b"], false),
    ("w", &["a", "4"], false),
    ("v", &["u"], false),
    ("t", &["c", "u", "4"], false),
    ("i", &["a", "b"], true),
    ("j", &["u", "4"], true),
];

impl Graph {
    fn new(seed: u64) -> Self {
        let value = |(name, dims, is_integer): (&str, &[&str], bool)| Drawn {
            name: name.to_owned(),
            dims: dims.iter().map(|&dim| dim.to_owned()).collect(),
            is_integer,
            is_used: true,
        };
        Self {
            draw: Draw(ChaCha8Rng::seed_from_u64(seed)),
            body: String::new(),
            values: INPUTS.into_iter().map(value).collect(),
            constants: 0,
        }
    }

    fn pick(&mut self) -> Drawn {
        // Late values more often: chains grow.
        let count = self.values.len();
        let at = if self.draw.below(3) == 0 {
            self.draw.below(count)
        } else {
            count - 1 - self.draw.below(count.min(4))
        };
        self.values[at].is_used = true;
        self.values[at].clone()
    }

    fn constant(&mut self, numbers: &[i64]) -> String {
        let name = format!("k{}", self.constants);
        self.constants += 1;
        let list = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(self.body, "  const %{name} = i64[{}] {{{list}}}", numbers.len());
        name
    }

    fn push(&mut self, call: &str, dims: &[String], is_integer: bool) {
        let name = format!("n{}", self.values.len());
        let _ = writeln!(self.body, "  %{name} = {call}");
        self.values.push(Drawn { name, dims: dims.to_vec(), is_integer, is_used: false });
    }

    /// A value that can be broadcast together with another, and what both are.
    fn partner(&mut self, x: &Drawn) -> Option<(Drawn, Vec<String>)> {
        let fitting: Vec<usize> = (0..self.values.len())
            .filter(|&at| {
                let y = &self.values[at];
                y.is_integer == x.is_integer && broadcast(&x.dims, &y.dims).is_some()
            })
            .collect();
        let at = *self.draw.one(&fitting);
        self.values[at].is_used = true;
        let y = self.values[at].clone();
        broadcast(&x.dims, &y.dims).map(|dims| (y, dims))
    }

    fn grow(&mut self) {
        let x = self.pick();
        let (rank, name, is_integer) = (x.dims.len(), x.name.clone(), x.is_integer);
        match self.draw.below(18) {
            0..2 => {
                let all: &[&str] = match is_integer {
                    true => &["Neg", "Abs", "Sign"],
                    false => &["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Erf", "Softplus"],
                };
                let op = *self.draw.one(all);
                self.push(&format!("{op}(%{name})"), &x.dims, is_integer);
            }
            2..5 => {
                let Some((y, dims)) = self.partner(&x) else { return };
                let op = *self.draw.one(&["Add", "Sub", "Max", "Min", "Mul"]);
                self.push(&format!("{op}(%{name}, %{})", y.name), &dims, is_integer);
                self.bounded();
            }
            5 => {
                let Some((y, dims)) = self.partner(&x) else { return };
                let pair = Drawn { dims, ..x.clone() };
                let Some((z, dims)) = self.partner(&pair) else { return };
                if is_integer {
                    self.push(&format!("Max(%{name}, %{}, %{})", y.name, z.name), &dims, true);
                } else {
                    self.push(&format!("Sum(%{name}, %{}, %{})", y.name, z.name), &dims, false);
                }
            }
            6 => {
                let of = self.values.iter().filter(|v| v.is_integer).cloned().collect::<Vec<_>>();
                let i = self.draw.one(&of).clone();
                let Some((y, dims)) = self.partner(&x) else { return };
                let Some(dims) = broadcast(&dims, &i.dims) else { return };
                let zero = self.constant(&[0]);
                let test = format!("q{}", self.values.len());
                let op = *self.draw.one(&["Less", "Greater", "Equal", "LessOrEqual"]);
                let _ = writeln!(self.body, "  %{test} = {op}(%{}, %{zero})", i.name);
                self.push(&format!("Where(%{test}, %{name}, %{})", y.name), &dims, is_integer);
            }
            7 | 8 if rank > 1 => {
                let mut order: Vec<usize> = (0..rank).collect();
                (1..rank).rev().for_each(|at| order.swap(at, self.draw.below(at + 1)));
                let dims: Vec<String> = order.iter().map(|&axis| x.dims[axis].clone()).collect();
                self.push(
                    &format!("Transpose(%{name}) {{perm: ints {order:?}}}"),
                    &dims,
                    is_integer,
                );
            }
            9 if rank > 1 => {
                // Two neighbours become one axis.
                let at = self.draw.below(rank - 1);
                let mut dims = x.dims.clone();
                let next = dims.remove(at + 1);
                dims[at] = format!("({}*{next})", dims[at]);
                let sizes: Vec<i64> =
                    (0..dims.len()).map(|axis| if axis < at { 0 } else { -1 }).collect();
                if at + 1 != dims.len() {
                    return;
                }
                let shape = self.constant(&sizes);
                self.push(&format!("Reshape(%{name}, %{shape})"), &dims, is_integer);
            }
            10 => {
                let at = self.draw.below(rank + 1);
                let mut dims = x.dims.clone();
                dims.insert(at, "1".to_owned());
                let axes = self.constant(&[at as i64]);
                self.push(&format!("Unsqueeze(%{name}, %{axes})"), &dims, is_integer);
            }
            11 if rank > 0 => {
                let at = self.draw.below(rank);
                if !["a", "b", "4"].contains(&x.dims[at].as_str()) {
                    return;
                }
                let (start, end, step) = *self.draw.one(&[
                    (1, i64::MAX, 1),
                    (0, -1, 1),
                    (0, i64::MAX, 2),
                    (-1, i64::MAX, 1),
                ]);
                let mut dims = x.dims.clone();
                dims[at] = if start == -1 {
                    "1".to_owned()
                } else {
                    format!("{}[{start}:{end}:{step}]", dims[at])
                };
                let all =
                    [&[start][..], &[end], &[at as i64], &[step]].map(|list| self.constant(list));
                self.push(&format!("Slice(%{name}, %{})", all.join(", %")), &dims, is_integer);
            }
            12 if rank > 0 => {
                let same: Vec<Drawn> = self
                    .values
                    .iter()
                    .filter(|y| y.dims == x.dims && y.is_integer == is_integer)
                    .cloned()
                    .collect();
                let y = self.draw.one(&same).clone();
                let at = self.draw.below(rank);
                let mut dims = x.dims.clone();
                dims[at] = format!("2{}", dims[at]);
                if y.dims[at] == "1" {
                    return;
                }
                self.push(
                    &format!("Concat(%{name}, %{}) {{axis: {at}}}", y.name),
                    &dims,
                    is_integer,
                );
            }
            13 | 14 if rank > 0 => {
                let axes: Vec<i64> = (0..rank as i64).filter(|_| self.draw.below(2) == 0).collect();
                let axes = if axes.is_empty() { vec![rank as i64 - 1] } else { axes };
                let keeps = self.draw.below(2);
                let op = *self.draw.one(match is_integer {
                    true => &["ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1"][..],
                    false => {
                        &["ReduceSum", "ReduceMax", "ReduceMean", "ReduceL2", "ReduceSumSquare"][..]
                    }
                });
                let mut dims = Vec::new();
                for (axis, dim) in x.dims.iter().enumerate() {
                    match (axes.contains(&(axis as i64)), keeps) {
                        (false, _) => dims.push(dim.clone()),
                        (true, 1) => dims.push("1".to_owned()),
                        _ => {}
                    }
                }
                let axes = self.constant(&axes);
                self.push(
                    &format!("{op}(%{name}, %{axes}) {{keepdims: {keeps}}}"),
                    &dims,
                    is_integer,
                );
                self.bounded();
            }
            15 if rank > 0 && !is_integer => {
                let op = *self.draw.one(&["Softmax", "LogSoftmax"]);
                self.push(&format!("{op}(%{name})"), &x.dims, false);
            }
            16 if rank > 1 && !is_integer => {
                // x·xᵀ or xᵀ·x.
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(rank - 1, rank - 2);
                let dims: Vec<String> = order.iter().map(|&axis| x.dims[axis].clone()).collect();
                self.push(&format!("Transpose(%{name}) {{perm: ints {order:?}}}"), &dims, false);
                let turned = self.values[self.values.len() - 1].name.clone();
                let mut dims = x.dims.clone();
                let (call, size) = match self.draw.below(2) {
                    0 => (format!("MatMul(%{name}, %{turned})"), &x.dims[rank - 2]),
                    _ => (format!("MatMul(%{turned}, %{name})"), &x.dims[rank - 1]),
                };
                dims[rank - 1] = size.clone();
                dims[rank - 2] = size.clone();
                self.push(&call, &dims, false);
                self.bounded();
            }
            17 if rank > 0 => {
                let at = self.draw.below(rank);
                if !["a", "b", "4"].contains(&x.dims[at].as_str()) {
                    return;
                }
                let places = self.constant(&[0, -1, 1]);
                let mut dims = x.dims.clone();
                dims[at] = "3".to_owned();
                self.push(&format!("Gather(%{name}, %{places}) {{axis: {at}}}"), &dims, is_integer);
            }
            _ => {}
        }
    }

    /// Keeps the last value small.
    fn bounded(&mut self) {
        let last = self.values[self.values.len() - 1].clone();
        if last.is_integer {
            let hundred = self.constant(&[100]);
            self.push(&format!("Mod(%{}, %{hundred})", last.name), &last.dims, true);
        } else if self.draw.below(2) == 0 {
            self.push(&format!("Tanh(%{})", last.name), &last.dims, false);
        } else {
            self.push(&format!("Sigmoid(%{})", last.name), &last.dims, false);
        }
    }

    fn text(&mut self) -> String {
        let inputs = INPUTS.map(|(name, dims, is_integer)| {
            format!("%{name}: {}[{}]", if is_integer { "i64" } else { "f32" }, dims.join(", "))
        });
        let mut outputs: Vec<String> = Vec::new();
        for value in &self.values[INPUTS.len()..] {
            if !value.is_used || self.draw.below(6) == 0 {
                outputs.push(format!("%{}", value.name));
            }
        }
        let (inputs, outputs) = (inputs.join(", "), outputs.join(", "));
        format!("model ir=10 opset \"\"=18\ngraph g({inputs}) -> ({outputs}) {{\n{}}}\n", self.body)
    }
}

fn broadcast(x: &[String], y: &[String]) -> Option<Vec<String>> {
    let rank = x.len().max(y.len());
    let at = |dims: &[String], axis: usize| match (axis + dims.len()).checked_sub(rank) {
        Some(axis) => dims[axis].clone(),
        None => "1".to_owned(),
    };
    let both = |axis| match (at(x, axis).as_str(), at(y, axis).as_str()) {
        (x, y) if x == y => Some(x.to_owned()),
        ("1", dim) | (dim, "1") => Some(dim.to_owned()),
        ("u", "b") | ("b", "u") => Some("b".to_owned()),
        _ => None,
    };
    (0..rank).map(both).collect()
}

/// Inputs where the sizes are these.
fn inputs(draw: &mut Draw, sizes: [(&str, i64); 4]) -> Vec<(&'static str, Tensor)> {
    let size = |dim: &str| sizes.iter().find(|(name, _)| *name == dim).map_or(4, |(_, size)| *size);
    let tensor = |(name, dims, is_integer): (&'static str, &[&str], bool)| {
        let dims: Vec<i64> = dims.iter().map(|dim| size(dim)).collect();
        let count = dims.iter().product::<i64>();
        let mut number = || i128::from(draw.0.next_u32() % 2000) - 1000;
        let tensor = match is_integer {
            true => integers(&dims, &(0..count).map(|_| number() / 200).collect::<Vec<_>>()),
            false => {
                floats(&dims, &(0..count).map(|_| number() as f64 / 500.0).collect::<Vec<_>>())
            }
        };
        (name, tensor)
    };
    INPUTS.map(tensor).to_vec()
}

fn check(seed: u64) {
    let mut graph = Graph::new(seed);
    let nodes = 3 + graph.draw.below(14);
    (0..nodes).for_each(|_| graph.grow());
    if graph.values.len() == INPUTS.len() {
        return;
    }
    let text = graph.text();
    for threads in [1, 2] {
        let both = Both::of(&text, threads);
        for run in 0..3 {
            let [a, b, c] = [2, 2, 1].map(|least| least + graph.draw.below(4) as i64);
            let u = if run == 1 { 1 } else { b };
            let given = inputs(&mut graph.draw, [("a", a), ("b", b), ("c", c), ("u", u)]);
            if let Err(error) = both.compared(&given) {
                panic!("seed {seed}, {threads} threads, a={a} b={b} c={c} u={u}: {error}\n{text}");
            }
        }
    }
}

#[test]
fn graphs_are_computed_as_by_references() {
    let all = std::env::var("PEFTC_CASES").ok().and_then(|count| count.parse().ok());
    (0..all.unwrap_or(60)).for_each(check);
}
