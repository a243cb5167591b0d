//! Decision trees.

use super::rows;
use crate::error::{Error, Result};
use crate::ops::numbers::{i64s, of_floats, reals};
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};

/// What a node asks of its feature, by the numbers that ONNX gives them.
#[derive(Clone)]
enum Test {
    Compare(fn(f64, f64) -> bool, f64),
    Member(Vec<f64>),
}

impl Test {
    fn holds(&self, x: f64) -> bool {
        match self {
            Self::Compare(compare, split) => compare(x, *split),
            Self::Member(members) => members.contains(&x),
        }
    }
}

/// Where a branch leads.
#[derive(Clone, Copy)]
enum Branch {
    Node(usize),
    Leaf(usize),
}

struct Node {
    feature: usize,
    test: Test,
    missing_is_true: bool,
    branches: [Branch; 2],
}

struct Trees {
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// The target and the weight of each.
    leaves: Vec<(usize, f64)>,
}

/// An index below a count.
fn index(name: &str, index: i64, count: usize) -> Result<usize> {
    let place = usize::try_from(index).ok().filter(|&place| place < count);
    place.ok_or_else(|| Error::input(format!("{name} has {index}, which is none of {count}")))
}

fn list(call: &Call<'_>, name: &str, count: usize) -> Result<Vec<i64>> {
    let list = call.ints(name)?.unwrap_or_default();
    match list.len() == count {
        true => Ok(list),
        false => Err(Error::input(format!("{name} has {} elements, not {count}", list.len()))),
    }
}

/// The numbers of an attribute that is a tensor.
fn numbers(call: &Call<'_>, name: &str) -> Result<Vec<f64>> {
    call.tensor(name)?.map_or(Ok(Vec::new()), reals)
}

/// The tests of all nodes. Members are in the order of the nodes that ask for them, each list
/// ending with a NaN.
fn tests(call: &Call<'_>, count: usize) -> Result<Vec<Test>> {
    let modes = call.tensor("nodes_modes")?.map_or(Ok(Vec::new()), i64s)?;
    let splits = numbers(call, "nodes_splits")?;
    if modes.len() != count || splits.len() != count {
        let (modes, splits) = (modes.len(), splits.len());
        return Err(Error::input(format!("{count} nodes have {modes} modes, {splits} splits")));
    }
    let members = numbers(call, "membership_values")?;
    let mut members = members.split(|x| x.is_nan());
    let one = |(mode, split): (i64, f64)| {
        let compare: fn(f64, f64) -> bool = match mode {
            0 => |x, y| x <= y,
            1 => |x, y| x < y,
            2 => |x, y| x >= y,
            3 => |x, y| x > y,
            4 => |x, y| x == y,
            5 => |x, y| x != y,
            6 => {
                let missing = || Error::input("membership_values has too few lists");
                return Ok(Test::Member(members.next().ok_or_else(missing)?.to_vec()));
            }
            other => {
                return Err(Error::input(format!("nodes_modes has {other}: 0 to 6 are known")));
            }
        };
        Ok(Test::Compare(compare, split))
    };
    modes.into_iter().zip(splits).map(one).collect()
}

impl Trees {
    fn new(call: &Call<'_>, features: usize, targets: usize) -> Result<Self> {
        let count = call.ints("nodes_featureids")?.unwrap_or_default().len();
        let list = |name: &str| list(call, name, count);
        let weights = numbers(call, "leaf_weights")?;
        let of_leaves = call.ints("leaf_targetids")?.unwrap_or_default();
        if weights.len() != of_leaves.len() {
            let (weights, targets) = (weights.len(), of_leaves.len());
            return Err(Error::input(format!("leaves have {weights} weights, {targets} targets")));
        }
        let branch = |nodes: &str, leaves: &str| -> Result<Vec<Branch>> {
            let one = |(at, is_leaf): (i64, i64)| match is_leaf {
                0 => index(nodes, at, count).map(Branch::Node),
                _ => index(nodes, at, weights.len()).map(Branch::Leaf),
            };
            list(nodes)?.into_iter().zip(list(leaves)?).map(one).collect()
        };
        let ifs = branch("nodes_truenodeids", "nodes_trueleafs")?;
        let elses = branch("nodes_falsenodeids", "nodes_falseleafs")?;
        let missing = match call.has("nodes_missing_value_tracks_true") {
            true => list("nodes_missing_value_tracks_true")?,
            false => vec![0; count],
        };
        let tests = tests(call, count)?;
        let ids = list("nodes_featureids")?;
        let node = |at: usize| {
            Ok(Node {
                feature: index("nodes_featureids", ids[at], features)?,
                test: tests[at].clone(),
                missing_is_true: missing[at] != 0,
                branches: [elses[at], ifs[at]],
            })
        };
        let roots = call.ints("tree_roots")?.unwrap_or_default();
        let leaf = |(&target, weight): (&i64, f64)| {
            Ok((index("leaf_targetids", target, targets)?, weight))
        };
        Ok(Self {
            nodes: (0..count).map(node).collect::<Result<_>>()?,
            roots: roots.iter().map(|&at| index("tree_roots", at, count)).collect::<Result<_>>()?,
            leaves: of_leaves.iter().zip(weights).map(leaf).collect::<Result<_>>()?,
        })
    }

    /// The leaf that a row comes to.
    fn leaf(&self, root: usize, row: &[f64]) -> Result<(usize, f64)> {
        let mut at = root;
        // A way that passes more nodes than there are is a circle.
        for _ in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let x = row[node.feature];
            let holds = node.test.holds(x) || (x.is_nan() && node.missing_is_true);
            match node.branches[usize::from(holds)] {
                Branch::Node(next) => at = next,
                Branch::Leaf(leaf) => return Ok(self.leaves[leaf]),
            }
        }
        Err(Error::input(format!("the tree from node {root} on goes in circles")))
    }
}

pub(super) fn ensemble(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    // The attribute has no default: by its name, one target.
    let targets = if call.has("n_targets") { call.int("n_targets")? } else { 1 };
    let targets = room(&[targets])?[0];
    let trees = Trees::new(call, features, targets)?;
    if call.int("post_transform")? != 0 {
        let error = Error::input("post_transform is not supported");
        return Err(error.help("NONE (0) is supported"));
    }
    let function = call.int("aggregate_function")?;
    let start = match function {
        0 | 1 => 0.0,
        2 => f64::INFINITY,
        3 => f64::NEG_INFINITY,
        other => {
            let error = Error::input(format!("aggregate_function is {other}"));
            return Err(error.help("AVERAGE (0), SUM (1), MIN (2) and MAX (3) are known"));
        }
    };
    let shape = dims(&[count, targets]);
    room(&shape)?;
    let mut scores = vec![start; count * targets];
    let numbers = reals(x)?;
    for row in 0..count {
        let own = &mut scores[row * targets..(row + 1) * targets];
        for &root in &trees.roots {
            let (target, weight) = trees.leaf(root, &numbers[row * features..][..features])?;
            own[target] = match function {
                2 => own[target].min(weight),
                3 => own[target].max(weight),
                _ => own[target] + weight,
            };
        }
        if function == 0 {
            own.iter_mut().for_each(|score| *score /= trees.roots.len() as f64);
        }
    }
    // Where no leaf has a target, MIN and MAX have nothing to choose from.
    scores.iter_mut().filter(|score| score.is_infinite()).for_each(|score| *score = 0.0);
    Ok(vec![of_floats(x.dtype, &shape, &scores)?.into()])
}
