//! Trees as TreeEnsemble has them: nodes and leaves apart.

use super::{Aggregate, Branch, Node, Test, Trees, comparison, index, list};
use crate::error::{Error, Result};
use crate::ops::ml::rows;
use crate::ops::numbers::{i64s, of_floats, reals};
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};

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
        if mode == 6 {
            let missing = || Error::input("membership_values has too few lists");
            return Ok(Test::Member(members.next().ok_or_else(missing)?.to_vec()));
        }
        let known = usize::try_from(mode).ok().and_then(comparison);
        let unknown = || Error::input(format!("nodes_modes has {mode}: 0 to 6 are known"));
        Ok(Test::Compare(known.ok_or_else(unknown)?, split))
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
            Ok(vec![(index("leaf_targetids", target, targets)?, weight)])
        };
        let root = |&at: &i64| index("tree_roots", at, count).map(Branch::Node);
        Ok(Self {
            nodes: (0..count).map(node).collect::<Result<_>>()?,
            roots: roots.iter().map(root).collect::<Result<_>>()?,
            leaves: of_leaves.iter().zip(weights).map(leaf).collect::<Result<_>>()?,
        })
    }
}

pub(in crate::ops::ml) fn ensemble(call: &Call<'_>) -> Result<Vec<Value>> {
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
    let known = usize::try_from(function).ok().and_then(|at| Aggregate::ALL.get(at));
    let by = *known.ok_or_else(|| {
        let error = Error::input(format!("aggregate_function is {function}"));
        error.help("AVERAGE (0), SUM (1), MIN (2) and MAX (3) are known")
    })?;
    let shape = dims(&[count, targets]);
    room(&shape)?;
    let numbers = reals(x)?;
    let mut scores = Vec::new();
    for row in 0..count {
        let own = trees.scores(&numbers[row * features..][..features], targets, by)?;
        // Where no leaf has a target, MIN and MAX have nothing to choose from.
        scores.extend(own.into_iter().map(|score| score.unwrap_or(0.0)));
    }
    Ok(vec![of_floats(x.dtype, &shape, &scores)?.into()])
}
