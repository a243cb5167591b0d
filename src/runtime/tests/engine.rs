//! What the engine computes is what the references compute, whatever the sizes are; what cannot be is an
//! error of the input.

use super::both::{Both, floats, integers, some, values};
use crate::error::ErrorKind;
use crate::ir::DataType;
use crate::ops::Value;
use crate::ops::numbers::{of_floats, of_integers};
use std::collections::HashMap;

fn both(text: &str) -> Both {
    Both::of(text, 2)
}

const HEAD: &str = "model ir=10 opset \"\"=18\n";

fn with(graph: &str) -> Both {
    both(&format!("{HEAD}{graph}"))
}

#[test]
fn rows_without_elements_have_a_sum() {
    let model = with(
        "graph g(%x: f32[n], %y: f32[m, n]) -> (%a, %b, %c) {
  %a = ReduceSum(%x)
  const %last = i64[1] {1}
  %b = ReduceSum(%y, %last)
  %c = Softmax(%y)
}",
    );
    for (m, n) in [(2, 3), (3, 0), (0, 4), (0, 0)] {
        model.same(&[("x", some(&[n], 1)), ("y", some(&[m, n], 2))]);
    }
}

#[test]
fn factors_must_fit() {
    let model = with(
        "graph g(%x: f32[m, k], %y: f32[l, n], %z: f32[b, l, n]) -> (%a, %c) {
  %a = MatMul(%x, %y)
  %c = MatMul(%x, %z)
}",
    );
    let run = |k: i64, l: i64| {
        [("x", some(&[2, k], 1)), ("y", some(&[l, 3], 2)), ("z", some(&[2, l, 3], 3))]
    };
    model.same(&run(4, 4));
    model.same(&run(0, 0));
    model.refused(&run(5, 4));
    model.refused(&run(4, 5));
    let packed = with(
        "graph g(%x: f32[m, k]) -> (%a) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %a = MatMul(%x, %w)
}",
    );
    packed.same(&[("x", some(&[3, 2], 1))]);
    packed.refused(&[("x", some(&[3, 3], 1))]);
}

#[test]
fn a_weight_may_be_read_besides_where_it_is_a_factor() {
    let model = with(
        "graph g(%x: f32[2, 2], %i: f32[2, 1, n]) -> (%z, %o) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %y = MatMul(%x, %w)
  %z = Add(%y, %w)
  const %f = f32[2, 1, 1] {1, 2}
  %c = Conv(%i, %f)
  %o = Mul(%c, %f)
}",
    );
    model.same(&[("x", some(&[2, 2], 1)), ("i", some(&[2, 1, 5], 2))]);
}

#[test]
fn a_constant_of_16_bits_may_stand_left() {
    let model = with(
        "graph g(%x: f16[2, n]) -> (%a) {
  const %w = f16[2, 2] {1.0, 2.0, 3.0, 4.0}
  %a = MatMul(%w, %x)
}",
    );
    let x = of_floats(DataType::F16, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("fits");
    model.same(&[("x", x)]);
}

#[test]
fn a_constant_integer_may_be_one_that_no_float_holds() {
    let model = with(
        "graph g(%x: i64[n]) -> (%a, %b) {
  const %c = i64[] {9007199254740993}
  const %d = i64[] {-9223372036854775807}
  %a = Sub(%x, %c)
  %b = Equal(%x, %d)
}",
    );
    let x = integers(&[3], &[9007199254740993, 1, -9223372036854775807]);
    model.same(&[("x", x)]);
}

#[test]
fn an_index_must_be_along_its_axis() {
    let model = with(
        "graph g(%x: f32[r, n], %i: i64[k]) -> (%a, %b) {
  %a = Gather(%x, %i) {axis: 1}
  %b = Gather(%x, %i) {axis: 0}
}",
    );
    let run = |r: i64, n: i64, i: &[i128]| {
        [("x", some(&[r, n], 1)), ("i", integers(&[i.len() as i64], i))]
    };
    model.same(&run(3, 3, &[0, -3, 2]));
    model.same(&run(3, 3, &[]));
    model.refused(&run(5, 3, &[3]));
    model.refused(&run(3, 5, &[-4]));
    let fixed = with(
        "graph g(%x: f32[r, n]) -> (%a, %b) {
  const %i = i64[] {2}
  const %j = i64[] {-2}
  %a = Gather(%x, %i) {axis: 1}
  %b = Gather(%x, %j) {axis: 1}
}",
    );
    fixed.same(&[("x", some(&[4, 3], 1))]);
    fixed.refused(&[("x", some(&[4, 2], 1))]);
    fixed.refused(&[("x", some(&[4, 1], 1))]);
}

#[test]
fn computed_places_of_many_rows_are_checked() {
    // So many rows that threads share them.
    let model = with(
        "graph g(%x: f32[r, n], %i: i64[]) -> (%a) {
  %a = Gather(%x, %i) {axis: 1}
}",
    );
    let run = |i: i128| [("x", some(&[40_000, 3], 1)), ("i", integers(&[], &[i]))];
    model.same(&run(2));
    model.refused(&run(3));
    model.refused(&run(3 * 40_000 - 1));
}

#[test]
fn parts_must_be_as_large_as_the_whole() {
    let model = with(
        "graph g(%x: f32[m, n]) -> (%a, %b) {
  const %parts = i64[2] {2, 3}
  %a, %b = Split(%x, %parts) {axis: 1}
}",
    );
    model.same(&[("x", some(&[2, 5], 1))]);
    model.refused(&[("x", some(&[2, 4], 1))]);
    model.refused(&[("x", some(&[2, 6], 1))]);
    let joined = with(
        "graph g(%x: f32[a, n], %y: f32[b, m]) -> (%z) {
  %z = Concat(%x, %y) {axis: 1}
}",
    );
    joined.same(&[("x", some(&[2, 5], 1)), ("y", some(&[2, 0], 1))]);
    joined.refused(&[("x", some(&[2, 5], 1)), ("y", some(&[3, 1], 1))]);
    joined.refused(&[("x", some(&[3, 5], 1)), ("y", some(&[2, 1], 1))]);
    let shaped = with(
        "graph g(%x: f32[n]) -> (%y) {
  const %shape = i64[2] {2, 3}
  %y = Reshape(%x, %shape)
}",
    );
    shaped.same(&[("x", some(&[6], 1))]);
    shaped.refused(&[("x", some(&[7], 1))]);
    shaped.refused(&[("x", some(&[5], 1))]);
}

#[test]
fn sizes_that_are_spread_must_fit() {
    let model = with(
        "graph g(%x: f32[a, n], %y: f32[b, n]) -> (%z, %s) {
  %t = Mul(%x, %y)
  %z = Add(%t, %x)
  const %last = i64[1] {1}
  %s = ReduceSum(%z, %last)
}",
    );
    for (a, b) in [(3, 3), (1, 3), (3, 1), (1, 1), (0, 1), (1, 0)] {
        model.same(&[("x", some(&[a, 4], 1)), ("y", some(&[b, 4], 2))]);
    }
    model.refused(&[("x", some(&[2, 4], 1)), ("y", some(&[3, 4], 2))]);
    model.refused(&[("x", some(&[0, 4], 1)), ("y", some(&[3, 4], 2))]);
}

#[test]
fn sizes_below_0_and_sizes_that_no_memory_holds_are_refused() {
    let model = with(
        "graph g(%n: i64[2]) -> (%b) {
  const %x = f32[1] {2.0}
  %e = Expand(%x, %n)
  %a = Relu(%e)
  %s = Transpose(%a)
  %t = Relu(%s)
  %b = ReduceSum(%t)
}",
    );
    model.same(&[("n", integers(&[2], &[2, 3]))]);
    for n in [[-1, 3], [0, -3], [-3, 0]] {
        model.refused(&[("n", integers(&[2], &n))]);
    }
    for n in [1i128 << 20, 1 << 30, 1 << 31, 1 << 40] {
        let inputs = values(&[("n", integers(&[2], &[n, n]))]);
        let error = model.engine.run(&inputs).expect_err("it is too large");
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    }
    model.same(&[("n", integers(&[2], &[3, 2]))]);
}

#[test]
fn a_value_is_given_out_in_two_types() {
    let model = with(
        "graph g(%x: f32[n]) -> (%a, %b, %c, %d) {
  %a = Relu(%x)
  %b = Cast(%a) {to: 10}
  %c = Identity(%a)
  const %shape = i64[2] {1, -1}
  %d = Reshape(%a, %shape)
}",
    );
    model.same(&[("x", some(&[5], 1))]);
    let turned = with(
        "graph g(%x: f32[n]) -> (%b, %a) {
  %a = Relu(%x)
  %b = Cast(%a) {to: 10}
}",
    );
    turned.same(&[("x", floats(&[3], &[0.5, 2.0, -1.0]))]);
}

#[test]
fn what_is_read_does_not_wait_for_its_reader() {
    // `b` needs `a`, and both could become a part of what makes `h`.
    let three = with(
        "graph g(%x: f32[n, n], %y: f32[n, n]) -> (%r) {
  %a = Relu(%x)
  %t = Transpose(%a)
  %b = Sigmoid(%t)
  %h = Softmax(%y)
  %r = Sum(%h, %a, %b)
}",
    );
    three.same(&[("x", some(&[3, 3], 1)), ("y", some(&[3, 3], 2))]);
    // `t` is a view of what `a`'s group stores, which could become a part of what makes `h`.
    let view = with(
        "graph g(%x: f32[n, n], %y: f32[n, n]) -> (%r) {
  %a = Relu(%x)
  %t = Transpose(%a) {perm: ints [1, 0]}
  %h = Tanh(%y)
  %r = Sum(%h, %a, %t)
}",
    );
    view.same(&[("x", some(&[3, 3], 1)), ("y", some(&[3, 3], 2))]);
    let like = with(
        "graph g(%x: f32[m, n], %axes: i64[1]) -> (%r) {
  %s = ReduceSum(%x, %axes) {keepdims: 1}
  %q = Sqrt(%s)
  %r = CastLike(%q, %x)
}",
    );
    like.same(&[("x", floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])), ("axes", integers(&[1], &[1]))]);
    // A scale is made of what is normalized.
    let scale = with(
        "graph g(%x: f32[m, n], %y: f32[n]) -> (%r) {
  %a = Relu(%x)
  const %first = i64[1] {0}
  %s = ReduceMean(%a, %first) {keepdims: 0}
  %r = LayerNormalization(%a, %s, %y)
}",
    );
    scale.same(&[("x", some(&[3, 4], 1)), ("y", some(&[4], 2))]);
    // Where a slice begins is made of what it is added to.
    let place = with(
        "graph g(%x: f32[n], %y: f32[m]) -> (%r) {
  %a = Relu(%x)
  %k = ArgMax(%a) {keepdims: 1}
  const %one = i64[1] {1}
  %end = Add(%k, %one)
  %s = Slice(%y, %k, %end)
  %r = Add(%a, %s)
}",
    );
    place.same(&[("x", some(&[4], 1)), ("y", some(&[6], 2))]);
}

#[test]
fn sizes_that_are_known_late_wait_for_what_says_them() {
    let model = with(
        "graph g(%x: f32[n], %y: f32[n]) -> (%z, %w, %s) {
  %a = Relu(%x)
  %found = NonZero(%a)
  %flat = Squeeze(%found)
  %b = Sigmoid(%a)
  %picked = Gather(%y, %flat)
  %z = Concat(%b, %picked) {axis: 0}
  %f = Cast(%flat) {to: 1}
  %w = Concat(%f, %a) {axis: 0}
  %v = Mul(%f, %picked)
  %s = ReduceSum(%v)
}",
    );
    for n in [5, 1, 8] {
        model.same(&[("x", some(&[n], 1)), ("y", some(&[n], 2))]);
    }
    model.same(&[("x", floats(&[3], &[-1.0; 3])), ("y", some(&[3], 2))]);
}

#[test]
fn a_size_may_be_given_as_an_integer() {
    let model = with(
        "graph g(%n: i64[], %m: i32[1], %x: f32[k]) -> (%r, %e, %s) {
  const %zero = i64[] {0}
  const %one = i64[] {1}
  %r = Range(%zero, %n, %one)
  const %axes = i64[1] {0}
  %v = Unsqueeze(%n, %axes)
  %wide = Cast(%m) {to: 7}
  %shape = Concat(%v, %wide) {axis: 0}
  const %value = f32[] {3.0}
  %e = Expand(%value, %shape)
  const %start = i64[1] {0}
  %s = Slice(%x, %start, %wide)
}",
    );
    let m = |m: i128| of_integers(DataType::I32, &[1], &[m]).expect("fits");
    for (n, of_m) in [(3, 2), (0, 4), (1, 1), (5, 0)] {
        model.same(&[("n", integers(&[], &[n])), ("m", m(of_m)), ("x", some(&[3], 1))]);
    }
    model.same(&[("n", integers(&[], &[2])), ("m", m(2)), ("x", some(&[0], 1))]);
}

#[test]
fn an_attention_that_kernels_cannot_score_is_computed() {
    let text = |between: &str| {
        format!(
            "{HEAD}graph g(%q: f32[b, 2, s, 4], %k: f32[b, 2, t, 4], %v: f32[b, 2, u, 3], %mask: bool[s, t]) -> (%o) {{
  %kt = Transpose(%k) {{perm: ints [0, 1, 3, 2]}}
  %scores = MatMul(%q, %kt)
{between}
  %p = Softmax(%last)
  %o = MatMul(%p, %v)
}}"
        )
    };
    let inputs = |s: i64, t: i64, u: i64| {
        let mask: Vec<i128> = (0..s * t).map(|at| i128::from(at % 3 != 1)).collect();
        [
            ("q", some(&[2, 2, s, 4], 1)),
            ("k", some(&[2, 2, t, 4], 2)),
            ("v", some(&[2, 2, u, 3], 3)),
            ("mask", of_integers(DataType::Bool, &[s, t], &mask).expect("fits")),
        ]
    };
    let masked = "  const %low = f32[] {-1e9}\n  %last = Where(%mask, %scores, %low)";
    let odd = "  const %by = f32[] {0.5}\n  %last = Mod(%scores, %by) {fmod: 1}";
    for between in [masked, odd, "  %last = Tanh(%scores)"] {
        let model = both(&text(between));
        for (s, t) in [(3, 3), (1, 5), (300, 260), (2, 1)] {
            model.same(&inputs(s, t, t));
        }
        model.refused(&inputs(3, 3, 4));
        model.refused(&inputs(3, 3, 2));
    }
}

#[test]
fn a_tensor_is_no_sequence() {
    let model = with(
        "graph g(%x: f32[2], %s: sequence(f32)) -> (%y, %n) {
  %y = Identity(%x)
  %n = Identity(%s)
}",
    );
    let (tensor, sequence) = (Value::from(some(&[2], 1)), Value::Sequence(Vec::new()));
    let run = |x: &Value, s: &Value| {
        model.engine.run(&HashMap::from([("x".into(), x.clone()), ("s".into(), s.clone())]))
    };
    assert!(run(&tensor, &sequence).is_ok());
    for (x, s) in [(&sequence, &sequence), (&tensor, &tensor)] {
        let error = run(x, s).expect_err("it is of another kind");
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert!(error.message().contains("the model takes"), "{error}");
    }
}

#[test]
fn runs_at_once_and_runs_after_an_error_do_not_disturb_each_other() {
    let model = with(
        "graph g(%x: f32[m, n], %w: f32[k, p], %i: i64[j]) -> (%y) {
  %a = Relu(%x)
  %b = MatMul(%a, %w)
  %c = Gather(%b, %i)
  %d = Softmax(%c)
  %y = Mul(%d, %c)
}",
    );
    let model = &model;
    let run = |n: i64, i: i128| {
        let w = some(&[n, 33], 2);
        model.same(&[("x", some(&[40, n], n)), ("w", w), ("i", integers(&[2], &[i, 0]))]);
    };
    let run = &run;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for n in 0..6 {
                    run(thread * 7 + n, i128::from(n));
                    if n % 2 == 0 {
                        let w = some(&[3, 2], 1);
                        let inputs =
                            [("x", some(&[40, 3], 1)), ("w", w), ("i", integers(&[1], &[77]))];
                        model.refused(&inputs);
                    }
                }
            });
        }
    });
}
