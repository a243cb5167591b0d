//! Adding small things to the graph.

use peftc_plugin::{
    Attr, DataType, Error, Node, NodeSpec, Result, Run, Stated, TensorType, Value, one,
};
use std::collections::{HashMap, HashSet};

/// What nodes are added for: the role they get, and the place their names begin with.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) role: &'p str,
    pub(crate) module: &'p str,
    /// What stands before the operator in the names of nodes, such as `prefix/key`.
    pub(crate) part: &'p str,
}

impl Place<'_> {
    /// The name of something here.
    pub(crate) fn name(&self, leaf: &str) -> String {
        match self.module {
            "" => format!("/{}/{leaf}", self.part),
            module => format!("/{}/{}/{leaf}", module.replace('.', "/"), self.part),
        }
    }

    /// Adds an operator of one output.
    pub(crate) fn node(
        &self,
        run: &Run<'_>,
        op_type: &str,
        inputs: &[Value],
        attrs: Vec<(&str, Attr<'_>)>,
    ) -> Result<Value> {
        let name = self.name(op_type);
        one(run.add_node(NodeSpec {
            op_type,
            domain: "",
            name: &name,
            role: self.role,
            module: self.module,
            inputs: inputs.iter().map(|&v| Some(v)).collect(),
            outputs: vec![format!("{name}_output_0")],
            attrs,
        })?)
    }

    /// Adds a vector of integers.
    pub(crate) fn vector(&self, run: &Run<'_>, leaf: &str, numbers: &[i64]) -> Result<Value> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        run.add_tensor(
            &self.name(leaf),
            &TensorType::new(DataType::I64, [numbers.len() as i64]),
            &bytes,
        )
    }

    /// Adds a scalar of some type of integers, floats or booleans.
    pub(crate) fn scalar(
        &self,
        run: &Run<'_>,
        leaf: &str,
        dtype: DataType,
        number: i32,
    ) -> Result<Value> {
        let bytes = match dtype {
            DataType::I64 => i64::from(number).to_le_bytes().to_vec(),
            DataType::I32 => number.to_le_bytes().to_vec(),
            DataType::Bool => vec![u8::from(number != 0)],
            float => {
                let size = float.float_size().ok_or_else(|| {
                    Error::unsupported(format!(
                        "positions or masks of {float}: i32, i64, bool and floats are accepted"
                    ))
                })?;
                let mut bytes = vec![0; size];
                float.encode_f32(&[number as f32], &mut bytes)?;
                bytes
            }
        };
        run.add_tensor(&self.name(leaf), &TensorType::new(dtype, []), &bytes)
    }

    /// The lowest number of some type of floats.
    pub(crate) fn lowest(&self, run: &Run<'_>, dtype: DataType) -> Result<Value> {
        let size = dtype
            .float_size()
            .ok_or_else(|| Error::unsupported(format!("an additive mask of {dtype}")))?;
        let number = match dtype {
            DataType::F16 => -65504.0,
            DataType::BF16 => f32::from_bits(0xff7f_0000),
            _ => f32::MIN,
        };
        let mut bytes = vec![0; size];
        dtype.encode_f32(&[number], &mut bytes)?;
        run.add_tensor(&self.name("never"), &TensorType::new(dtype, []), &bytes)
    }

    /// The sizes of a value of this rank before its last axis, and the same with `columns` behind them.
    pub(crate) fn sizes_with_columns(
        &self,
        run: &Run<'_>,
        of: Value,
        rank: usize,
        columns: i64,
    ) -> Result<[Value; 2]> {
        let shape = self.node(run, "Shape", &[of], Vec::new())?;
        let axes: Vec<i64> = (0..rank as i64 - 1).collect();
        let axes = self.vector(run, "axes", &axes)?;
        let before = self.node(run, "Gather", &[shape, axes], Vec::new())?;
        let columns = self.vector(run, "columns", &[columns])?;
        let all = self.node(run, "Concat", &[before, columns], vec![("axis", Attr::Int(0))])?;
        Ok([before, all])
    }

    /// The batch of a value, as a vector of one element.
    pub(crate) fn batch(&self, run: &Run<'_>, of: Value) -> Result<Value> {
        let shape = self.node(run, "Shape", &[of], Vec::new())?;
        let first = self.vector(run, "first", &[0])?;
        self.node(run, "Gather", &[shape, first], Vec::new())
    }

    /// Makes lengths that shapes say in numbers of their own larger.
    pub(crate) fn grow(&self, run: &Run<'_>, lengths: &[Stated], by: i64) -> Result<()> {
        let mut grown: HashMap<(Value, usize), Value> = HashMap::new();
        for at in lengths {
            let shape = input(run, at.node, at.slot)?;
            let larger = match grown.get(&(shape, at.axis)) {
                Some(&larger) => larger,
                None => {
                    let mut more = vec![0; at.rank];
                    more[at.axis] = by;
                    let more = self.vector(run, "more", &more)?;
                    self.node(run, "Add", &[shape, more], Vec::new())?
                }
            };
            grown.insert((shape, at.axis), larger);
            run.replace_input(at.node, at.slot, larger)?;
        }
        Ok(())
    }
}

/// The value in a slot.
pub(crate) fn input(run: &Run<'_>, node: Node, slot: usize) -> Result<Value> {
    run.node_input(node, slot)?.ok_or_else(|| Error::invalid("the host named a slot that is empty"))
}

/// Whether a value is a constant, or what a Constant makes.
pub(crate) fn is_constant(run: &Run<'_>, value: Value) -> Result<bool> {
    let info = run.value(value)?;
    match info.producer {
        Some(node) => Ok(run.node(node)?.op_type == "Constant"),
        None => Ok(info.is_constant),
    }
}

/// Forgets the declared sizes of all that is made of these nodes' results.
pub(crate) fn forget_sizes(run: &Run<'_>, nodes: &[Node]) -> Result<()> {
    forget_until(run, nodes, &|_| Ok(false))
}

/// Forgets the declared sizes of all that is made of these nodes' results, up to the `last`.
pub(crate) fn forget_sizes_until(run: &Run<'_>, nodes: &[Node], last: &[Node]) -> Result<()> {
    forget_until(run, nodes, &|node| Ok(last.contains(&node)))
}

/// Forgets the declared sizes of all that is made of these nodes' results, up to `last`; shapes
/// that are read on the way say nothing that changes behind it.
pub(crate) fn forget_sizes_between(run: &Run<'_>, nodes: &[Node], last: Node) -> Result<()> {
    forget_until(run, nodes, &|node| Ok(node == last || run.node(node)?.op_type == "Shape"))
}

fn forget_until(
    run: &Run<'_>,
    nodes: &[Node],
    is_end: &dyn Fn(Node) -> Result<bool>,
) -> Result<()> {
    let mut seen: HashSet<Node> = HashSet::new();
    let mut waiting = nodes.to_vec();
    while let Some(node) = waiting.pop() {
        if is_end(node)? || !seen.insert(node) {
            continue;
        }
        for slot in 0..run.node(node)?.output_count {
            let Some(value) = run.node_output(node, slot)? else { continue };
            run.forget_sizes(value)?;
            waiting.extend(run.uses(value)?.iter().map(|at| at.node));
        }
    }
    Ok(())
}
