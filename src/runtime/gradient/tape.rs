//! Reverse mode: from the gradient of a result to those of what it was made of.

use super::Task;
use super::rule::{self, Rule};
use crate::error::{Error, Result};
use crate::ir::{
    Attribute, AttributeValue, DataType, Edits, Graph, NewNode, NodeId, Op, Tensor, ValueId,
};
use crate::ops::NEWEST;
use crate::ops::numbers::{of_i64s, tensor};
use std::collections::{HashMap, HashSet};

/// Attributes of an operator that is added.
pub(super) type Attributes = Vec<(&'static str, AttributeValue)>;

/// The operators of one gradient, as edits of its graph.
pub(super) struct Tape<'g> {
    graph: &'g Graph,
    opsets: &'g [(String, i64)],
    pub(super) edits: Edits,
    name: String,
    /// What stands for values of the graph where the gradient is taken at others.
    at: HashMap<ValueId, ValueId>,
    /// The gradient of `y` by each value, as far as it is known.
    gradients: HashMap<ValueId, ValueId>,
}

impl<'g> Tape<'g> {
    pub(super) fn new(graph: &'g Graph, node: NodeId, opsets: &'g [(String, i64)]) -> Self {
        let name = graph.node(node).op().map_or("", |op| op.name.as_str()).to_owned();
        let (at, gradients) = (HashMap::new(), HashMap::new());
        Self { graph, opsets, edits: Edits::new(graph), name, at, gradients }
    }

    /// The gradient of `y` by each of `xs`.
    pub(super) fn gradients(&mut self, task: &Task) -> Result<Vec<ValueId>> {
        let variables: Vec<ValueId> = task.xs.iter().chain(&task.zs).copied().collect();
        let ops = self.graph.ops();
        self.move_to(&variables, task, &ops)?;
        let continuous: Vec<_> =
            ops.iter().copied().filter(|(_, op)| !rule::is_constant(op)).collect();
        let depends = self.depending(&task.xs, &variables, &continuous);
        let y = self.now(task.y);
        let one = self.number(1.0, y);
        let ones = self.full(one, y);
        self.gradients.insert(task.y, ones);
        for &(id, op) in ops.iter().rev() {
            self.through(id, op, &depends, &variables)
                .map_err(|e| e.within(self.graph.describe(id)))?;
        }
        let gradient = |&x: &ValueId| match self.gradients.get(&x) {
            Some(&known) => known,
            None => {
                let like = self.now(x);
                let zero = self.number(0.0, like);
                self.full(zero, like)
            }
        };
        Ok(task.xs.iter().map(gradient).collect())
    }

    /// All that depends on some values by these operators, and them; the variables depend on nothing.
    fn depending(
        &self,
        on: &[ValueId],
        variables: &[ValueId],
        ops: &[(NodeId, &Op)],
    ) -> HashSet<ValueId> {
        let mut all: HashSet<ValueId> = on.iter().copied().collect();
        for &(id, _) in ops {
            let read = self.graph.node_inputs(id).into_iter().chain(self.graph.node_captures(id));
            if read.flatten().any(|value| all.contains(&value)) {
                let made = self.graph.node(id).outputs().iter().flatten();
                all.extend(made.filter(|value| !variables.contains(value)));
            }
        }
        all
    }

    /// Repeats the way to `y` from variables for which other values are given.
    fn move_to(&mut self, variables: &[ValueId], task: &Task, ops: &[(NodeId, &Op)]) -> Result<()> {
        let given = variables.iter().copied().zip(task.given.iter().copied());
        self.at = given.filter(|(variable, given)| variable != given).collect();
        let moved: Vec<ValueId> = self.at.keys().copied().collect();
        let depends = self.depending(&moved, variables, ops);
        let mut needed = HashSet::from([task.y]);
        let mut way = Vec::new();
        for &(id, op) in ops.iter().rev() {
            let is_on_way = |value: &&ValueId| {
                needed.contains(value) && depends.contains(value) && !variables.contains(value)
            };
            if self.graph.node(id).outputs().iter().flatten().any(|value| is_on_way(&value)) {
                way.push((id, op));
                needed.extend(self.graph.node_inputs(id).into_iter().flatten());
            }
        }
        for (id, op) in way.into_iter().rev() {
            if self.graph.node(id).capture_count() > 0 {
                let error =
                    Error::input("reads values of its graph in a subgraph: the gradient can");
                return Err(error.help("be taken at the values that the graph has"));
            }
            let inputs: Vec<_> =
                self.graph.node_inputs(id).into_iter().map(|i| i.map(|i| self.now(i))).collect();
            let outputs = self.graph.node(id).outputs().to_vec();
            let copies = self.copy(op.clone(), inputs, outputs.len());
            for (old, new) in outputs.into_iter().zip(copies) {
                let old = old.filter(|old| !variables.contains(old));
                self.at.extend(old.map(|old| (old, new)));
            }
        }
        Ok(())
    }

    /// From the gradients of what a node makes to those of what it reads.
    fn through(
        &mut self,
        id: NodeId,
        op: &Op,
        depends: &HashSet<ValueId>,
        variables: &[ValueId],
    ) -> Result<()> {
        let read = self.graph.node_inputs(id);
        let captured = self.graph.node_captures(id).into_iter().flatten();
        let depending: Vec<(usize, ValueId)> = (read.iter().enumerate())
            .filter_map(|(slot, value)| value.filter(|v| depends.contains(v)).map(|v| (slot, v)))
            .collect();
        let is_reached =
            !depending.is_empty() || captured.into_iter().any(|v| depends.contains(&v));
        let x: Vec<_> = read.iter().map(|value| value.map(|value| self.now(value))).collect();
        for (output, &value) in self.graph.node(id).outputs().iter().enumerate() {
            let Some(value) = value.filter(|v| is_reached && !variables.contains(v)) else {
                continue;
            };
            let Some(&g) = self.gradients.get(&value) else { continue };
            let derivative = rule::of(op)?;
            for &(slot, of) in &depending {
                let y = self.now(value);
                let outputs = self.graph.node(id).outputs().len();
                let opsets = self.opsets;
                let mut rule = Rule { tape: self, op, opsets, x: x.clone(), y, g, output, outputs };
                if let Some(part) = derivative(&mut rule, slot)? {
                    let sum = match self.gradients.get(&of) {
                        Some(&other) => self.add("Add", Vec::new(), &[Some(other), Some(part)]),
                        None => part,
                    };
                    self.gradients.insert(of, sum);
                }
            }
        }
        Ok(())
    }

    /// What stands for a value of the graph.
    fn now(&self, value: ValueId) -> ValueId {
        self.at.get(&value).copied().unwrap_or(value)
    }

    /// Adds an operator of ONNX's newest operator set that makes one value.
    pub(super) fn add(
        &mut self,
        name: &str,
        attributes: Attributes,
        inputs: &[Option<ValueId>],
    ) -> ValueId {
        let attribute = |(name, value): (&str, AttributeValue)| (name.to_owned(), value.into());
        let op = Op {
            domain: NEWEST.to_owned(),
            op_type: name.to_owned(),
            attributes: attributes.into_iter().map(attribute).collect::<Vec<(String, Attribute)>>(),
            ..Op::default()
        };
        self.copy(op, inputs.to_vec(), 1)[0]
    }

    /// Adds an operator as it is, with other inputs.
    pub(super) fn copy(
        &mut self,
        mut op: Op,
        inputs: Vec<Option<ValueId>>,
        outputs: usize,
    ) -> Vec<ValueId> {
        op.name.clone_from(&self.name);
        let outputs = vec!["gradient".to_owned(); outputs];
        self.edits.add_node(NewNode { op, inputs, outputs })
    }

    /// A scalar of the element type of another value.
    pub(super) fn number(&mut self, number: f64, like: ValueId) -> ValueId {
        let number = self.constant(tensor(DataType::F64, &[], number.to_le_bytes().to_vec()));
        self.add("CastLike", Vec::new(), &[Some(number), Some(like)])
    }

    /// A list of i64.
    pub(super) fn integers(&mut self, list: &[i64]) -> ValueId {
        self.constant(of_i64s(&[list.len() as i64], list))
    }

    fn constant(&mut self, tensor: Tensor) -> ValueId {
        self.edits.add_initializer("gradient", tensor)
    }

    /// A scalar at every place of another value's shape.
    pub(super) fn full(&mut self, scalar: ValueId, like: ValueId) -> ValueId {
        let shape = self.add("Shape", Vec::new(), &[Some(like)]);
        self.add("Expand", Vec::new(), &[Some(scalar), Some(shape)])
    }
}
