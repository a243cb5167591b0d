//! What was inferred of values, held against what they are: in debug builds each run does that.

use crate::error::{Error, Result};
use crate::ir::{DimSize, Graph, Tensor, ValueId};
use crate::ops::Value;
use crate::ops::infer::{Fact, Facts};
use crate::ops::numbers::{integers, is_integer};
use crate::ops::size::{Atom, Size};
use std::collections::HashMap;

/// Facts, with the atoms that values have said so far.
pub(super) struct Watch<'g> {
    graph: &'g Graph,
    facts: &'g Facts,
    known: HashMap<Atom, i64>,
    wrong: Option<String>,
}

impl<'g> Watch<'g> {
    pub(super) fn new(graph: &'g Graph, facts: &'g Facts) -> Self {
        Self { graph, facts, known: HashMap::new(), wrong: None }
    }

    /// The error of the first value of which something else was inferred.
    pub(super) fn result(self) -> Result<()> {
        match self.wrong {
            Some(wrong) => Err(Error::bug(wrong)),
            None => Ok(()),
        }
    }

    /// Sees a value.
    pub(super) fn see(&mut self, id: ValueId, value: &Value) {
        let Value::Tensor(tensor) = value else { return };
        let nothing = Fact::default();
        let fact = self.facts.get(&id).unwrap_or(&nothing);
        self.bind(id, fact, tensor);
        let elements = integers(tensor).ok().filter(|_| is_integer(tensor.dtype));
        let agrees = fact.dtype.is_none_or(|dtype| dtype == tensor.dtype)
            && self.agree(fact.shape.as_deref(), tensor.dims.iter().map(|&x| x.into()))
            && match elements {
                Some(elements) => self.agree(fact.elements.as_deref(), elements.into_iter()),
                None => fact.elements.is_none(),
            };
        if !agrees && self.wrong.is_none() {
            let list = |all: &Option<Vec<Size>>| match all {
                Some(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                None => "?".to_owned(),
            };
            let (shape, elements) = (list(&fact.shape), list(&fact.elements));
            self.wrong = Some(format!(
                "value {:?} of {} is {}, inferred was {:?}[{shape}] {{{elements}}}",
                self.graph.value(id).name(),
                self.graph.describe(self.graph.value(id).producer()),
                tensor.ty(),
                fact.dtype,
            ));
        }
    }

    /// Atoms that this value says: its own, and the names that it is declared with, which others
    /// may be said to have.
    fn bind(&mut self, id: ValueId, fact: &Fact, tensor: &Tensor) {
        for (axis, &size) in tensor.dims.iter().enumerate() {
            self.known.insert(Atom::Axis(id, axis as u32), size);
        }
        if fact.elements.is_some()
            && let Ok(elements) = integers(tensor)
        {
            for (at, &element) in elements.iter().enumerate() {
                self.known.insert(Atom::Element(id, at as u32), element as i64);
            }
        }
        let ty = self.graph.value(id).info.as_ref().and_then(|info| info.ty.as_ref());
        for (dim, &size) in
            ty.and_then(|ty| ty.shape()).unwrap_or_default().iter().zip(&tensor.dims)
        {
            if let DimSize::Symbol(name) = &dim.size {
                self.known.entry(Atom::Name(name.as_str().into())).or_insert(size);
            }
        }
    }

    fn agree(&self, all: Option<&[Size]>, real: impl ExactSizeIterator<Item = i128>) -> bool {
        let Some(all) = all else { return true };
        let atom = |atom: &Atom| self.known.get(atom).copied();
        let is = |(size, real): (&Size, i128)| size.value(&atom).map(i128::from) == Some(real);
        all.len() == real.len() && all.iter().zip(real).all(is)
    }
}
