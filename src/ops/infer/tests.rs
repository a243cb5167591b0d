use super::*;
use crate::ir::text;

/// The facts of values, as text.
fn inferred(inputs: &str, nodes: &str, values: &[&str]) -> Vec<String> {
    let outputs: Vec<String> = values.iter().map(|value| format!("%{value}")).collect();
    let outputs = outputs.join(", ");
    let source =
        format!("model ir=10 opset \"\"=21\ngraph g({inputs}) -> ({outputs}) {{\n{nodes}\n}}");
    let model = text::parse(&source).unwrap_or_else(|e| panic!("{e}: {source}"));
    let facts = infer(&model.graph, &model.opset_imports);
    let fact = |name: &&str| {
        let id = model.graph.value_named(name).expect(name);
        let fact = &facts[&id];
        let list = |all: &Option<Vec<Size>>| match all {
            Some(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            None => "?".to_owned(),
        };
        let dtype = fact.dtype.map_or("?", DataType::name);
        let elements = fact.elements.as_ref().map(|_| format!(" {{{}}}", list(&fact.elements)));
        format!("{dtype}[{}]{}", list(&fact.shape), elements.unwrap_or_default())
    };
    values.iter().map(fact).collect()
}

#[test]
fn shapes_that_exporters_compute() {
    let nodes = "
        const %heads = i64[2] {4, 16}
        const %zero = i64[] {0}
        const %one = i64[] {1}
        const %axis = i64[1] {0}
        %s = Shape(%x)
        %b = Gather(%s, %zero)
        %n = Gather(%s, %one)
        %b1 = Unsqueeze(%b, %axis)
        %n1 = Unsqueeze(%n, %axis)
        %to = Concat(%b1, %n1, %heads) {axis: 0}
        %r = Reshape(%x, %to)
        %t = Transpose(%r) {perm: ints [0, 2, 3, 1]}
        %u = Transpose(%r) {perm: ints [0, 2, 1, 3]}
        %y = MatMul(%u, %t)
        %p = Softmax(%y)
        ";
    assert_eq!(
        inferred("%x: f32[b, n, 64]", nodes, &["to", "r", "y", "p"]),
        ["i64[4] {b, n, 4, 16}", "f32[b, n, 4, 16]", "f32[b, 4, n, n]", "f32[b, 4, n, n]"]
    );
}
