//! What fusions and kernels take for granted is looked at: where it does not hold, the references compute.

use super::both::{Both, floats, integers, some};
use crate::ir::{DataType, Tensor};
use crate::ops::numbers::{of_bools, of_floats, of_integers, reals};

fn with(opset: i64, graph: &str) -> Both {
    Both::of(&format!("model ir=10 opset \"\"={opset}\n{graph}"), 2)
}

fn narrow(dtype: DataType, dims: &[i64], data: &[i128]) -> Tensor {
    of_integers(dtype, dims, data).expect("the sizes fit")
}

#[test]
fn constants_that_no_float_says_stay_as_they_are() {
    let model = with(
        18,
        "graph g(%x: i64[n]) -> (%a, %b, %c) {
  const %k = i64[] {9007199254740993}
  %a = Add(%x, %k)
  %b = Equal(%x, %k)
  const %pads = i64[2] {0, 1}
  %c = Pad(%x, %pads, %k)
}",
    );
    const K: i128 = (1 << 53) + 1;
    let found = model.same(&[("x", integers(&[2], &[1, K - 1]))]);
    assert_eq!(found[0].bytes(), integers(&[2], &[K + 1, 2 * K - 1]).bytes());
    assert_eq!(found[1].bytes(), of_bools(&[2], &[false, false]).bytes());
    assert_eq!(found[2].bytes(), integers(&[3], &[1, K - 1, K]).bytes());
    let far = with(
        18,
        "graph g(%x: f32[n, m]) -> (%a, %b) {
  const %k = i64[] {9223372036854775807}
  %a = Trilu(%x, %k)
  %b = Trilu(%x, %k) {upper: 0}
}",
    );
    far.same(&[("x", some(&[3, 3], 1))]);
}

#[test]
fn sums_of_integers_have_the_width_of_their_type() {
    let text = |dtype: &str| {
        format!(
            "graph g(%x: {dtype}[n, m]) -> (%a, %b, %c) {{
  const %last = i64[1] {{1}}
  %s = ReduceSum(%x, %last)
  %a = Cast(%s) {{to: 7}}
  %p = ReduceProd(%x, %last)
  %b = Cast(%p) {{to: 7}}
  %l = ReduceL1(%x, %last)
  %c = Cast(%l) {{to: 7}}
}}"
        )
    };
    let numbers = [i128::from(i32::MAX), 3, 5, 7];
    let x = narrow(DataType::I32, &[2, 2], &numbers);
    with(18, &text("i32")).same(&[("x", x)]);
    let numbers = [i128::from(u32::MAX), 3, 5, 7];
    let x = narrow(DataType::U32, &[2, 2], &numbers);
    with(18, &text("u32")).same(&[("x", x)]);
}

#[test]
fn booleans_are_reduced() {
    let model = with(
        20,
        "graph g(%x: bool[n, m]) -> (%a, %b) {
  const %last = i64[1] {1}
  %a = ReduceMax(%x, %last)
  %b = ReduceMin(%x)
}",
    );
    model.same(&[("x", of_bools(&[2, 2], &[false, true, true, true]))]);
}

#[test]
fn a_scale_of_rows_is_none_of_columns() {
    let model = with(
        23,
        "graph g(%x: f32[3, 3], %s: f32[3, 1], %r: f32[1, 3]) -> (%a, %b, %c) {
  %a = LayerNormalization(%x, %s, %s)
  %b = RMSNormalization(%x, %s)
  %c = LayerNormalization(%x, %r, %r)
}",
    );
    let scales = [("s", some(&[3, 1], 2)), ("r", some(&[1, 3], 3))];
    model.same(&[&[("x", some(&[3, 3], 1))][..], &scales].concat());
    let channels = with(
        18,
        "graph g(%x: f32[n, c, m], %s: f32[d]) -> (%a) {
  %a = InstanceNormalization(%x, %s, %s)
}",
    );
    channels.same(&[("x", some(&[2, 3, 4], 1)), ("s", some(&[3], 2))]);
    channels.refused(&[("x", some(&[2, 3, 4], 1)), ("s", some(&[6], 2))]);
}

#[test]
fn a_size_that_stays_may_still_be_sampled() {
    let crop = with(
        18,
        "graph g(%x: f32[1, 1, 4, 4]) -> (%a) {
  const %roi = f32[8] {0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75}
  const %sizes = i64[4] {1, 1, 4, 4}
  %a = Resize(%x, %roi, _, %sizes) {mode: \"nearest\", coordinate_transformation_mode: \"tf_crop_and_resize\"}
}",
    );
    crop.same(&[("x", some(&[1, 1, 4, 4], 1))]);
    let half = with(
        11,
        "graph g(%x: f32[1, 1, 4, 4]) -> (%a) {
  const %roi = f32[0] {}
  const %scales = f32[4] {1, 1, 1, 1}
  %a = Resize(%x, %roi, %scales) {mode: \"nearest\", coordinate_transformation_mode: \"tf_half_pixel_for_nn\", nearest_mode: \"ceil\"}
}",
    );
    half.same(&[("x", some(&[1, 1, 4, 4], 1))]);
}

#[test]
fn memory_whose_size_a_kernel_says_is_not_written_by_it() {
    // `u` and `m` are made by one kernel, and how large `z` is is known behind it.
    let made = "  %a = Sigmoid(%x)
  %u = Neg(%a)
  %r = Relu(%x)
  %m = Mul(%a, %r)
  %found = NonZero(%m)";
    let padded = with(
        18,
        &format!(
            "graph g(%x: f32[n]) -> (%z) {{
{made}
  %shape = Shape(%found)
  const %one = i64[1] {{1}}
  %count = Gather(%shape, %one)
  const %none = i64[1] {{0}}
  %pads = Concat(%none, %count) {{axis: 0}}
  %z = Pad(%u, %pads)
}}"
        ),
    );
    let joined = with(
        18,
        &format!(
            "graph g(%x: f32[n]) -> (%z) {{
{made}
  const %shape = i64[1] {{-1}}
  %flat = Reshape(%found, %shape)
  %f = Cast(%flat) {{to: 1}}
  %z = Concat(%u, %f) {{axis: 0}}
}}"
        ),
    );
    for x in [[1.0, -1.0, 2.0], [-1.0; 3], [1.0; 3]] {
        let x = [("x", floats(&[3], &x))];
        padded.same(&x);
        joined.same(&x);
    }
}

#[test]
fn a_factor_of_0_leaves_c_out() {
    let model = with(
        18,
        "graph g(%x: f32[m, k], %y: f32[k, n], %c: f32[n]) -> (%a) {
  %a = Gemm(%x, %y, %c) {beta: 0.0}
}",
    );
    let c = floats(&[3], &[f64::NAN, f64::INFINITY, 1.0]);
    model.same(&[("x", some(&[2, 2], 1)), ("y", some(&[2, 3], 2)), ("c", c)]);
}

#[test]
fn old_operators_are_broadcast_along_the_axis_that_they_name() {
    let model = with(
        6,
        "graph g(%x: f32[3, 3], %y: f32[3], %z: f32[1, 3, 3, 3]) -> (%a, %b, %c, %d) {
  %a = \"ai.onnx\"::Sub(%x, %y) {broadcast: 1, axis: 0}
  %b = Less(%x, %y) {broadcast: 1, axis: 0}
  %c = PRelu(%z, %y)
  %d = Mul(%x, %x)
}",
    );
    let inputs = [("x", some(&[3, 3], 1)), ("y", some(&[3], 2)), ("z", some(&[1, 3, 3, 3], 3))];
    model.same(&inputs);
}

#[test]
fn a_window_of_one_place_is_compared() {
    let model = with(
        18,
        "graph g(%x: f32[1, 1, 1], %y: f32[1, 1, 1]) -> (%a) {
  const %w = f32[1, 1, 1] {-1.5}
  %c = Conv(%x, %w)
  %a = Equal(%y, %c)
}",
    );
    model.same(&[("x", floats(&[1, 1, 1], &[2.0])), ("y", floats(&[1, 1, 1], &[-3.0]))]);
}

#[test]
fn rows_of_equal_elements_are_as_long_as_others() {
    let model = with(
        18,
        "graph g(%x: f32[n, m, 4], %y: f32[k]) -> (%a, %b, %c) {
  %of_x = Shape(%x)
  %z = ConstantOfShape(%of_x)
  %a = Softmax(%z)
  const %axis = i64[1] {1}
  %b = ReduceSumSquare(%a, %axis)
  %of_y = Shape(%y)
  %s = ConstantOfShape(%of_y)
  %c = LogSoftmax(%s)
}",
    );
    model.same(&[("x", some(&[2, 3, 4], 1)), ("y", some(&[3], 2))]);
}

#[test]
fn what_is_computed_twice_has_sizes_of_the_first() {
    let found = |name: &str| {
        format!(
            "  %{name}0 = NonZero(%x)
  %{name}1 = Abs(%{name}0)
  const %{name}shape = i64[1] {{-1}}
  %{name}2 = Reshape(%{name}1, %{name}shape)
  %{name} = Cast(%{name}2) {{to: 1}}\n"
        )
    };
    let model =
        with(18, &format!("graph g(%x: f32[n, m]) -> (%a, %b) {{\n{}{}}}", found("a"), found("b")));
    model.same(&[("x", floats(&[2, 2], &[1.0, 0.0, 2.0, 3.0]))]);
}

#[test]
fn gelu_of_float64_is_exact() {
    let root = std::f64::consts::SQRT_2;
    for (root, half) in [(root * (1.0 - 1e-7), 0.5), (root, 0.5000002)] {
        let model = with(
            18,
            &format!(
                "graph g(%x: f64[n]) -> (%a) {{
  const %root = f64[] {{{root:?}}}
  const %one = f64[] {{1.0}}
  const %half = f64[] {{{half:?}}}
  %h = Neg(%x)
  %d = Div(%h, %root)
  %e = Erf(%d)
  %s = Add(%e, %one)
  %m = Mul(%h, %s)
  %a = Mul(%m, %half)
}}"
            ),
        );
        let numbers: Vec<f64> = (-9..9).map(|at| f64::from(at) / 3.0).collect();
        let x = of_floats(DataType::F64, &[18], &numbers).expect("the sizes fit");
        let found = reals(&model.same(&[("x", x)])[0]).expect("numbers");
        for (x, found) in numbers.iter().zip(found) {
            let expected = half * -x * (1.0 + libm::erf(-x / root));
            assert!((found - expected).abs() < 1e-14, "{found} instead of {expected}");
        }
    }
}

#[test]
fn functions_of_one_name_are_told_apart() {
    // They are not inlined, since they have another Softmax.
    let function = |overload: &str, axis: i64| {
        format!(
            "function \"f\" \"Shares\" overload \"{overload}\" opset \"\"=11
graph Shares(%x) -> (%y) {{
  %y = Softmax(%x) {{axis: {axis}}}
}}\n"
        )
    };
    let text = format!(
        "model ir=10 opset \"\"=18 opset \"f\"=1\n{}{}graph g(%x: f32[n, m]) -> (%a, %b) {{
  %a = \"f\"::Shares#\"a\"(%x)
  %b = \"f\"::Shares#\"b\"(%x)
}}",
        function("a", 0),
        function("b", 1)
    );
    Both::of(&text, 2).same(&[("x", some(&[2, 3], 1))]);
}

#[test]
fn a_function_that_is_called_as_an_operator_is_none() {
    // It is not inlined, since it has another Softmax.
    let text = "model ir=10 opset \"\"=18 opset \"f\"=1
function \"f\" \"IsNaN\" opset \"\"=11
graph IsNaN(%x) -> (%y) {
  %s = Softmax(%x) {axis: 1}
  %y = Equal(%s, %s)
}
graph g(%q: f32[b, n, 4], %k: f32[b, 4, m], %v: f32[b, m, 4]) -> (%y) {
  const %zero = f32[] {0.0}
  %scores = MatMul(%q, %k)
  %weights = Softmax(%scores) {axis: -1}
  %is: bool[b, n, m] = \"f\"::IsNaN(%weights)
  %guarded = Where(%is, %zero, %weights)
  %y = MatMul(%guarded, %v)
}";
    let inputs =
        [("q", some(&[2, 3, 4], 1)), ("k", some(&[2, 4, 5], 2)), ("v", some(&[2, 5, 4], 3))];
    Both::of(text, 2).same(&inputs);
    let text = "model ir=10 opset \"\"=18 opset \"f\"=1
function \"f\" \"LayerNormalization\" opset \"\"=11
graph LayerNormalization(%x, %s) -> (%y) {
  %z = Softmax(%x) {axis: 1}
  %y = Mul(%z, %s)
}
graph g(%x: f32[n, 4], %s: f32[4]) -> (%y) {
  %y: f32[n, 4] = \"f\"::LayerNormalization(%x, %s)
}";
    Both::of(text, 2).same(&[("x", some(&[2, 4], 1)), ("s", some(&[4], 2))]);
}

#[test]
fn sizes_that_nothing_but_a_step_mentions_are_waited_for() {
    // `r` and `t` are made by one kernel, and `i` is known behind it.
    let with = |inputs: &str, body: &str| {
        with(
            18,
            &format!(
                "graph g({inputs}, %y: f32[n]) -> (%z) {{
  const %w = f32[1, 1, 2] {{1, 2}}
  const %none = i64[1] {{0}}
  const %one = i64[1] {{1}}
  const %four = i64[1] {{4}}
  %r = Relu(%y)
  %t = Neg(%r)
  %found = NonZero(%t)
  %shape = Shape(%found)
  %i = Gather(%shape, %one)
{body}
  %s = ReduceSum(%a) {{keepdims: 0}}
  %z = Add(%r, %s)
}}"
            ),
        )
    };
    let y = || ("y", floats(&[4], &[0.0, 2.0, 0.0, 3.0]));
    let bias = "  %end = Add(%i, %one)
  %part = Slice(%v, %i, %end)
  %b = Reshape(%part, %one)
  %a = Conv(%x, %w, %b)";
    let model = with("%x: f32[1, 1, 3], %v: f32[m]", bias);
    model.same(&[("x", some(&[1, 1, 3], 1)), ("v", some(&[5], 2)), y()]);
    let images = "  %end = Add(%i, %four)
  %part = Slice(%x, %i, %end)
  const %sizes = i64[3] {1, 1, 4}
  %c = Reshape(%part, %sizes)
  %a = Conv(%c, %w)";
    with("%x: f32[m]", images).same(&[("x", some(&[8], 1)), y()]);
    let table = "  %part = Slice(%x, %none, %i)
  %a = Gather(%part, %k)";
    let model = with("%x: f32[m], %k: i64[p]", table);
    model.same(&[("x", some(&[8], 1)), ("k", integers(&[2], &[0, -1])), y()]);
}

#[test]
fn a_factor_that_is_spread_to_sizes_of_inputs_is_no_weight() {
    let model = with(
        18,
        "graph g(%x: f32[m, k], %y: f32[k, n]) -> (%a, %b) {
  %shape = Shape(%y)
  %c = ConstantOfShape(%shape) {value: tensor f32[1] {1.5}}
  %a = MatMul(%x, %c)
  %b = Gemm(%x, %c)
}",
    );
    model.same(&[("x", some(&[2, 3], 1)), ("y", some(&[3, 4], 2))]);
}

#[test]
fn steps_may_be_longer_than_an_axis() {
    let model = with(
        18,
        "graph g(%x: f32[n, m, k]) -> (%y) {
  const %one = i64[1] {1}
  const %far = i64[1] {9223372036854775807}
  %s = Slice(%x, %one, %far, %one, %far)
  %y = Neg(%s)
}",
    );
    for m in [1, 2, 3] {
        model.same(&[("x", some(&[2, m, 3], 1))]);
    }
}

#[test]
fn views_of_inputs_of_16_bits_are_cast() {
    let model = with(
        18,
        "graph g(%x: f16[n, m], %y: bf16[n]) -> (%a, %b, %c) {
  %t = Transpose(%x)
  %a = Cast(%t) {to: 1}
  const %axes = i64[1] {1}
  %u = Unsqueeze(%y, %axes)
  %b = Cast(%u) {to: 10}
  const %shape = i64[2] {2, 1}
  %e = Expand(%y, %shape)
  %f = Cast(%e) {to: 1}
  %c = Neg(%f)
}",
    );
    let numbers = [0.5, -2.0, 1.25, 3.0, 0.0, -0.75];
    let x = of_floats(DataType::F16, &[2, 3], &numbers).expect("the sizes fit");
    let y = of_floats(DataType::BF16, &[2], &numbers[..2]).expect("the sizes fit");
    model.same(&[("x", x), ("y", y)]);
}

#[test]
fn sizes_to_spread_to_are_those_of_the_data_or_1() {
    let model = with(
        18,
        "graph g(%x: f32[n, 2], %r: i64[3]) -> (%y) {
  %y = Expand(%x, %r)
}",
    );
    let run = |n: i64, r: [i128; 3]| [("x", some(&[n, 2], 1)), ("r", integers(&[3], &r))];
    for (n, r) in [(3, [2, 3, 1]), (1, [2, 3, 2]), (3, [1, 1, 1]), (0, [1, 1, 2]), (1, [2, 0, 2])] {
        model.same(&run(n, r));
    }
    for (n, r) in [(3, [2, 2, 1]), (2, [2, 3, 1]), (2, [2, 0, 1]), (0, [2, 3, 1]), (2, [1, 2, 3])] {
        model.refused(&run(n, r));
    }
    let never = with(
        18,
        "graph g(%x: f32[n, 2]) -> (%y) {
  const %shape = i64[2] {1, 3}
  %e = Expand(%x, %shape)
  %y = Neg(%e)
}",
    );
    never.refused(&[("x", some(&[2, 2], 1))]);
}

#[test]
fn the_largest_of_no_integers_is_the_least_of_their_type() {
    for dtype in [DataType::I8, DataType::U8, DataType::I32, DataType::U32, DataType::I64] {
        let model = with(
            18,
            &format!(
                "graph g(%x: {dtype}[n, m]) -> (%a, %b, %c) {{
  const %last = i64[1] {{1}}
  %a = ReduceMax(%x, %last)
  %b = ReduceMin(%x)
  %most = ReduceMin(%x, %last)
  %c = Cast(%most) {{to: 7}}
}}"
            ),
        );
        for (n, m) in [(2, 0), (0, 2), (2, 2)] {
            let data: Vec<i128> = (0..n * m).map(|at| i128::from(at * 5 % 7)).collect();
            model.same(&[("x", narrow(dtype, &[n, m], &data))]);
        }
    }
}

#[test]
fn numbers_of_u64_may_be_larger_than_those_of_i64() {
    let model = with(
        18,
        "graph g(%x: i32[2]) -> (%u, %y) {
  const %one = u64[] {1}
  const %most = u64[] {50}
  %u = Cast(%x) {to: 13}
  %y = Clip(%u, %one, %most)
}",
    );
    let x = narrow(DataType::I32, &[2], &[-3, 7]);
    let found = model.same(&[("x", x)]);
    assert_eq!(found[1].bytes(), narrow(DataType::U64, &[2], &[50, 7]).bytes());
}

#[test]
fn factors_that_no_memory_holds_are_refused() {
    let model = with(
        18,
        "graph g(%x: f32[1, 1], %rows: i64[2], %columns: i64[2]) -> (%y) {
  %a = Expand(%x, %rows)
  %b = Expand(%x, %columns)
  %y = MatMul(%a, %b)
}",
    );
    let run = |depth: i128| {
        let x = ("x", some(&[1, 1], 1));
        [x, ("rows", integers(&[2], &[2, depth])), ("columns", integers(&[2], &[depth, 3]))]
    };
    model.same(&run(4));
    for depth in [1 << 45, 1 << 61] {
        let error = model.refused(&run(depth)).to_string();
        assert!(error.contains("too large"), "{error}");
    }
}
