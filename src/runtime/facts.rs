//! What was inferred of values, held against what they are: in debug builds each run does that.

use crate::error::{Error, Result};
use crate::ir::{Model, NodeKind, Tensor, ValueId};
use crate::ops::Value;
use crate::ops::infer::{Fact, Facts, infer};
use crate::ops::numbers::{integers, is_integer};
use crate::ops::size::{Atom, Size};
use std::collections::HashMap;

/// Facts, with the atoms that values have said so far.
pub(super) struct Watch<'m> {
    model: &'m Model,
    /// What is inferred; what would be if the file declared nothing of what operators make; and if it
    /// declared no sizes of inputs either.
    facts: [Facts; 3],
    known: HashMap<Atom, i64>,
    wrong: Option<String>,
}

impl<'m> Watch<'m> {
    /// With the inputs of the main graph that are given; those that are left out have defaults.
    pub(super) fn new(model: &'m Model, given: &[Option<Value>]) -> Self {
        let (mut bare, graph) = (model.graph.clone(), &model.graph);
        let made_by = |id: ValueId| &graph.node(graph.value(id).producer()).kind;
        for id in graph.value_ids().filter(|&id| matches!(made_by(id), NodeKind::Op(_))) {
            bare.value_mut(id).info = None;
        }
        let mut open = bare.clone();
        for id in graph.value_ids().filter(|&id| matches!(made_by(id), NodeKind::Input { .. })) {
            if let Some(ty) = open.value_mut(id).info.as_mut().and_then(|info| info.ty.as_mut()) {
                ty.forget_sizes();
            }
        }
        let facts = [graph, &bare, &open].map(|graph| infer(graph, &model.opset_imports));
        let mut watch = Self { model, facts, known: HashMap::new(), wrong: None };
        watch.see_inputs(given);
        watch
    }

    /// The error of the first value of which something else was inferred.
    pub(super) fn result(self) -> Result<()> {
        match self.wrong {
            // A function may have the name of an operator.
            Some(wrong) if self.model.functions.is_empty() => Err(Error::bug(wrong)),
            _ => Ok(()),
        }
    }

    fn see_inputs(&mut self, given: &[Option<Value>]) {
        let graph = &self.model.graph;
        for (&id, given) in graph.inputs().iter().zip(given) {
            let default = || graph.node(id).stored_tensor().cloned().map(Value::from);
            let value = given.clone().or_else(default);
            if let (Some(id), Some(value)) = (graph.output(id), value) {
                self.see(id, &value);
            }
        }
    }

    /// Sees a value.
    pub(super) fn see(&mut self, id: ValueId, value: &Value) {
        let Value::Tensor(tensor) = value else { return };
        let elements = integers(tensor).ok().filter(|_| is_integer(tensor.dtype));
        self.bind(id, tensor, elements.as_deref().unwrap_or_default());
        let mut facts = self.facts.iter().filter_map(|facts| facts.get(&id));
        let wrong = facts.find(|fact| !self.agree(fact, tensor, elements.as_deref()));
        if let (Some(fact), None) = (wrong, &self.wrong) {
            let graph = &self.model.graph;
            let list = |all: &Option<Vec<Size>>| match all {
                Some(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                None => "?".to_owned(),
            };
            let value = graph.value(id);
            self.wrong = Some(format!(
                "value {:?} of {} is {} {elements:?}, inferred was {:?}[{}] {{{}}}",
                value.name(),
                graph.describe(value.producer()),
                tensor.ty(),
                fact.dtype,
                list(&fact.shape),
                list(&fact.elements)
            ));
        }
    }

    /// Atoms that this value says: its own, and the names that it is declared with, which others
    /// may be said to have.
    fn bind(&mut self, id: ValueId, tensor: &Tensor, elements: &[i128]) {
        for (axis, &size) in tensor.dims.iter().enumerate() {
            self.known.insert(Atom::Axis(id, axis as u32), size);
        }
        for (at, &element) in elements.iter().enumerate().take(1024) {
            self.known.insert(Atom::Element(id, at as u32), element as i64);
        }
        let info = self.model.graph.value(id).info.as_ref();
        let declared = info.and_then(|info| info.ty.as_ref()?.shape()).unwrap_or_default();
        for (dim, &size) in declared.iter().zip(&tensor.dims) {
            if let Some(name) = dim.name() {
                self.known.entry(Atom::Name(name.into())).or_insert(size);
            }
        }
    }

    fn agree(&self, fact: &Fact, tensor: &Tensor, elements: Option<&[i128]>) -> bool {
        let atom = |atom: &Atom| self.known.get(atom).copied();
        let are = |all: &Option<Vec<Size>>, real: Option<&[i128]>| match (all, real) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(all), Some(real)) => {
                let is =
                    |(size, &real): (&Size, &i128)| size.value(&atom).map(i128::from) == Some(real);
                all.len() == real.len() && all.iter().zip(real).all(is)
            }
        };
        let shape: Vec<i128> = tensor.dims.iter().map(|&size| size.into()).collect();
        fact.dtype.is_none_or(|dtype| dtype == tensor.dtype)
            && are(&fact.shape, Some(&shape))
            && are(&fact.elements, elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::text;
    use crate::ops::numbers::of_i64s;

    #[test]
    fn what_is_not_as_inferred_is_seen() {
        let source = "model ir=10 opset \"\"=21
             graph g(%x: i64[n]) -> (%y) {
             %y = Add(%x, %x)
             }";
        let model = text::parse(source).expect("is a model");
        let y = model.graph.value_named("y").expect("is there");
        let seen = |made: &[i64]| {
            let given = of_i64s(&[3], &[1, 2, 3]).into();
            let mut watch = Watch::new(&model, &[Some(given)]);
            watch.see(y, &of_i64s(&[made.len() as i64], made).into());
            watch.result()
        };
        assert!(seen(&[2, 4, 6]).is_ok());
        let wrong = seen(&[2, 4]).expect_err("has another size").to_string();
        assert!(wrong.contains("\"y\""), "{wrong}");
    }
}
