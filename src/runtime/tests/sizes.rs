//! Drawn graphs of what computes sizes, at drawn sizes: what is inferred is what they compute.

use super::super::facts::Watch;
use super::{interpret, parse, random};
use crate::ops::Value;
use crate::ops::numbers::{of_bools, of_i64s};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const CONSTANTS: &str = "
    const %zero = i64[] {0}
    const %one = i64[] {1}
    const %minus = i64[] {-1}
    const %v0 = i64[1] {0}
    const %v1 = i64[1] {1}
    const %v2 = i64[1] {2}
    const %before = i64[1] {-2}
    const %end = i64[1] {9223372036854775807}
    const %start = i64[1] {-9223372036854775808}
    const %open = i64[2] {0, -1}
    const %three = i64[3] {1, 2, 1}
    const %both = f32[2] {0.0, 1.0}";

/// Nodes by what they make, of drawn values: `$t` is a tensor, `$v` a vector of integers, `$p` one of one
/// element, `$q` one that may be beyond all sizes, `$i` an integer, `$b` booleans; `$a` is an axis.
const NODES: &[(char, &str)] = &[
    ('v', "Shape($t)"),
    ('v', "Shape($t) {start: $a}"),
    ('i', "Size($t)"),
    ('i', "Gather($v, $i)"),
    ('p', "Gather($v, $p)"),
    ('v', "Concat($v, $v) {axis: 0}"),
    ('v', "Concat($p, $p) {axis: 0}"),
    ('v', "Slice($v, $q, $q, %v0, $p)"),
    ('t', "Slice($t, $q, $q, $p, $p)"),
    ('p', "Unsqueeze($i, %v0)"),
    ('i', "Squeeze($p, %v0)"),
    ('v', "Add($v, $v)"),
    ('i', "Add($i, $i)"),
    ('i', "Sub($i, $i)"),
    ('p', "Sub($p, $p)"),
    ('v', "Mul($v, $v)"),
    ('i', "Div($i, $i)"),
    ('v', "Div($v, $v)"),
    ('i', "Mod($i, $i)"),
    ('i', "Max($i, $i)"),
    ('v', "Min($v, $v)"),
    ('i', "Abs($i)"),
    ('i', "Neg($i)"),
    ('v', "Clip($v, $i, $i)"),
    ('b', "Equal($v, $v)"),
    ('b', "Less($i, $i)"),
    ('b', "GreaterOrEqual($i, $i)"),
    ('b', "Or($b, $b)"),
    ('b', "Not($b)"),
    ('i', "Where($b, $i, $i)"),
    ('v', "Where($b, $v, $v)"),
    ('v', "Range($i, $i, $i)"),
    ('i', "ReduceProd($v) {keepdims: 0}"),
    ('v', "ScatterElements($v, $p, $p)"),
    ('t', "Reshape($t, $v) {allowzero: 1}"),
    ('t', "Reshape($t, %open)"),
    ('t', "Expand($t, $v)"),
    ('t', "Tile($t, $v)"),
    ('t', "ConstantOfShape($v)"),
    ('t', "ReduceSum($t, $p)"),
    ('t', "Pad($t, $v)"),
    ('t', "Transpose($t)"),
    ('t', "Flatten($t)"),
    ('t', "Squeeze($t)"),
    ('t', "Add($t, $t)"),
    ('t', "MatMul($t, $t)"),
    ('t', "Concat($t, $t) {axis: $a}"),
    ('t', "OneHot($v, $i, %both) {axis: $a}"),
    ('t', "MaxPool($t) {kernel_shape: ints [2], strides: ints [3], ceil_mode: 1}"),
    ('t', "MaxPool($t) {kernel_shape: ints [2], pads: ints [1, 1], ceil_mode: 1}"),
    ('t', "AveragePool($t) {kernel_shape: ints [3], strides: ints [2], auto_pad: \"SAME_LOWER\"}"),
];

struct Draws(ChaCha8Rng);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0.next_u32() as usize % end
    }

    fn integers(&mut self, count: i64) -> Value {
        let all: Vec<i64> = (0..count).map(|_| self.below(7) as i64 - 2).collect();
        of_i64s(&[count], &all).into()
    }

    /// A node of values that there are.
    fn node(&mut self, template: &str, values: &[(char, String)]) -> String {
        let mut node = String::new();
        let mut parts = template.split('$');
        node += parts.next().unwrap_or_default();
        for part in parts {
            let (kind, rest) = part.split_at(1);
            let of_kind: Vec<&String> =
                values.iter().filter(|(own, _)| kind.starts_with(*own)).map(|(_, v)| v).collect();
            match kind {
                "a" => node += &(self.below(4) as i64 - 2).to_string(),
                _ => node += of_kind[self.below(of_kind.len())],
            }
            node += rest;
        }
        node
    }
}

#[test]
fn what_is_inferred_of_drawn_sizes_is_what_they_are() {
    let source = |nodes: &str| {
        parse(&format!(
            "model ir=10 opset \"\"=21
             graph g(%x: f32[n, m], %y: f32[n, 3, m], %v: i64[n], %e: i64[1], %w: i64[2], %c: bool[]) -> () {{
             {CONSTANTS}\n{nodes}\n}}"
        ))
    };
    // PROPTEST_CASES draws more.
    let cases = std::env::var("PROPTEST_CASES").map_or(150, |n| n.parse().expect("a number"));
    for seed in 0..cases {
        let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
        let [n, m] = [draws.below(4) as i64, draws.below(4) as i64];
        let given = [
            random(&[n, m], seed),
            random(&[n, 3, m], seed),
            draws.integers(n),
            draws.integers(1),
            draws.integers(2),
            of_bools(&[], &[draws.below(2) == 0]).into(),
        ];
        let given: Vec<Option<Value>> = given.into_iter().map(Some).collect();
        let named = |kind: char, names: &str| -> Vec<(char, String)> {
            names.split(' ').map(|name| (kind, format!("%{name}"))).collect()
        };
        let mut values = [
            named('t', "x y"),
            named('v', "v w open three v0 v1"),
            named('p', "e v0 v1 v2 before"),
            named('q', "e v0 v1 v2 before start end"),
            named('i', "zero one minus"),
            named('b', "c"),
        ]
        .concat();
        let mut nodes = String::new();
        for at in 0..16 {
            let (kind, template) = NODES[draws.below(NODES.len())];
            let more = format!("{nodes}%r{at} = {}\n", draws.node(template, &values));
            // Nodes that fail are left out, and those that make much.
            let mut count = 0;
            let run = interpret::run(&source(&more), given.clone(), &mut |_, _, value| {
                count += value.tensor().ok().and_then(|t| t.element_count()).unwrap_or(0);
            });
            if run.is_ok() && count < 1 << 12 {
                nodes = more;
                values.push((kind, format!("%r{at}")));
            }
        }
        let model = source(&nodes);
        let mut watch = Watch::new(&model, &given);
        interpret::run(&model, given, &mut |_, id, value| watch.see(id, value)).expect("it runs");
        watch.result().unwrap_or_else(|e| panic!("seed {seed}, n {n}, m {m}: {e}\n{nodes}"));
    }
}
