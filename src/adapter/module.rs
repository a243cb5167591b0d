//! Module paths, as exporters leave them behind.
//!
//! In order of trust:
//! 1. the node's name in TorchScript exports: `/model/layers.0/self_attn/q_proj/MatMul`, which
//!    ONNX Runtime's optimizers leave in place;
//! 2. the node's `pkg.torch.onnx.name_scopes` in dynamo exports: a Python list whose last but
//!    one entry is the module;
//! 3. the name of the parameter it reads, `…q_proj.weight` or the builder's
//!    `….q_proj.MatMul.weight`, or what that was folded from
//!    (`pkg.onnxscript.optimizer.folded_from`).
//!
//! Exporters share equal constants between modules, so a parameter's name comes last.

use crate::ir::{Graph, NodeId, ValueId};

/// The module path of an operator, if one of the sources says it.
pub fn module_path(graph: &Graph, node: NodeId) -> Option<String> {
    let op = graph.node(node).op()?;
    if let Some(site) = op.metadata.get("peftc.site") {
        return Some(site.to_owned());
    }
    from_node_name(&op.name)
        .or_else(|| from_name_scopes(op.metadata.get("pkg.torch.onnx.name_scopes")?))
        .or_else(|| {
            let constants = graph.node_inputs(node).into_iter().flatten();
            constants.into_iter().find_map(|value| from_parameter(graph, value))
        })
}

/// `/model/layers.0/self_attn/q_proj/MatMul_1` is of `model.layers.0.self_attn.q_proj`.
fn from_node_name(name: &str) -> Option<String> {
    let (scope, _) = name.strip_prefix('/')?.rsplit_once('/')?;
    Some(without_base_layer(&scope.replace('/', ".")))
}

/// PEFT's wrapper of a layer calls the layer itself `base_layer`.
fn without_base_layer(path: &str) -> String {
    path.strip_suffix(".base_layer").unwrap_or(path).to_owned()
}

/// `['', 'model', 'model.layers.0.self_attn.q_proj', 'linear']` is of the last but one.
fn from_name_scopes(scopes: &str) -> Option<String> {
    let scopes = python_strings(scopes)?;
    let module = scopes.get(scopes.len().checked_sub(2)?)?;
    (!module.is_empty()).then(|| without_base_layer(module))
}

/// The module of a constant that is named as a weight, or was folded from one.
fn from_parameter(graph: &Graph, value: ValueId) -> Option<String> {
    let info = graph.value(value).info.as_ref();
    let folded_from = info.and_then(|i| i.metadata.get("pkg.onnxscript.optimizer.folded_from"));
    let folded_from = folded_from.and_then(python_strings).into_iter().flatten();
    let name = graph.constant(value).map(|_| graph.value(value).name().to_owned());
    folded_from.chain(name).find_map(|name| {
        let module = name.strip_suffix(".weight")?;
        let module = module.strip_suffix(".MatMul").unwrap_or(module);
        Some(without_base_layer(module))
    })
}

/// What newer versions of transformers call the modules of vision transformers (ViT, DeiT, BEiT), in the
/// order that its own `conversion_mapping.py` has.
const RENAMED: [(&str, &str); 7] = [
    ("encoder.layer.", "layers."),
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
];

/// The module that transformers 4 called so, in transformers 5.
pub(super) fn renamed(path: &str) -> String {
    RENAMED.iter().fold(path.to_owned(), |path, (old, new)| path.replace(old, new))
}

/// The strings of a Python list literal; none if it is anything else.
fn python_strings(literal: &str) -> Option<Vec<String>> {
    let inner = literal.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut strings = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let mut string = String::new();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' => string.push(match chars.next()? {
                            'n' => '\n',
                            't' => '\t',
                            other => other,
                        }),
                        other => string.push(other),
                    }
                }
                strings.push(string);
            }
            ',' | ' ' => {}
            _ => return None,
        }
    }
    Some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_of_torchscript() {
        let cases = [
            ("/model/layers.0/self_attn/q_proj/MatMul", Some("model.layers.0.self_attn.q_proj")),
            ("/lm_head/MatMul_1", Some("lm_head")),
            ("/model/q_proj/base_layer/MatMul", Some("model.q_proj")),
            ("/MatMul", None),
            ("node_linear_3", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(from_node_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn names_of_transformers_4() {
        let cases = [
            ("vit.encoder.layer.0.attention.attention.key", "vit.layers.0.attention.k_proj"),
            ("vit.encoder.layer.0.attention.output.dense", "vit.layers.0.attention.o_proj"),
            ("encoder.layer.11.output.dense", "layers.11.mlp.fc2"),
            ("classifier", "classifier"),
        ];
        for (old, new) in cases {
            assert_eq!(renamed(old), new);
        }
    }

    #[test]
    fn name_scopes_of_dynamo() {
        let cases = [
            (
                "['', 'model', 'model.layers.0.mlp', 'model.layers.0.mlp.up_proj', 'linear']",
                Some("model.layers.0.mlp.up_proj"),
            ),
            (r#"["lm_head", "linear"]"#, Some("lm_head")),
            (r"['it\'s', 'x']", Some("it's")),
            ("['', 'add']", None),
            ("['x']", None),
            ("not a list", None),
        ];
        for (scopes, expected) in cases {
            assert_eq!(from_name_scopes(scopes).as_deref(), expected, "{scopes}");
        }
    }
}
