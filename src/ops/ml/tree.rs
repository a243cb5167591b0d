//! Decision trees.

mod ensemble;
mod nodes;

pub(super) use ensemble::ensemble;
pub(super) use nodes::{classify, regress};

use crate::error::{Error, Result};
use crate::ops::Call;
use crate::ops::numbers::as_many;

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
    roots: Vec<Branch>,
    /// The targets and the weights of each.
    leaves: Vec<Vec<(usize, f64)>>,
}

/// An index below a count.
fn index(name: &str, index: i64, count: usize) -> Result<usize> {
    let place = usize::try_from(index).ok().filter(|&place| place < count);
    place.ok_or_else(|| Error::input(format!("{name} has {index}, which is none of {count}")))
}

fn list(call: &Call<'_>, name: &str, count: usize) -> Result<Vec<i64>> {
    as_many(name, call.ints(name)?.unwrap_or_default(), count)
}

/// How a node compares, by the number that ONNX gives it.
fn comparison(mode: usize) -> Option<fn(f64, f64) -> bool> {
    Some(match mode {
        0 => |x, y| x <= y,
        1 => |x, y| x < y,
        2 => |x, y| x >= y,
        3 => |x, y| x > y,
        4 => |x, y| x == y,
        5 => |x, y| x != y,
        _ => return None,
    })
}

impl Trees {
    /// The leaf that a row comes to: targets and weights.
    fn leaf(&self, root: Branch, row: &[f64]) -> Result<&[(usize, f64)]> {
        let mut at = root;
        // A way that passes more nodes than there are is a circle.
        for _ in 0..=self.nodes.len() {
            let node = match at {
                Branch::Node(node) => &self.nodes[node],
                Branch::Leaf(leaf) => return Ok(&self.leaves[leaf]),
            };
            let x = row[node.feature];
            let holds = node.test.holds(x) || (x.is_nan() && node.missing_is_true);
            at = node.branches[usize::from(holds)];
        }
        Err(Error::input("a tree goes in circles"))
    }

    /// The scores of a row by target; none where no leaf has the target.
    fn scores(&self, row: &[f64], targets: usize, by: Aggregate) -> Result<Vec<Option<f64>>> {
        let mut scores: Vec<Option<f64>> = vec![None; targets];
        for &root in &self.roots {
            for &(target, weight) in self.leaf(root, row)? {
                let score = &mut scores[target];
                *score = Some(match (*score, by) {
                    (None, _) => weight,
                    (Some(known), Aggregate::Min) => known.min(weight),
                    (Some(known), Aggregate::Max) => known.max(weight),
                    (Some(known), _) => known + weight,
                });
            }
        }
        if by == Aggregate::Average {
            let count = self.roots.len() as f64;
            scores.iter_mut().flatten().for_each(|score| *score /= count);
        }
        Ok(scores)
    }
}

/// How the trees' weights for a target become its score.
#[derive(Clone, Copy, PartialEq)]
enum Aggregate {
    Average,
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// By ONNX's numbers.
    const ALL: [Self; 4] = [Self::Average, Self::Sum, Self::Min, Self::Max];
}
