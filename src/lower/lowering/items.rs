//! Parts of the program, and which need which.

use super::{Home, Item, ItemId, Lowering, What};
use crate::ir::{NodeId, ValueId};
use crate::lower::group::{Group, Inst, InstId, Kind, Output};
use crate::lower::program::{BufferId, Work};
use crate::lower::schedule;
use crate::lower::view::View;
use crate::ops::size::Size;
use std::collections::{BTreeSet, HashSet};

impl Lowering<'_> {
    /// Adds a step that reads and writes these buffers.
    pub(in crate::lower) fn work(
        &mut self,
        node: NodeId,
        work: Work,
        reads: &[BufferId],
        writes: &[BufferId],
    ) {
        let needs = self.writers_of(reads);
        let mut item = Item { node, needs, what: What::Work(Box::new(work)) };
        let sizes = schedule::sizes_of(&item, &self.program.sizes);
        item.needs.extend(self.makers_of(&sizes));
        self.items.push(item);
        for &buffer in writes {
            self.writers.entry(buffer).or_default().push(self.items.len() - 1);
        }
    }

    pub(in crate::lower) fn writers_of(&self, buffers: &[BufferId]) -> BTreeSet<ItemId> {
        let of = |buffer: &BufferId| self.writers.get(buffer).cloned().unwrap_or_default();
        buffers.iter().flat_map(of).map(|item| self.resolved(item, 0).0).collect()
    }

    /// Stores a value of a group in a view that has its sizes, where strides can say it: a whole buffer always
    /// can.
    pub(in crate::lower) fn stored(&mut self, item: ItemId, inst: InstId, view: &View) -> bool {
        let (item, shift) = self.resolved(item, 0);
        let Some(over) = self.group(item).over(view) else { return false };
        // The whole buffer is there before a part of it is written.
        let whole = self.program.sizes.all[self.program.buffers[view.buffer].elements].clone();
        let late = self.makers_of(over.sizes().chain([&whole]));
        if late.iter().any(|&maker| self.depends(maker, item)) {
            return false;
        }
        self.items[item].needs.extend(late);
        self.group_mut(item).outputs.push(Output { inst: inst + shift, view: over });
        self.writers.entry(view.buffer).or_default().push(item);
        true
    }

    /// The group that an item has become a part of, and how much larger numbers of its values are.
    pub(in crate::lower) fn resolved(&self, item: ItemId, shift: usize) -> (ItemId, usize) {
        match self.items[item].what {
            What::Merged(into, more) => self.resolved(into, shift + more),
            _ => (item, shift),
        }
    }

    /// Whether one node reads a value of a group, and no other value is the same.
    pub(in crate::lower) fn is_read_once(&self, value: ValueId) -> bool {
        let place = |home: &Home| match *home {
            Home::Inst(item, inst) => {
                let (item, shift) = self.resolved(item, 0);
                Some((item, inst + shift))
            }
            _ => None,
        };
        let own = self.homes.get(&value).and_then(place);
        let same = self.homes.values().filter(|home| place(home) == own).count();
        own.is_some() && same == 1 && self.graph.uses(value).len() == 1
    }

    pub(in crate::lower) fn group(&self, item: ItemId) -> &Group {
        match &self.items[item].what {
            What::Group(group) => group,
            _ => unreachable!("a home of this kind is a group"),
        }
    }

    pub(in crate::lower) fn group_mut(&mut self, item: ItemId) -> &mut Group {
        match &mut self.items[item].what {
            What::Group(group) => group,
            _ => unreachable!("a home of this kind is a group"),
        }
    }

    /// Begins a group.
    pub(in crate::lower) fn begin(&mut self, node: NodeId, kind: Kind, space: Vec<Size>) -> ItemId {
        let mut needs = self.makers_of(&space);
        match &kind {
            Kind::Product { a, b } | Kind::Batch { a, b } => {
                needs.extend(self.needs_of(a));
                needs.extend(self.needs_of(b));
            }
            Kind::Slide(slide) => {
                needs.extend(self.writers_of(&slide.reads()));
                let sizes = slide.sizes().into_iter().map(|id| &self.program.sizes.all[id]);
                needs.extend(self.makers_of(sizes));
            }
            Kind::Attention(_) | Kind::Map | Kind::Rows => {}
        }
        let what = What::Group(Box::new(Group::new(kind, space)));
        self.items.push(Item { node, needs, what });
        self.items.len() - 1
    }

    pub(in crate::lower) fn push(&mut self, item: ItemId, inst: Inst) -> InstId {
        if let Inst::Operand(view) | Inst::Gathered { table: view, .. } = &inst {
            let mut needs = self.needs_of(view);
            if let Inst::Gathered { stride, length, .. } = &inst {
                needs.extend(self.makers_of([stride, length]));
            }
            self.items[item].needs.extend(needs);
        }
        self.group_mut(item).push(inst)
    }

    /// Whether an item, or what it needs, is another.
    pub(in crate::lower) fn depends(&self, item: ItemId, on: ItemId) -> bool {
        let mut seen = HashSet::new();
        let mut todo = vec![item];
        while let Some(item) = todo.pop() {
            let (item, _) = self.resolved(item, 0);
            if item == on {
                return true;
            }
            if seen.insert(item) {
                todo.extend(&self.items[item].needs);
            }
        }
        false
    }
}
