//! Functions.

use super::{assert_same, expanded, operators, parse, random};
use crate::ir::Model;
use crate::lower::expand::expand;
use crate::ops::Value;

/// What is before `graph main`: a function that scales and one that calls it twice.
const FUNCTIONS: &str = r#"model ir=10 opset ""=17 opset "f"=1
function "f" "Scale" opset ""=17 attribute "by" defaults {n: 2.0}
graph Scale(%x) -> (%y, %n) {
  %c = Constant() {value_float: ref float by}
  %n = Constant() {value_float: ref float n}
  %z = Mul(%x, %c)
  %y = Mul(%z, %n)
}
function "f" "Twice" opset ""=17 opset "f"=1 attribute "to"
graph Twice(%x, %c) -> (%y, %x) {
  %z, _ = "f"::Scale(%x) {by: ref float to}
  %y = "f"::Scale(%z) {by: 3.0, n: ref float none}
}
"#;

fn with(main: &str) -> String {
    format!("{FUNCTIONS}{main}")
}

fn vector() -> Option<Value> {
    Some(random(&[3], 1))
}

fn names(model: &Model) -> Vec<&str> {
    let graph = &model.graph;
    let fed = graph.outputs().iter().filter_map(|&o| graph.node_input(o, 0));
    fed.map(|value| graph.value(value).name()).collect()
}

#[test]
fn calls_give_way_to_bodies() {
    let text = with(
        r#"graph main(%x: f32[3]) -> (%y, %z, %n) {
  %z, %n = "f"::Scale(%x) {by: 0.5, n: 7.0}
  %a, %b = "f"::Twice(%z, _) {to: 0.25}
  %y = Add(%a, %b)
}"#,
    );
    let model = assert_same(&text, &[vector()]);
    assert_eq!(operators(&model), ["Mul", "Mul", "Mul", "Mul", "Mul", "Mul", "Add"]);
    assert_eq!(names(&model), ["y", "z", "n"]);
}

#[test]
fn outputs_that_a_function_passes_through_keep_their_names() {
    let text = with(
        r#"graph main(%x: f32[3]) -> (%y, %same, %same) {
  %y, %same = "f"::Twice(%x) {to: 0.25}
}"#,
    );
    let model = assert_same(&text, &[vector()]);
    assert_eq!(names(&model), ["y", "same", "same"]);
    assert_eq!(operators(&model).last().map(String::as_str), Some("Identity"));
}

#[test]
fn subgraphs_are_inlined_and_capture_what_stands_for_values() {
    let function = r#"function "f" "Choose" opset ""=17 opset "f"=1 attribute "by"
graph Choose(%if, %x, %w) -> (%y) {
  %two = Constant() {value_float: 2.0}
  %both = Add(%x, %w)
  %y = If(%if) captures(%x, %w, %two, %both) {then_branch: graph then() -> (%t) {
    capture %x = 0
    capture %w = 1
    capture %two = 2
    %k = Constant() {value_float: ref float by}
    %s = Mul(%x, %k)
    %u = Mul(%s, %w)
    %t = Sub(%u, %two)
  }, else_branch: graph else() -> (%e) {
    capture %both = 3
    %e, %x.1 = "f"::Twice(%both) {to: 0.5}
  }}
}
"#;
    for choice in [0, 1] {
        let main = r#"graph main(%x: f32[3], %if: bool[]) -> (%y) {
  %w, %p = "f"::Twice(%x) {to: 2.0}
  %a = "f"::Choose(%if, %x, %p) {by: 0.5}
  %b = "f"::Choose(%if, %w, %a) {by: 0.25}
  %y = If(%if) captures(%b, %p) {then_branch: graph then() -> (%t) {
    capture %b = 0
    capture %p = 1
    %t = Add(%b, %p)
  }, else_branch: graph else() -> (%e) {
    capture %p = 1
    %z = Neg(%p)
    %e = "f"::Scale(%z) {by: 0.5}
  }}
}"#;
        let text = format!("{FUNCTIONS}{function}{main}");
        let choice = crate::ops::numbers::of_bools(&[], &[choice == 1]);
        let model = assert_same(&text, &[vector(), Some(choice.into())]);
        let calls = |graph: &crate::ir::Graph| {
            graph.ops().iter().filter(|(_, op)| op.domain == "f").count()
        };
        let ops = model.graph.ops();
        assert_eq!(calls(&model.graph), 0);
        assert_eq!(ops.iter().flat_map(|(_, op)| op.subgraphs()).map(calls).sum::<usize>(), 0);
    }
}

#[test]
fn inputs_that_are_left_out_stay_out() {
    let text = r#"model ir=10 opset ""=17 opset "f"=1
function "f" "Clip" opset ""=17
graph Clip(%x, %low, %high) -> (%y) {
  %y = Clip(%x, %low, %high)
}
graph main(%x: f32[3]) -> (%y) {
  const %high = f32[] {0.25}
  %y = "f"::Clip(%x, _, %high)
}"#;
    assert_eq!(operators(&assert_same(text, &[vector()])), ["Clip"]);
}

#[test]
fn a_function_of_another_operator_set_stays_where_it_differs() {
    let text = |opset: i64| {
        format!(
            r#"model ir=10 opset ""=17 opset "f"=1
function "f" "Max" opset ""={opset}
graph Max(%x) -> (%y) {{
  %a = Relu(%x)
  %y = ReduceMax(%a) {{keepdims: 0}}
}}
graph main(%x: f32[3]) -> (%y) {{
  %y = "f"::Max(%x)
}}"#
        )
    };
    assert_eq!(operators(&assert_same(&text(14), &[vector()])), ["Relu", "ReduceMax"]);
    assert_eq!(operators(&assert_same(&text(18), &[vector()])), ["Max"]);
}

#[test]
fn a_function_that_calls_itself_is_an_error() {
    let text = r#"model ir=10 opset ""=17 opset "f"=1
function "f" "A" opset "f"=1
graph A(%x) -> (%y) {
  %y = "f"::B(%x)
}
function "f" "B" opset "f"=1
graph B(%x) -> (%y) {
  %y = "f"::A(%x)
}
graph main(%x: f32[3]) -> (%y) {
  %y = "f"::A(%x)
}"#;
    let error = expand(&parse(text)).expect_err("it never ends");
    assert!(error.message().ends_with("function f::A calls itself"), "{error}");
    // A call of a function that has another Softmax is not inlined.
    let text = r#"model ir=10 opset ""=17 opset "f"=1
function "f" "A" opset "f"=1 opset ""=12
graph A(%x) -> (%y) {
  %z = Softmax(%x) {axis: 0}
  %y = "f"::A(%z)
}
graph main(%x: f32[3]) -> (%y) {
  %y = "f"::A(%x)
}"#;
    let error = crate::runtime::support::check(&parse(text)).expect_err("it never ends");
    assert!(error.message().ends_with("function f::A calls itself"), "{error}");
}

#[test]
fn constants_are_initializers_where_they_are_used() {
    let model = expanded(
        r#"model ir=10 opset ""=17
graph main(%x: f32[3]) -> (%y, %c) {
  const %unused = f32[1] {1.0}
  %c = Constant() {value_ints: ints [1, 2]}
  %d = Constant() {value_float: 2.0}
  %e = Constant() {value_float: 2.0}
  %y = Mul(%x, %d)
}"#,
    );
    assert_eq!(operators(&model), ["Mul"]);
    assert_eq!(names(&model), ["y", "c"]);
    assert_eq!(model.graph.initializers().len(), 2);
}
