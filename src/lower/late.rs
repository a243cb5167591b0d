//! Sizes that are known only while a model runs, and what makes them.

use super::lowering::{Home, ItemId, Lowering};
use super::schedule::atoms_of;
use super::view::View;
use crate::error::Result;
use crate::ir::{NodeId, NodeKind, ValueId};
use crate::ops::size::{Atom, Size};
use std::collections::BTreeSet;

impl Lowering<'_> {
    /// The value that says an atom, if it is none of the graph's inputs.
    fn late_value(&self, atom: &Atom) -> Option<ValueId> {
        match atom {
            Atom::Axis(value, _) | Atom::Element(value, _) => {
                let node = self.graph.value(*value).producer();
                matches!(self.graph.node(node).kind, NodeKind::Op(_)).then_some(*value)
            }
            Atom::Name(_) if self.early.contains(atom) => None,
            Atom::Name(_) => self.declared(atom).map(|(value, _)| value),
            _ => None,
        }
    }

    /// The first value that has a size of this name, and its axis.
    pub(super) fn declared(&self, name: &Atom) -> Option<(ValueId, usize)> {
        let size = Size::from(name.clone());
        let all = self.graph.ops().into_iter().flat_map(|(id, _)| self.graph.node(id).outputs());
        all.flatten().find_map(|&value| {
            let shape = self.facts.get(&value)?.shape.as_ref()?;
            Some((value, shape.iter().position(|own| *own == size)?))
        })
    }

    /// Lowers what says sizes of a node's inputs and outputs.
    pub(super) fn settle(&mut self, id: NodeId) -> Result<()> {
        let inputs = self.graph.node_inputs(id).into_iter().flatten();
        let own = self.graph.node(id).outputs();
        let mut late = BTreeSet::new();
        for value in inputs.chain(own.iter().flatten().copied()) {
            let Some(fact) = self.facts.get(&value) else { continue };
            let sizes = fact.shape.iter().chain(&fact.elements).flatten();
            let values = sizes.flat_map(atoms_of).filter_map(|atom| self.late_value(&atom));
            late.extend(values.filter(|value| !own.contains(&Some(*value))));
        }
        late.into_iter().try_for_each(|value| self.ensure(value))
    }

    /// What makes these sizes.
    pub(super) fn makers_of<'s>(
        &self,
        sizes: impl IntoIterator<Item = &'s Size>,
    ) -> BTreeSet<ItemId> {
        let values: BTreeSet<ValueId> = sizes
            .into_iter()
            .flat_map(atoms_of)
            .filter_map(|atom| self.late_value(&atom))
            .collect();
        values.into_iter().flat_map(|value| self.makers_of_value(value)).collect()
    }

    fn makers_of_value(&self, value: ValueId) -> BTreeSet<ItemId> {
        match self.homes.get(&value) {
            Some(Home::View(view)) => self.writers_of(&[view.buffer]),
            Some(Home::Value(buffer)) => self.writers_of(&[*buffer]),
            Some(&Home::Inst(item, _)) => [self.resolved(item, 0).0].into(),
            None => BTreeSet::new(),
        }
    }

    /// What makes a value, and the sizes of the view that it is.
    pub(super) fn makers(&self, value: ValueId) -> BTreeSet<ItemId> {
        let mut makers = self.makers_of_value(value);
        if let Some(Home::View(view)) = self.homes.get(&value) {
            makers.extend(self.makers_of(view.sizes()));
        } else if let Some((dims, _)) = self.known(value) {
            makers.extend(self.makers_of(&dims));
        }
        makers
    }

    /// What must run before a view can be read.
    pub(super) fn needs_of(&self, view: &View) -> BTreeSet<ItemId> {
        let mut needs = self.writers_of(&[view.buffer]);
        needs.extend(self.makers_of(view.sizes()));
        needs
    }
}
