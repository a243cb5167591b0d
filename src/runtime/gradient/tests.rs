//! Gradients against differences of the function itself, in float64.

use crate::ir::{DataType, text};
use crate::ops::Value;
use crate::ops::numbers::{of_floats, reals};
use crate::runtime::{Options, Session};
use std::collections::HashMap;

/// Shapes of the inputs a, b, …, and the operators that make %o of them.
static CASES: &[(&[&[i64]], &str)] = &[
    (&[&[2, 3]], "%o = Neg(%a)"),
    (&[&[2, 3]], "%p = Abs(%a) %q = Sqrt(%p) %r = Log(%q) %o = Reciprocal(%r)"),
    (&[&[2, 3]], "%p = Sin(%a) %q = Cos(%p) %r = Tan(%q) %o = Exp(%r)"),
    (&[&[2, 3]], "%p = Asin(%a) %q = Acos(%a) %r = Atan(%p) %o = Add(%r, %q)"),
    (
        &[&[2, 3]],
        "%p = Sinh(%a) %q = Cosh(%p) %r = Tanh(%q) %s = Asinh(%r) %t = Atanh(%a) %o = Mul(%s, %t)",
    ),
    (&[&[2, 3]], "%p = Cosh(%a) %q = Exp(%p) %r = Acosh(%q) %o = Erf(%r)"),
    (&[&[2, 3], &[3]], "%p = Sub(%a, %b) %o = Mul(%p, %b)"),
    (&[&[2, 3], &[2, 1]], "%p = Exp(%b) %o = Div(%a, %p)"),
    (&[&[2, 1, 3], &[4, 1]], "%p = Exp(%a) %o = Pow(%p, %b)"),
    (&[&[2, 3]], "const %two = i64[] {2} %o = Pow(%a, %two)"),
    (
        &[&[2, 3], &[3], &[]],
        "%p = Max(%a, %b, %c) %q = Min(%a, %b) %r = Sum(%p, %q, %c) %o = Mean(%r, %c)",
    ),
    (&[&[2, 3], &[3]], "const %z = f64[] {0} %p = Greater(%a, %z) %o = Where(%p, %a, %b)"),
    (&[&[2, 3]], "%p = Cast(%a) {to: 11} %q = Identity(%p) %o = CastLike(%q, %a)"),
    (
        &[&[2, 3]],
        "%p = Relu(%a) %q = LeakyRelu(%a) {alpha: 0.3} %r = Elu(%a) {alpha: 1.5} %s = Add(%p, %q) %o = Add(%s, %r)",
    ),
    (
        &[&[2, 3]],
        "%p = Selu(%a) %q = Celu(%a) {alpha: 0.5} %r = ThresholdedRelu(%a) {alpha: 0.1} %s = Add(%p, %q) %o = Add(%s, %r)",
    ),
    (
        &[&[2, 3]],
        "%p = HardSigmoid(%a) %q = HardSwish(%a) %r = Softplus(%a) %s = Add(%p, %q) %o = Add(%s, %r)",
    ),
    (&[&[2, 3]], "%p = Softsign(%a) %q = Sigmoid(%p) %r = Mish(%q) %o = Gelu(%r)"),
    (&[&[2, 3]], "%p = Gelu(%a) {approximate: \"tanh\"} %o = Swish(%p) {alpha: 0.7}"),
    (&[&[2, 3], &[], &[]], "%p = Abs(%b) %q = Neg(%p) %r = Abs(%c) %o = Clip(%a, %q, %r)"),
    (&[&[2, 3], &[3]], "%o = PRelu(%a, %b)"),
    (&[&[2, 3, 2]], "%p = Softmax(%a) {axis: 1} %o = LogSoftmax(%p)"),
    (&[&[2, 3], &[3, 4]], "%o = MatMul(%a, %b)"),
    (&[&[2, 1, 2, 3], &[5, 3, 4]], "%o = MatMul(%a, %b)"),
    (&[&[3], &[3]], "%o = MatMul(%a, %b)"),
    (&[&[3], &[2, 3, 4]], "%o = MatMul(%a, %b)"),
    (&[&[2, 4, 3], &[3]], "%o = MatMul(%a, %b)"),
    (&[&[2, 3], &[3, 4], &[4]], "%o = Gemm(%a, %b, %c) {alpha: 0.5, beta: 2.0}"),
    (&[&[3, 2], &[3, 4], &[2, 1]], "%o = Gemm(%a, %b, %c) {transA: 1}"),
    (&[&[2, 3], &[4, 3]], "%o = Gemm(%a, %b) {transB: 1}"),
    (&[&[3, 2], &[4, 3]], "%o = Gemm(%a, %b) {transA: 1, transB: 1}"),
    (&[&[2, 3, 4], &[2, 4]], "%o = Einsum(%a, %b) {equation: \"bij,bj\"}"),
    (&[&[2, 3], &[4]], "%o = Einsum(%a, %b) {equation: \"ij,k->i\"}"),
    (&[&[2, 3]], "const %s = i64[1] {6} %p = Reshape(%a, %s) %q = Flatten(%p) %o = Mul(%q, %q)"),
    (&[&[2, 1, 3]], "const %k = i64[1] {1} %p = Squeeze(%a, %k) %o = Unsqueeze(%p, %k)"),
    (&[&[2, 3, 4]], "%p = Transpose(%a) {perm: ints [1, 2, 0]} %o = Transpose(%p)"),
    (&[&[2, 1, 3]], "const %s = i64[3] {2, 4, 1} %o = Expand(%a, %s)"),
    (&[&[2, 3], &[2, 2]], "%p = Concat(%a, %b) {axis: -1} %o = Mul(%p, %p)"),
    (
        &[&[2, 5]],
        "const %k = i64[1] {-1} const %f = i64[1] {4} const %t = i64[1] {-9} const %by = i64[1] {-2} %o = Slice(%a, %f, %t, %k, %by)",
    ),
    (&[&[4, 3]], "const %i = i64[2, 2] {1, 0, -1, 1} %o = Gather(%a, %i)"),
    (&[&[3, 2]], "const %i = i64[2, 2] {1, 0, -1, 1} %o = GatherElements(%a, %i)"),
    (&[&[3, 2]], "const %i = i64[2, 2] {1, 0, 1, 1} %o = GatherND(%a, %i)"),
    (&[&[3, 2], &[2, 2]], "const %i = i64[2, 2] {1, 0, 2, 1} %o = ScatterElements(%a, %i, %b)"),
    (
        &[&[3, 2], &[2, 2]],
        "const %i = i64[2, 2] {1, 0, 1, 1} %o = ScatterElements(%a, %i, %b) {reduction: \"add\"}",
    ),
    (
        &[&[2, 6]],
        "const %s = i64[2] {2, 4} %p, %q = Split(%a, %s) {axis: 1} %r = ReduceSum(%p) %o = Mul(%q, %r)",
    ),
    (&[&[2, 6]], "const %s = i64[2] {2, 4} %p, %o = Split(%a, %s) {axis: 1}"),
    (&[&[2, 3]], "const %n = i64[2] {2, 2} %p = Tile(%a, %n) %o = Trilu(%p)"),
    (&[&[2, 3]], "const %n = i64[4] {0, 1, 1, -1} const %v = f64[] {0.5} %o = Pad(%a, %n, %v)"),
    (&[&[2, 3]], "const %n = i64[4] {1, 1, 0, 2} %o = Pad(%a, %n) {mode: \"reflect\"}"),
    (
        &[&[1, 4, 2, 2]],
        "%p = DepthToSpace(%a) {blocksize: 2} %q = Exp(%p) %o = SpaceToDepth(%q) {blocksize: 2}",
    ),
    (
        &[&[2, 3, 2]],
        "const %k = i64[2] {0, -1} %p = ReduceMean(%a, %k) {keepdims: 0} %q = Mul(%p, %p) %o = ReduceMean(%q)",
    ),
    (
        &[&[2, 3, 2]],
        "const %k = i64[1] {1} %p = ReduceSum(%a, %k) {keepdims: 0} %q = Mul(%p, %p) %o = ReduceLogSumExp(%q)",
    ),
    (
        &[&[2, 3]],
        "const %k = i64[1] {1} %p = ReduceMax(%a, %k) %q = ReduceMin(%a) %o = Mul(%p, %q)",
    ),
    (
        &[&[2, 3]],
        "const %k = i64[1] {1} %p = ReduceL1(%a, %k) %q = ReduceL2(%a) {keepdims: 0} %r = ReduceSumSquare(%p, %k) %s = ReduceLogSum(%r) %o = Mul(%s, %q)",
    ),
    (&[&[2, 3]], "%p = Shape(%a) %q = Cast(%p) {to: 11} %r = ReduceSum(%q) %o = Mul(%a, %r)"),
];

/// The same in an older operator set.
static OLD_CASES: &[(&[&[i64]], &str)] = &[
    (&[&[2, 3, 2]], "%p = Softmax(%a) %o = LogSoftmax(%p) {axis: 2}"),
    (
        &[&[2, 3]],
        "%p = ReduceSum(%a) {axes: ints [1], keepdims: 0} %q = ReduceMax(%a) {axes: ints [-1], keepdims: 0} %o = Mul(%p, %q)",
    ),
    (
        &[&[2, 1, 3]],
        "%p = Squeeze(%a) {axes: ints [1]} %q = Slice(%p) {starts: ints [1], ends: ints [9], axes: ints [1]} %o = Unsqueeze(%q) {axes: ints [0]}",
    ),
    (
        &[&[2, 3]],
        "%p = Pad(%a) {pads: ints [0, 1, 2, -1], value: 0.5} %o = Clip(%p) {min: -0.3, max: 0.5}",
    ),
];

fn model(opset: i64, inputs: &[&[i64]], body: &str, outputs: &str) -> String {
    let input = |(name, shape): (char, &&[i64])| format!("%{name}: f64{shape:?}");
    let inputs: Vec<String> = ('a'..).zip(inputs).map(input).collect();
    format!(
        "model ir=8 opset \"\"={opset} opset \"ai.onnx.preview.training\"=1\n\
         graph g({}) -> ({outputs}) {{ {body} }}",
        inputs.join(", "),
    )
}

fn session(source: &str) -> crate::error::Result<Session> {
    let model = text::parse(source).unwrap_or_else(|e| panic!("{source}: {e:?}"));
    Session::new(&model, &Options { is_reference: true, ..Options::default() })
}

fn run(session: &Session, inputs: &[(Vec<i64>, Vec<f64>)]) -> Vec<Vec<f64>> {
    let value = |(name, (dims, x)): (char, &(Vec<i64>, Vec<f64>))| {
        let tensor = of_floats(DataType::F64, dims, x).expect("floats");
        (name.to_string(), Value::Tensor(tensor))
    };
    let inputs: HashMap<String, Value> = ('a'..).zip(inputs).map(value).collect();
    let outputs = session.run(&inputs).unwrap_or_else(|e| panic!("{e:?}"));
    outputs.iter().map(|y| reals(y.tensor().expect("a tensor")).expect("numbers")).collect()
}

/// Numbers between −0.8 and 0.8 that all differ.
fn numbers(shapes: &[&[i64]]) -> Vec<(Vec<i64>, Vec<f64>)> {
    let number = |slot: usize, at: i64| 0.8 * (1.7 * at as f64 + 0.9 * slot as f64 + 0.4).sin();
    let one = |(slot, shape): (usize, &&[i64])| {
        let count: i64 = shape.iter().product();
        (shape.to_vec(), (0..count).map(|at| number(slot, at)).collect())
    };
    shapes.iter().enumerate().map(one).collect()
}

/// The derivative of output 0 by an element of an input.
fn difference(session: &Session, inputs: &[(Vec<i64>, Vec<f64>)], slot: usize, at: usize) -> f64 {
    const STEP: f64 = 1e-5;
    let moved = |by: f64| {
        let mut inputs = inputs.to_vec();
        inputs[slot].1[at] += by;
        run(session, &inputs)[0].iter().sum::<f64>()
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

/// Asserts that the outputs behind the first are its gradients by the inputs.
fn assert_gradients(source: &str, shapes: &[&[i64]]) {
    let session = session(source).unwrap_or_else(|e| panic!("{source}: {e:?}"));
    let inputs = numbers(shapes);
    let found = run(&session, &inputs);
    for (slot, (_, x)) in inputs.iter().enumerate() {
        assert_eq!(found[slot + 1].len(), x.len(), "{source}");
        for (at, &gradient) in found[slot + 1].iter().enumerate() {
            let wanted = difference(&session, &inputs, slot, at);
            let error = (gradient - wanted).abs() / wanted.abs().max(1.0);
            assert!(error < 1e-6, "{source}: input {slot} at {at}: {gradient}, not {wanted}");
        }
    }
}

/// The operator for all inputs, as text.
fn gradient(inputs: usize, of: &str, made: &str) -> String {
    let list = |start: &str, end: &str| -> String {
        let names = ('a'..).take(inputs).map(|name| format!("{start}{name}{end}"));
        names.collect::<Vec<_>>().join(", ")
    };
    let (made, given, names) = (list(&format!("%{made}"), ""), list("%", ""), list("\"", "\""));
    format!(
        " {made} = \"ai.onnx.preview.training\"::Gradient({given}) {{xs: strings [{names}], y: \"{of}\"}}"
    )
}

fn assert_case(opset: i64, shapes: &[&[i64]], body: &str) {
    let body = format!("{body} %y = ReduceSumSquare(%o) {{keepdims: 0}}");
    let body = body + &gradient(shapes.len(), "y", "d");
    let made: String = ('a'..).take(shapes.len()).map(|name| format!(", %d{name}")).collect();
    assert_gradients(&model(opset, shapes, &body, &format!("%y{made}")), shapes);
}

#[test]
fn gradients_are_those_of_differences() {
    CASES.iter().for_each(|(shapes, body)| assert_case(24, shapes, body));
    OLD_CASES.iter().for_each(|(shapes, body)| assert_case(9, shapes, body));
}

#[test]
fn a_gradient_has_gradients() {
    static TWICE: &[(&[&[i64]], &str)] = &[
        (&[&[2, 3], &[3, 4]], "%p = MatMul(%a, %b) %o = Tanh(%p)"),
        (&[&[2, 3], &[3]], "%p = Mul(%a, %b) %o = Softmax(%p)"),
        (
            &[&[2, 6]],
            "const %s = i64[2] {2, 4} %p, %q = Split(%a, %s) {axis: 1} %r = Exp(%q) %o = Concat(%p, %r) {axis: 1}",
        ),
        (&[&[2, 3]], "const %k = i64[1] {1} %p = Exp(%a) %o = ReduceMean(%p, %k)"),
    ];
    for (shapes, body) in TWICE {
        let body = format!("{body} %e = ReduceSumSquare(%o) {{keepdims: 0}}");
        let body = body + &gradient(shapes.len(), "e", "d") + " %y = Sin(%da)";
        let body = body + &gradient(shapes.len(), "y", "dd");
        let made: String = ('a'..).take(shapes.len()).map(|name| format!(", %dd{name}")).collect();
        assert_gradients(&model(24, shapes, &body, &format!("%y{made}")), shapes);
    }
}

#[test]
fn variables_are_independent_and_may_have_other_values() {
    // The gradient of exp(a)·b by h = exp(a) alone, where h is b and b is a.
    let body = "%h = Exp(%a) %y = Mul(%h, %b) %p = Add(%b, %b)
        %dh, %db = \"ai.onnx.preview.training\"::Gradient(%p, %a) {xs: strings [\"h\", \"b\"], y: \"y\"}
        %da = \"ai.onnx.preview.training\"::Gradient(%a, %h) {xs: strings [\"a\"], zs: strings [\"h\"], y: \"y\"}";
    let session = session(&model(17, &[&[2], &[2]], body, "%dh, %db, %da")).expect("a model");
    let (a, b) = ((vec![2], vec![1.0, 2.0]), (vec![2], vec![3.0, 4.0]));
    assert_eq!(run(&session, &[a, b]), [[1.0, 2.0], [6.0, 8.0], [0.0, 0.0]]);
}

#[test]
fn a_power_of_0_is_a_constant() {
    let body = "const %b = f64[3] {0, 1, 2} %y = Pow(%a, %b)
        %d = \"ai.onnx.preview.training\"::Gradient(%a) {xs: strings [\"a\"], y: \"y\"}";
    let session = session(&model(17, &[&[3]], body, "%d")).expect("a model");
    assert_eq!(run(&session, &[(vec![3], vec![0.0; 3])]), [[0.0, 1.0, 0.0]]);
}

#[test]
fn what_has_no_gradient_is_an_error_before_anything_runs() {
    let error = |body: &str| {
        let error = session(&model(17, &[&[2]], body, "%d")).expect_err("it has none");
        error.to_string()
    };
    let of = |y: &str| {
        format!(
            "%d = \"ai.onnx.preview.training\"::Gradient(%a) {{xs: strings [\"a\"], y: \"{y}\"}}"
        )
    };
    let unknown = error(&format!("%b = Det(%a) %y = Exp(%b) {}", of("y")));
    assert!(
        unknown.contains("the Det that makes \"b\": the derivative of Det is not known"),
        "{unknown}"
    );
    let nothing = error(&format!("%b = Exp(%a) {}", of("c")));
    assert!(nothing.contains("its graph has no tensor \"c\""), "{nothing}");
    let many = error("%y = Exp(%a) %d = \"ai.onnx.preview.training\"::Gradient(%a) {y: \"y\"}");
    assert!(many.contains("0 xs, 0 zs, 1 inputs and 1 outputs"), "{many}");
    // What the tensor does not depend on may be anything.
    let body = format!("const %n = f64[1, 1] {{2}} %b = Det(%n) %y = Mul(%a, %b) {}", of("y"));
    assert!(session(&model(17, &[&[2]], &body, "%d")).is_ok());
}
