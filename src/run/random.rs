//! Inputs that a model can do something with, where none are given.

use crate::error::{Error, Result};
use crate::ir::{DataType, Dim, Graph, Slot, Tensor, Type, ValueId};
use crate::ops::{Value, numbers, shape};
use crate::runtime::Signature;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Sequences, where nothing says their length.
const LENGTH: i64 = 8;

/// How inputs are made.
#[derive(Clone, Debug, Default)]
pub struct Random {
    /// Of the random numbers, which are the same for the same name of an input.
    pub seed: u64,
    /// Sizes by name.
    pub dims: BTreeMap<String, i64>,
    /// The length of the past, for models that take one.
    pub past: i64,
}

/// What an input is for, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Past,
    Positions,
    Mask,
    Types,
    Other,
}

impl Role {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match () {
            () if has(&["past", "cache"]) => Self::Past,
            () if has(&["position"]) => Self::Positions,
            () if has(&["mask"]) => Self::Mask,
            () if has(&["token_type", "segment"]) => Self::Types,
            () => Self::Other,
        }
    }
}

/// Whether a model takes a past that is not given.
pub(crate) fn makes_past(signature: &[Signature], given: &HashMap<String, Value>) -> bool {
    let mut missing = signature.iter().filter(|input| !given.contains_key(&input.name));
    missing.any(|input| Role::of(&input.name) == Role::Past && is_float(input))
}

fn is_float(input: &Signature) -> bool {
    input.ty.as_ref().and_then(Type::dtype).is_some_and(DataType::is_float)
}

/// Adds the inputs that are missing: ids below the rows of the embedding they are looked up in, masks of
/// ones, positions from the past's length on, types of 0, and normal numbers.
///
/// # Errors
/// The model does not say the type of one, or it is of a kind that is not made; a size is of a name
/// that no input has.
pub(crate) fn add_missing(
    graph: &Graph,
    signature: &[Signature],
    inputs: &mut HashMap<String, Value>,
    random: &Random,
) -> Result<()> {
    check_names(signature, random)?;
    let mut sizes = Sizes { random, known: BTreeMap::new() };
    for input in signature {
        if let Some(Value::Tensor(tensor)) = inputs.get(&input.name) {
            sizes.learn(input, tensor);
        }
    }
    for input in signature {
        if input.has_default || inputs.contains_key(&input.name) {
            continue;
        }
        let within = |e: Error| e.within(format!("input {:?}", input.name));
        let made = make(graph, input, &mut sizes).map_err(within)?;
        inputs.insert(input.name.clone(), made.into());
    }
    Ok(())
}

/// Whether all sizes are of names that inputs have.
fn check_names(signature: &[Signature], random: &Random) -> Result<()> {
    let shapes = signature.iter().filter_map(|input| input.ty.as_ref()?.shape());
    let mut names: Vec<&str> = shapes
        .flatten()
        .filter_map(|dim| Some(dim.name()?.split('+').map(str::trim)))
        .flatten()
        .collect();
    names.sort_unstable();
    names.dedup();
    match random.dims.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(Error::input(format!("no axis of an input has the name {name:?}"))
            .help(format!("names: {}", names.join(", ")))),
        None => Ok(()),
    }
}

fn make(graph: &Graph, input: &Signature, sizes: &mut Sizes<'_>) -> Result<Tensor> {
    let ty = input.ty.as_ref();
    let (dtype, shape) = ty
        .and_then(|ty| ty.dtype().zip(ty.shape()))
        .ok_or_else(|| Error::input("the model does not say its type and rank: give it"))?;
    let role = Role::of(&input.name);
    let dims: Vec<i64> = shape
        .iter()
        .enumerate()
        .map(|(axis, dim)| sizes.size(role, axis, shape.len(), dim))
        .collect();
    let count = shape::count(&shape::room(&dims)?);
    let mut random = stream(sizes.random.seed, &input.name);
    if dtype.is_float() {
        let floats: Vec<f64> = match role {
            Role::Mask => vec![1.0; count],
            _ => (0..count).map(|_| normal(&mut random)).collect(),
        };
        return numbers::of_floats(dtype, &dims, &floats);
    }
    if !numbers::is_integer(dtype) {
        return Err(Error::input(format!("is {dtype}, which is not made: give it")));
    }
    let length = dims.last().copied().unwrap_or(1).max(1) as usize;
    let bound = u64::try_from(rows(graph, &input.name).unwrap_or(2)).unwrap_or(2).max(1);
    let integer = |at: usize| match role {
        _ if dtype == DataType::Bool => 1,
        Role::Mask => 1,
        Role::Types => 0,
        Role::Positions => i128::from(sizes.past()) + (at % length) as i128,
        Role::Past | Role::Other => i128::from(random.next_u64() % bound),
    };
    let integers: Vec<i128> = (0..count).map(integer).collect();
    numbers::of_integers(dtype, &dims, &integers)
}

/// Sizes by name, as far as they are known.
struct Sizes<'r> {
    random: &'r Random,
    known: BTreeMap<String, i64>,
}

impl Sizes<'_> {
    fn learn(&mut self, input: &Signature, tensor: &Tensor) {
        let shape = input.ty.as_ref().and_then(Type::shape).unwrap_or_default();
        for (dim, &size) in shape.iter().zip(&tensor.dims) {
            if let Some(name) = dim.name() {
                self.known.insert(name.to_owned(), size);
            }
        }
    }

    fn size(&mut self, role: Role, axis: usize, rank: usize, dim: &Dim) -> i64 {
        let likely = self.likely(role, axis, rank);
        match dim.name() {
            Some(name) => {
                let size = self.named(name).unwrap_or(likely);
                *self.known.entry(name.to_owned()).or_insert(size)
            }
            // Some exporters write an unknown size as −1.
            None => dim.as_known().filter(|&size| size >= 0).unwrap_or(likely),
        }
    }

    /// The size of a name, or of a sum of names.
    fn named(&self, symbol: &str) -> Option<i64> {
        let given = self.random.dims.get(symbol).or_else(|| self.known.get(symbol));
        if let Some(size) = given {
            return Some(*size);
        }
        if symbol.contains('+') {
            let mut parts = symbol.split('+').map(|part| self.named(part.trim()));
            return parts.try_fold(0i64, |sum, part| Some(sum.saturating_add(part?)));
        }
        let name = symbol.to_lowercase();
        let has = |word: &str| name.contains(word);
        match () {
            () if has("past") => Some(self.past()),
            () if has("total") => Some(self.total()),
            () if has("batch") => Some(1),
            () if has("seq") || has("length") => Some(LENGTH),
            () => symbol.parse().ok(),
        }
    }

    /// The length of the sequence, where it is known.
    fn length(&self) -> i64 {
        self.first("seq", &["past", "total", "encoder"]).unwrap_or(LENGTH)
    }

    /// The length of the past.
    fn past(&self) -> i64 {
        self.first("past", &["+", "total"]).unwrap_or(self.random.past)
    }

    /// The length of both.
    fn total(&self) -> i64 {
        self.past().saturating_add(self.length())
    }

    /// The size of the first name that has a word and none of others.
    fn first(&self, word: &str, others: &[&str]) -> Option<i64> {
        let is_meant = |name: &str| {
            let name = name.to_lowercase();
            name.contains(word) && !others.iter().any(|other| name.contains(other))
        };
        let mut known = self.random.dims.iter().chain(&self.known);
        known.find(|(name, _)| is_meant(name)).map(|(_, size)| *size)
    }

    /// A size without a name that says anything.
    fn likely(&self, role: Role, axis: usize, rank: usize) -> i64 {
        match role {
            _ if axis == 0 => 1,
            Role::Past if axis + 2 == rank => self.past(),
            Role::Mask if axis + 1 == rank => self.total(),
            Role::Mask | Role::Past => 1,
            _ if axis == 1 && rank == 2 => self.length(),
            _ => 1,
        }
    }
}

/// The rows of the smallest constant in which an input is looked up.
fn rows(graph: &Graph, name: &str) -> Option<i64> {
    const KEEP: [&str; 7] =
        ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];
    let (mut found, mut left): (Option<i64>, Vec<ValueId>) =
        (None, graph.value_named(name).into_iter().collect());
    while let Some(value) = left.pop() {
        for at in graph.uses(value) {
            let Some(op) = graph.node(at.node).op() else { continue };
            if op.is("Gather") && at.slot == Slot::Input(1) {
                let table = graph.node_input(at.node, 0).and_then(|t| graph.constant(t));
                let rows = table.and_then(|t| t.dims.get(op.int("axis").unwrap_or(0) as usize));
                found = found.into_iter().chain(rows.copied()).min();
            } else if KEEP.iter().any(|keep| op.is(keep)) && at.slot == Slot::Input(0) {
                left.extend(graph.output(at.node));
            }
        }
    }
    found
}

/// Random numbers of a name.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name).finalize();
    ChaCha8Rng::from_seed(hash.into())
}

/// A normal number of mean 0 and variance 1: Box and Muller, 1958.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (random.next_u32() as f64 + 0.5) / 2f64.powi(32);
    (-2.0 * f64::ln(uniform())).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_too_large_are_no_overflow() {
        let dims = BTreeMap::from([("a".to_owned(), i64::MAX), ("b".to_owned(), 1)]);
        let random = Random { dims, past: i64::MAX, seed: 0 };
        let sizes = Sizes { random: &random, known: BTreeMap::new() };
        assert_eq!(sizes.named("a + b"), Some(i64::MAX));
        assert_eq!(sizes.named("total"), Some(i64::MAX));
    }
}
