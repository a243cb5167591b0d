//! Control flow: what holds whichever branch runs, and in each round of a loop.

use super::site::all;
use super::{Fact, Made, Site};
use crate::ir::{DataType, Graph};
use crate::ops::size::Size;

/// How often what holds in each round is looked for.
const ROUNDS: usize = 8;

/// What holds of both.
fn both(one: Made, other: &Fact) -> Made {
    let join = |own: Option<Vec<Option<Size>>>, other: &Option<Vec<Size>>| {
        let (own, other) = (own?, other.as_ref()?);
        let same = |(own, other): (Option<Size>, &Size)| own.filter(|own| own == other);
        (own.len() == other.len()).then(|| own.into_iter().zip(other).map(same).collect())
    };
    Made {
        dtype: one.dtype.filter(|_| one.dtype == other.dtype),
        shape: join(one.shape, &other.shape),
        elements: join(one.elements, &other.elements),
        items: None,
    }
}

/// If.
pub(in crate::ops) fn choose(site: &Site<'_>) -> Option<Vec<Made>> {
    let branch = |name: &str| Some((site.run_graph)(site.call.graph(name).ok()?, Vec::new()));
    let only = |facts: Vec<Fact>| facts.iter().map(Made::from).collect();
    match site.element(0).and_then(Size::known) {
        Some(0) => branch("else_branch").map(only),
        Some(_) => branch("then_branch").map(only),
        None => {
            let (one, other) = (branch("then_branch")?, branch("else_branch")?);
            Some(one.iter().zip(&other).map(|(one, other)| both(one.into(), other)).collect())
        }
    }
}

/// What holds of states before and after each round of a body, and of its outputs in each.
fn each_round(
    site: &Site<'_>,
    body: &Graph,
    before: &[Made],
    mut states: Vec<Made>,
    scanned: &[Made],
    first: usize,
) -> Option<(Vec<Made>, Vec<Fact>)> {
    for _ in 0..ROUNDS {
        let inputs =
            before.iter().chain(&states).chain(scanned).map(|made| site.fact(made.clone()));
        let outputs = (site.run_graph)(body, inputs.collect());
        let after = outputs.get(first..first + states.len())?;
        let joined: Vec<Made> =
            states.iter().cloned().zip(after).map(|(state, after)| both(state, after)).collect();
        if joined == states {
            return Some((states, outputs));
        }
        states = joined;
    }
    None
}

/// What a value is in all rounds, along a new axis.
fn gathered(each: &Fact, count: Option<Size>, axis: usize) -> Made {
    let shape = each.shape.as_ref().filter(|shape| axis <= shape.len()).map(|shape| {
        let mut shape = all(shape);
        shape.insert(axis, count);
        shape
    });
    Made { dtype: each.dtype, shape, ..Made::default() }
}

/// Loop.
pub(in crate::ops) fn repeat(site: &Site<'_>) -> Option<Vec<Made>> {
    let body = site.call.graph("body").ok()?;
    let round = Made::of([]).typed(Some(DataType::I64));
    let goes_on = Made::of([]).typed(Some(DataType::Bool));
    let states =
        (2..site.inputs.len()).map(|slot| site.input(slot).map(Made::from).unwrap_or_default());
    let (mut made, outputs) = each_round(site, body, &[round, goes_on], states.collect(), &[], 1)?;
    let rounds = site.element(0).cloned();
    let starts = !site.has_input(1) || site.element(1).and_then(Size::known) == Some(1);
    // A loop of no rounds makes tensors of the sizes that the body declares.
    let is_sure = starts && rounds.as_ref().is_some_and(|rounds| rounds.least() >= Some(1));
    let goes_on = outputs.first().and_then(|fact| fact.elements.as_ref()?.first()?.known());
    let is_counted = !site.has_input(1) || goes_on == Some(1);
    let count = rounds.filter(|_| is_counted);
    for each in outputs.iter().skip(1 + made.len()) {
        made.push(match is_sure {
            true => gathered(each, count.clone(), 0),
            false => Made { dtype: each.dtype, ..Made::default() },
        });
    }
    Some(made)
}

/// Scan, since operator set 9. A scan of no elements makes tensors of the sizes that the body declares,
/// which are taken for those of the others.
pub(in crate::ops) fn scan(site: &Site<'_>) -> Option<Vec<Made>> {
    if site.call.since() < 9 {
        return None;
    }
    let body = site.call.graph("body").ok()?;
    let scans = usize::try_from(site.int("num_scan_inputs")?).ok()?;
    let first = site.inputs.len().checked_sub(scans)?;
    let states = (0..first).map(|slot| site.input(slot).map(Made::from).unwrap_or_default());
    let list = |name: &str| site.call.ints(name).ok().map(Option::unwrap_or_default);
    let (axes_in, axes_out) = (list("scan_input_axes")?, list("scan_output_axes")?);
    let mut count = None;
    let mut scanned = Vec::new();
    for at in 0..scans {
        let fact = site.input(first + at)?;
        let mut own = Made { elements: None, ..Made::from(fact) };
        if let Some(shape) = &mut own.shape {
            let axis = axes_in.get(at).copied().unwrap_or(0);
            let size = shape.remove(crate::ops::shape::axis(axis, shape.len()).ok()?);
            count = count.or(size);
        }
        scanned.push(own);
    }
    let (mut made, outputs) = each_round(site, body, &[], states.collect(), &scanned, 0)?;
    for (at, each) in outputs.iter().skip(first).enumerate() {
        let axis = axes_out.get(at).copied().unwrap_or(0);
        let place = each
            .shape
            .as_ref()
            .and_then(|shape| crate::ops::shape::axis(axis, shape.len() + 1).ok());
        made.push(match place {
            Some(place) => gathered(each, count.clone(), place),
            None => Made { dtype: each.dtype, ..Made::default() },
        });
    }
    Some(made)
}

/// OptionalHasElement.
pub(in crate::ops) fn scalar(_: &Site<'_>) -> Option<Vec<Made>> {
    Some(vec![Made::of([])])
}
