//! In which pass along the rows each value of a group is known.

use super::{Emitter, Kept};
use crate::kernel::FoldKind;
use crate::lower::group::{Inst, InstId};
use std::collections::{HashMap, HashSet};

impl Emitter<'_> {
    /// What differs along the last loop, and in which pass of it each value is known.
    pub(super) fn order(&mut self) {
        let last = self.loops.len() - 1;
        for (inst, what) in self.group.insts.iter().enumerate() {
            let arguments = what.arguments();
            let moves = self.loaded.get(&inst).is_some_and(|&a| self.strides[a][last].is_some());
            let varies = match what {
                Inst::Fold(..) => false,
                Inst::Index(axis) => *axis == last,
                _ => moves || arguments.iter().any(|&id| self.varying[id]),
            };
            let before = arguments.iter().map(|&id| self.ready[id]).max().unwrap_or(0);
            self.varying.push(varies);
            self.ready.push(before + usize::from(matches!(what, Inst::Fold(..))));
        }
        self.keep();
    }

    /// Finds what is kept: costly values that a later pass needs again.
    pub(super) fn keep(&mut self) {
        let mut first: HashMap<InstId, usize> = HashMap::new();
        for pass in 0..=self.last_pass() {
            let mut seen = HashSet::new();
            let mut todo = self.roots(pass);
            while let Some(inst) = todo.pop() {
                if !self.varying[inst] || !seen.insert(inst) {
                    continue;
                }
                match first.get(&inst) {
                    Some(&first) if first < pass && self.group.insts[inst].is_costly() => {
                        let kept = self.kept.entry(inst);
                        kept.or_insert(Kept { first, last: pass, at: None }).last = pass;
                    }
                    _ => {
                        first.entry(inst).or_insert(pass);
                        todo.extend(self.group.insts[inst].arguments());
                    }
                }
            }
        }
    }

    pub(super) fn last_pass(&self) -> usize {
        let needed = self.needed.iter().zip(&self.ready).filter(|(needed, _)| **needed);
        needed.map(|(_, ready)| *ready).max().unwrap_or(0)
    }

    pub(super) fn folds(&self, pass: usize) -> Vec<(InstId, FoldKind, InstId)> {
        let all = self.group.insts.iter().enumerate().filter(|(inst, _)| self.needed[*inst]);
        all.filter_map(|(inst, what)| match what {
            Inst::Fold(kind, of) if self.ready[inst] == pass + 1 => Some((inst, *kind, *of)),
            _ => None,
        })
        .collect()
    }

    pub(super) fn is_in_loop(&self, output: usize) -> bool {
        self.strides[self.stored[output]].last().is_some_and(Option::is_some)
    }

    /// What a pass along the rows must compute.
    pub(super) fn roots(&self, pass: usize) -> Vec<InstId> {
        let stored = self.group.outputs.iter().enumerate();
        let stored = stored.filter(|(at, o)| self.is_in_loop(*at) && self.ready[o.inst] == pass);
        let folded = self.folds(pass).into_iter().map(|(_, _, of)| of);
        folded.chain(stored.map(|(_, output)| output.inst)).collect()
    }

    /// The values that a pass computes or loads, in order.
    pub(super) fn in_pass(&self, pass: usize) -> Vec<InstId> {
        let mut found = HashSet::new();
        let mut todo = self.roots(pass);
        while let Some(inst) = todo.pop() {
            if self.varying[inst] && found.insert(inst) {
                let is_loaded = self.kept.get(&inst).is_some_and(|kept| kept.first < pass);
                if !is_loaded {
                    todo.extend(self.group.insts[inst].arguments());
                }
            }
        }
        let mut found: Vec<InstId> = found.into_iter().collect();
        found.sort_unstable();
        found
    }
}
