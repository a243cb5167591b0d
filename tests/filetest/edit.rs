//! The command `edit`: applies `; edit:` lines and prints the graph, or why it is as it was.
//!
//! - `initializer NAME = TENSOR`
//! - `node NAME = OP(A, B)`
//! - `uses OLD BY`, `input NODE SLOT BY`, `weight OLD BY NODE/SLOT…`, `delta TO DELTA`
//! - `default INPUT BY`
//! - `remove NODE`
//!
//! Values and nodes are named without `%`; a node is named by its first output.

use crate::case::Case;
use libtest_mimic::Failed;
use peftc::ir::{Edits, Graph, Model, NewNode, NodeId, Op, Use, ValueId, text};
use std::collections::HashMap;

pub(crate) fn run(case: &Case<'_>, mut model: Model) -> Result<String, Failed> {
    let before = text::print(&model);
    let mut script =
        Script { edits: Edits::new(&model.graph), graph: &model.graph, added: HashMap::new() };
    for line in &case.edits {
        script.line(line).ok_or_else(|| format!("`; edit: {line}` is no edit"))?;
    }
    let edits = script.edits;
    match model.graph.apply(edits) {
        Ok(applied) => {
            let copied = applied.copied.iter().map(|(weight, copy, uses)| {
                format!(
                    "; copied: {weight} stays for {uses} other use(s), {copy} is the changed copy\n"
                )
            });
            Ok(copied.collect::<String>() + &text::print(&model))
        }
        Err(problems) => {
            assert_eq!(text::print(&model), before, "a list that is refused changes nothing");
            Ok(problems.iter().map(|p| format!("error: {p}\n")).collect())
        }
    }
}

struct Script<'g> {
    edits: Edits,
    graph: &'g Graph,
    added: HashMap<String, ValueId>,
}

impl Script<'_> {
    fn line(&mut self, line: &str) -> Option<()> {
        let (verb, rest) = line.split_once(' ')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (verb, words.as_slice()) {
            ("initializer", _) => {
                let (name, tensor) = rest.split_once(" = ")?;
                let tensors = text::parse_tensors(&format!("const %{name} = {tensor}")).ok()?;
                let (name, tensor) = tensors.into_iter().next()?;
                let value = self.edits.add_initializer(&name, tensor);
                self.added.insert(name, value);
            }
            ("node", _) => {
                let (name, call) = rest.split_once(" = ")?;
                let (op_type, arguments) = call.strip_suffix(')')?.split_once('(')?;
                let value = self.node(name, op_type, arguments)?;
                self.added.insert(name.to_owned(), value);
            }
            ("uses", [old, by]) => self.edits.replace_uses(self.value(old)?, self.value(by)?),
            ("input", [node, slot, by]) => {
                let at = Use::input(self.find_node(node)?, slot.parse().ok()?);
                self.edits.replace_input(at, self.value(by)?);
            }
            ("weight", [old, by, uses @ ..]) => {
                let uses = uses.iter().map(|at| {
                    let (node, slot) = at.split_once('/')?;
                    Some(Use::input(self.find_node(node)?, slot.parse().ok()?))
                });
                let uses = uses.collect::<Option<_>>()?;
                self.edits.replace_weight(self.value(old)?, uses, self.value(by)?);
            }
            ("delta", [to, delta]) => {
                let op = Op { op_type: "Add".into(), ..Op::default() };
                let sum = NewNode { op, inputs: vec![], outputs: vec![format!("{to}_sum")] };
                self.edits.add_delta(self.value(to)?, self.value(delta)?, sum);
            }
            ("default", [input, by]) => {
                self.edits.set_default(self.value(input)?, self.value(by)?);
            }
            ("remove", [node]) => self.edits.remove_node(self.find_node(node)?),
            _ => return None,
        }
        Some(())
    }

    fn node(&mut self, name: &str, op_type: &str, arguments: &str) -> Option<ValueId> {
        let inputs =
            arguments.split(',').map(|a| self.value(a.trim()).map(Some)).collect::<Option<_>>()?;
        let op = Op { op_type: op_type.to_owned(), name: name.to_owned(), ..Op::default() };
        self.edits.add_node(NewNode { op, inputs, outputs: vec![name.to_owned()] }).first().copied()
    }

    fn value(&self, name: &str) -> Option<ValueId> {
        self.added.get(name).copied().or_else(|| self.graph.value_named(name))
    }

    fn find_node(&self, name: &str) -> Option<NodeId> {
        Some(self.graph.value(self.graph.value_named(name)?).producer())
    }
}
