//! Trees as TreeEnsembleClassifier and TreeEnsembleRegressor have them: leaves are nodes, and nodes have
//! the numbers of their tree and of their own.

use super::{Aggregate, Branch, Node, Test, Trees, comparison, index, list};
use crate::error::{Error, Result};
use crate::ops::ml::rows;
use crate::ops::ml::scores::{Labels, Transform, greatest, matrix, pair};
use crate::ops::numbers::{as_many, reals};
use crate::ops::shape::{dims, room};
use crate::ops::{Call, Value};
use std::collections::{HashMap, HashSet};

const MODES: [&str; 6] =
    ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

/// Numbers of an attribute, or of the tensor that stands for it.
fn floats(call: &Call<'_>, name: &str) -> Result<Vec<f64>> {
    match call.tensor(&format!("{name}_as_tensor"))? {
        Some(tensor) => reals(tensor),
        None => Ok(call.floats(name)?.unwrap_or_default()),
    }
}

/// Trees whose leaves have weights for targets; `kind` is what the attributes of weights start with.
fn trees(call: &Call<'_>, kind: &str, features: usize, targets: usize) -> Result<Trees> {
    let trees = call.ints("nodes_treeids")?.unwrap_or_default();
    let count = trees.len();
    let list = |name: &str| list(call, name, count);
    let ids: Vec<(i64, i64)> = trees.into_iter().zip(list("nodes_nodeids")?).collect();
    let modes = call.strings("nodes_modes")?.unwrap_or_default().to_vec();
    let modes = as_many("nodes_modes", modes, count)?;
    let splits = as_many("nodes_values", floats(call, "nodes_values")?, count)?;
    let (features_of, ifs, elses) =
        (list("nodes_featureids")?, list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
    let missing = match call.has("nodes_missing_value_tracks_true") {
        true => list("nodes_missing_value_tracks_true")?,
        false => vec![0; count],
    };
    let places: HashMap<(i64, i64), usize> =
        ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    if places.len() != count {
        return Err(Error::input("two nodes of a tree have one number"));
    }
    // Every node is a leaf too, so that the place of a node is that of its weights.
    let branch = |tree: i64, id: i64| {
        let place = places.get(&(tree, id)).copied();
        let place = place.ok_or_else(|| Error::input(format!("tree {tree} has no node {id}")))?;
        Ok::<_, Error>(if modes[place] == "LEAF" {
            Branch::Leaf(place)
        } else {
            Branch::Node(place)
        })
    };
    let (mut nodes, mut children) = (Vec::new(), HashSet::new());
    for (at, &(tree, _)) in ids.iter().enumerate() {
        let mode = String::from_utf8_lossy(&modes[at]);
        let (feature, branches, test) = if mode == "LEAF" {
            (0, [Branch::Leaf(at); 2], Test::Member(Vec::new()))
        } else {
            let known = MODES.iter().position(|known| *known == mode).and_then(comparison);
            let unknown = || Error::input(format!("nodes_modes has {mode:?}"));
            children.extend([(tree, ifs[at]), (tree, elses[at])]);
            let branches = [branch(tree, elses[at])?, branch(tree, ifs[at])?];
            let test = Test::Compare(known.ok_or_else(unknown)?, splits[at]);
            (index("nodes_featureids", features_of[at], features)?, branches, test)
        };
        nodes.push(Node { feature, test, missing_is_true: missing[at] != 0, branches });
    }
    let mut known = HashSet::new();
    let is_root = |id: &&(i64, i64)| !children.contains(*id) && known.insert(id.0);
    let roots = ids.iter().filter(is_root).map(|&(tree, id)| branch(tree, id));
    let roots = roots.collect::<Result<Vec<_>>>()?;
    if known.len() != ids.iter().map(|id| id.0).collect::<HashSet<_>>().len() {
        return Err(Error::input("a tree goes in circles"));
    }
    Ok(Trees { nodes, roots, leaves: leaves(call, kind, &places, targets)? })
}

/// The weights of each node, by its place.
fn leaves(
    call: &Call<'_>,
    kind: &str,
    places: &HashMap<(i64, i64), usize>,
    targets: usize,
) -> Result<Vec<Vec<(usize, f64)>>> {
    let weights = floats(call, &format!("{kind}_weights"))?;
    let list = |name: &str| list(call, &format!("{kind}_{name}"), weights.len());
    let (trees, nodes, ids) = (list("treeids")?, list("nodeids")?, list("ids")?);
    let mut leaves = vec![Vec::new(); places.len()];
    for (at, weight) in weights.into_iter().enumerate() {
        let (tree, node) = (trees[at], nodes[at]);
        let place = places.get(&(tree, node));
        let place = place.ok_or_else(|| Error::input(format!("tree {tree} has no node {node}")))?;
        leaves[*place].push((index(&format!("{kind}_ids"), ids[at], targets)?, weight));
    }
    Ok(leaves)
}

pub(in crate::ops::ml) fn regress(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    let targets = room(&[if call.has("n_targets") { call.int("n_targets")? } else { 1 }])?[0];
    let by = match call.string("aggregate_function")?.as_str() {
        "AVERAGE" => Aggregate::Average,
        "SUM" => Aggregate::Sum,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => {
            let error = Error::input(format!("aggregate_function is {other:?}"));
            return Err(error.help("AVERAGE, SUM, MIN and MAX are accepted"));
        }
    };
    let (trees, transform) = (trees(call, "target", features, targets)?, Transform::of(call)?);
    room(&dims(&[count, targets]))?;
    let base = base(call, targets)?;
    let x = reals(x)?;
    let row = |at: usize| {
        let own = trees.scores(&x[at * features..][..features], targets, by)?;
        let mut own: Vec<f64> =
            own.into_iter().zip(&base).map(|(score, base)| score.unwrap_or(0.0) + base).collect();
        transform.apply(&mut own);
        Ok(own)
    };
    Ok(vec![matrix(&(0..count).map(row).collect::<Result<Vec<_>>>()?, targets)?])
}

/// What scores start from.
fn base(call: &Call<'_>, targets: usize) -> Result<Vec<f64>> {
    match floats(call, "base_values")? {
        none if none.is_empty() => Ok(vec![0.0; targets]),
        base => as_many("base_values", base, targets),
    }
}

pub(in crate::ops::ml) fn classify(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let (count, features) = rows(x)?;
    let labels = Labels::of(call, "classlabels_int64s")?;
    let classes = labels.len();
    let (trees, transform) = (trees(call, "class", features, classes)?, Transform::of(call)?);
    let weights = || trees.leaves.iter().flatten();
    let is_probability = weights().all(|&(_, weight)| weight >= 0.0);
    let limit = if is_probability { 0.5 } else { 0.0 };
    let has_votes = |class: usize| weights().any(|&(voted, _)| voted == class);
    // Of two classes often one alone has votes. Where it is the first, they are for the second.
    let voted = (has_votes(0), has_votes(1));
    let is_one = classes == 2 && voted.0 != voted.1;
    let is_for_other = is_one && voted.0;
    let base = match floats(call, "base_values")? {
        base if is_for_other && base.len() == 1 => vec![base[0], 0.0],
        base if base.is_empty() || base.len() == classes => base,
        base => return Err(Error::input(format!("{} base_values, {classes} classes", base.len()))),
    };
    let x = reals(x)?;
    let (mut chosen, mut all) = (Vec::new(), Vec::new());
    for at in 0..count {
        let votes = trees.scores(&x[at * features..][..features], classes, Aggregate::Sum)?;
        let score = |(at, votes): (usize, Option<f64>)| match base.get(at) {
            Some(base) => Some(votes.unwrap_or(0.0) + base),
            None => votes,
        };
        let scores: Vec<Option<f64>> = votes.into_iter().enumerate().map(score).collect();
        let mut row: Vec<f64> = scores.iter().map(|score| score.unwrap_or(0.0)).collect();
        chosen.push(match is_one {
            true => usize::from(row[usize::from(!is_for_other)] > limit),
            // A class without a score is not chosen.
            false => greatest(
                &scores.iter().map(|score| score.unwrap_or(f64::NEG_INFINITY)).collect::<Vec<_>>(),
            ),
        });
        match is_for_other {
            true => row = pair(row[0], is_probability, transform),
            false => transform.apply(&mut row),
        }
        all.push(row);
    }
    labels.chosen(&chosen, &all)
}
