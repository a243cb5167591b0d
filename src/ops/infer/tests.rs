use super::*;
use crate::ir::text;

const CONSTANTS: &str = "
    const %zero = i64[] {0}
    const %one = i64[] {1}
    const %two = i64[] {2}
    const %minus = i64[] {-1}
    const %v0 = i64[1] {0}
    const %v1 = i64[1] {1}
    const %v2 = i64[1] {2}
    const %end = i64[1] {9223372036854775807}
    const %heads = i64[2] {4, 16}
    const %flat = i64[2] {-1, 64}
    const %open = i64[3] {0, -1, 64}";

fn model(inputs: &str, nodes: &str) -> crate::ir::Model {
    let source = format!(
        "model ir=10 opset \"\"=23
         graph g({inputs}) -> () {{{CONSTANTS}\n{nodes}\n}}"
    );
    text::parse(&source).unwrap_or_else(|e| panic!("{e}: {source}"))
}

/// What is known of a value, as text.
fn known(model: &crate::ir::Model, value: &str) -> String {
    let facts = infer(&model.graph, &model.opset_imports);
    let fact = &facts[&model.graph.value_named(value).expect(value)];
    let list = |all: &[Size]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let dtype = fact.dtype.map_or("?", DataType::name);
    let shape = fact.shape.as_deref().map_or("?".to_owned(), list);
    let elements = fact.elements.as_deref().map(|all| format!(" {{{}}}", list(all)));
    format!("{dtype}[{shape}]{}", elements.unwrap_or_default())
}

/// Holds what is known of `%y`, of a model with inputs x, ids, past and c.
fn check(cases: &[(&str, &str)]) {
    let inputs = "%x: f32[b, n, 64], %ids: i64[b, n], %past: f32[b, 4, p, 16], %c: bool[]";
    let found: Vec<_> =
        cases.iter().map(|(nodes, _)| (nodes, known(&model(inputs, nodes), "y"))).collect();
    let expected: Vec<_> = cases.iter().map(|(nodes, y)| (nodes, (*y).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn shapes_that_exporters_compute() {
    let sizes = "
        %s = Shape(%x)
        %b = Gather(%s, %zero)
        %n = Gather(%s, %one)
        %b1 = Unsqueeze(%b, %v0)
        %n1 = Unsqueeze(%n, %v0)
        %to = Concat(%b1, %n1, %heads) {axis: 0}\n";
    let with = |nodes: &str| format!("{sizes}{nodes}");
    check(&[
        (&with("%y = Identity(%to)"), "i64[4] {b, n, 4, 16}"),
        (&with("%y = Reshape(%x, %to)"), "f32[b, n, 4, 16]"),
        (&with("%r = Reshape(%x, %to)\n%y = Reshape(%r, %open)"), "f32[b, n, 64]"),
        (&with("%y = Reshape(%x, %flat)"), "f32[b*n, 64]"),
        (&with("%y = Range(%zero, %n, %one)"), "i64[n]"),
        (&with("%p = Shape(%past) {start: 2, end: 3}\n%y = Add(%p, %n1)"), "i64[1] {n + p}"),
        (&with("%y = ReduceProd(%s) {keepdims: 0}"), "i64[] {64*b*n}"),
        (&with("%e = Equal(%to, %minus)\n%y = Where(%e, %one, %to)"), "i64[4] {b, n, 4, 16}"),
        (&with("%h = Div(%n, %two)\n%y = Mul(%h, %two)"), "i64[] {2*floor((n) / (2))}"),
        (&with("%y = ConstantOfShape(%to)"), "f32[b, n, 4, 16]"),
        (&with("%f = Cast(%n) {to: 1}\n%y = Cast(%f) {to: 7}"), "i64[] {element(v22.1, 0)}"),
        ("%s = Shape(%x) {start: -1}\n%y = Cast(%s) {to: 6}", "i32[1] {64}"),
        ("%s = Size(%x)\n%y = Neg(%s)", "i64[] {-64*b*n}"),
        (&with("%i = Cast(%n) {to: 6}\n%y = Sub(%i, %i)"), "i32[] {0}"),
        (&with("%y = Cast(%n) {to: 2}"), "u8[] {element(v21.1, 0)}"),
    ]);
}

#[test]
fn views() {
    check(&[
        ("%y = Transpose(%x) {perm: ints [2, 0, 1]}", "f32[64, b, n]"),
        ("%y = Flatten(%past) {axis: 2}", "f32[4*b, 16*p]"),
        ("%y = Unsqueeze(%ids, %v1)", "i64[b, 1, n]"),
        ("%u = Unsqueeze(%ids, %v1)\n%y = Squeeze(%u, %v1)", "i64[b, n]"),
        ("%y = Squeeze(%x)", "f32[?]"),
        ("%y = Slice(%x, %v0, %v2, %v1)", "f32[b, min(2, n), 64]"),
        ("%y = Slice(%x, %v1, %end, %v1)", "f32[b, n + -1*min(1, n), 64]"),
        ("%y = Slice(%x, %v0, %end, %v1, %v2)", "f32[b, n + -1*floor((n) / (2)), 64]"),
        ("%y, %z = Split(%x) {axis: 2, num_outputs: 2}", "f32[b, n, 32]"),
        ("%y = Concat(%past, %past) {axis: 2}", "f32[b, 4, 2*p, 16]"),
        ("%y = Gather(%x, %zero) {axis: 1}", "f32[b, 64]"),
        ("%y = Gather(%x, %ids) {axis: 2}", "f32[b, n, b, n]"),
        ("%y = NonZero(%ids)", "i64[2, size(v15.1, 1)]"),
    ]);
}

#[test]
fn sizes_of_an_axis_meet() {
    check(&[
        ("%y = Add(%x, %v1)", "f32[b, n, 64]"),
        ("%a = Unsqueeze(%ids, %v0)\n%y = Equal(%a, %ids)", "bool[1, b, n]"),
        ("%a = Transpose(%ids)\n%y = Less(%a, %ids)", "bool[broadcast(b, n), broadcast(b, n)]"),
        (
            "%k = Transpose(%past) {perm: ints [0, 1, 3, 2]}\n%y = MatMul(%past, %k)",
            "f32[b, 4, p, p]",
        ),
        ("%y = Einsum(%past, %past) {equation: \"bhqd,bhkd->bhqk\"}", "f32[b, 4, p, p]"),
        ("%y = ReduceMean(%x, %v2)", "f32[b, n, 1]"),
        ("%y = ReduceMax(%x) {keepdims: 0}", "f32[]"),
        ("%y = ArgMax(%x) {axis: -1, keepdims: 0}", "i64[b, n]"),
    ]);
}

#[test]
fn windows() {
    let sizes = |nodes: &str| {
        let inputs = "%x: f32[b, 3, h, 224], %w: f32[8, 3, 3, 3]";
        known(&model(inputs, nodes), "y")
    };
    let pads = "pads: ints [1, 1, 1, 1], strides: ints [2, 2]";
    assert_eq!(
        sizes(&format!("%y = Conv(%x, %w) {{{pads}}}")),
        "f32[b, 8, floor((1 + h) / (2)), 112]"
    );
    let same = "auto_pad: \"SAME_UPPER\", strides: ints [2, 2]";
    assert_eq!(
        sizes(&format!("%y = Conv(%x, %w) {{{same}}}")),
        "f32[b, 8, h + -1*floor((h) / (2)), 112]"
    );
    assert_eq!(sizes("%y = MaxPool(%x) {kernel_shape: ints [2, 2]}"), "f32[b, 3, -1 + h, 223]");
    assert_eq!(sizes("%y = GlobalAveragePool(%x)"), "f32[b, 3, 1, 1]");
    let huge = "kernel_shape: ints [1], strides: ints [9223372036854775807],
        pads: ints [9223372036854775807, 9223372036854775807]";
    let y = known(&model("%x: f32[1, 1, 10]", &format!("%y = MaxPool(%x) {{{huge}}}")), "y");
    assert_eq!(y, "f32[1, 1, size(v12.1, 2)]");
}

#[test]
fn both_branches_and_all_rounds_agree() {
    check(&[
        (
            "%y = If(%c) captures(%x) {then_branch: graph t() -> (%a) {
                capture %x = 0
                %a = Relu(%x)
             }, else_branch: graph e() -> (%a) {
                capture %x = 0
                %a = Concat(%x, %x) {axis: 1}
             }}",
            "f32[b, size(v15.1, 1), 64]",
        ),
        (
            "%y, %z = Loop(%two, _, %x) {body: graph l(%i: i64[], %g: bool[], %s: f32[?, ?, ?]) -> (%g, %t, %t) {
                %t = Relu(%s)
             }}",
            "f32[b, n, 64]",
        ),
        (
            "%z, %y = Loop(%two, _, %x) {body: graph l(%i: i64[], %g: bool[], %s: f32[?, ?, ?]) -> (%g, %t, %s) {
                %t = Concat(%s, %s) {axis: 1}
             }}",
            "f32[2, b, size(v16.1, 2), 64]",
        ),
    ]);
}

#[test]
fn loops_in_loops_are_inferred_in_bounded_time() {
    let names = |name: &str| (0..8).map(|at| format!("%{name}{at}")).collect::<Vec<_>>().join(", ");
    let states = (0..8).map(|at| format!("%s{at}: f32[?]")).collect::<Vec<_>>().join(", ");
    // A state becomes the one before it: that the first grows is seen of one more each round.
    let looped = |inner: &str| {
        format!(
            "{} = Loop(%two, _, {}) captures(%two) {{body: graph l(%i: i64[], %g: bool[], {states}) ->
                (%g, %r0, {}) {{
                capture %two = 0
                {inner}
                %r0 = Concat(%s0, %s0) {{axis: 0}}
             }}}}",
            names("o"),
            names("s"),
            (0..7).map(|at| format!("%s{at}")).collect::<Vec<_>>().join(", ")
        )
    };
    let many: String = (0..2000).map(|at| format!("%n{at} = Neg(%two)\n")).collect();
    let nodes = (0..5).fold(many, |inner, _| looped(&inner));
    known(&model(&states.replace('?', "n"), &nodes), "o0");
}

#[test]
fn caches_grow() {
    let nodes = "%q = Reshape(%x, %four)\n%k = Transpose(%q) {perm: ints [0, 2, 1, 3]}
        %o, %y, %v = Attention(%k, %k, %k, _, %past, %past)\n        const %four = i64[4] {0, 0, 4, 16}";
    check(&[(nodes, "f32[b, 4, n + p, 16]")]);
}

#[test]
fn what_is_declared_fills_gaps() {
    check(&[
        ("%y: f32[b, k, 64] = Squeeze(%x)", "f32[b, k, 64]"),
        ("%y: i64[2, found] = NonZero(%ids)", "i64[2, found]"),
        ("%y: f32[other, 7, 64] = Relu(%x)", "f32[b, n, 64]"),
    ]);
}

#[test]
fn many_inputs_are_no_deep_or_long_size() {
    let names: Vec<String> = (0..20_000).map(|at| format!("%i{at}")).collect();
    let inputs = names.iter().map(|name| format!("{name}: i64[]")).collect::<Vec<_>>().join(", ");
    let known = |op: &str| known(&model(&inputs, &format!("%y = {op}({})", names.join(", "))), "y");
    assert!(known("Max").starts_with("i64[] {element("));
    assert!(known("Min").starts_with("i64[] {element("));
}

#[test]
fn a_kept_size_of_0_leaves_the_others_open() {
    let nodes = "%to = Concat(%v0, %e) {axis: 0}\n%y = Reshape(%x, %to)";
    assert_eq!(known(&model("%x: f32[n, m], %e: i64[1]", nodes), "y"), "f32[n, size(v14.1, 1)]");
}

#[test]
fn parts_of_a_split_end_before_the_largest_number() {
    let nodes =
        "const %all = i64[3] {9223372036854775807, 9223372036854775807, 9223372036854775807}
        %y, %z, %last = Split(%x, %all)";
    known(&model("%x: i64[n]", nodes), "y");
}
