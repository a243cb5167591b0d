//! What tasks measured while they ran.

use std::collections::BTreeMap;

/// How the values of one name become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fold {
    /// They are added.
    Sum,
    /// The largest counts.
    Max,
}

impl Fold {
    pub(super) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Sum => a + b,
            Self::Max => a.max(b),
        }
    }
}

/// What the tasks of each label measured, by name. It does not depend on the number of threads,
/// to the last bit, and counts each task once however often it is computed. Sums of whole numbers
/// are exact up to 2^53.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures(BTreeMap<String, BTreeMap<String, f64>>);

impl Measures {
    /// What the tasks with this label measured under a name; none if none did.
    pub fn get(&self, label: &str, name: &str) -> Option<f64> {
        self.0.get(label)?.get(name).copied()
    }

    /// What the tasks of each label measured, by name; sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, f64>)> {
        self.0.iter().map(|(label, measured)| (label.as_str(), measured))
    }
}

/// A name under which one region measured, and which region of which task that is: in the order in
/// which values are folded.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'p> {
    pub(super) label: &'p str,
    pub(super) name: String,
    pub(super) task: u32,
    pub(super) start: u64,
}

/// What regions measured, in any order.
#[derive(Default)]
pub(super) struct Pieces<'p>(BTreeMap<Place<'p>, (Fold, f64)>);

impl<'p> Pieces<'p> {
    pub(super) fn insert(&mut self, place: Place<'p>, fold: Fold, value: f64) {
        self.0.insert(place, (fold, value));
    }

    pub(super) fn into_measures(self) -> Measures {
        let mut measures = Measures::default();
        for (Place { label, name, .. }, (fold, value)) in self.0 {
            let of_label = measures.0.entry(label.to_owned()).or_default();
            let folded = of_label.get(&name).map_or(value, |before| fold.apply(*before, value));
            of_label.insert(name, folded);
        }
        measures
    }
}
