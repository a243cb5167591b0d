//! What tasks counted while they ran.

use std::collections::BTreeMap;

/// Sums by task label and counter. They do not depend on the number of threads, and count each
/// task once however often it is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, BTreeMap<String, u64>>);

impl Counters {
    /// The sum of a counter over the tasks with this label; 0 if none counted it.
    pub fn get(&self, label: &str, counter: &str) -> u64 {
        self.0.get(label).and_then(|counters| counters.get(counter)).copied().unwrap_or(0)
    }

    /// All sums as (label, counter, sum), sorted by label, then counter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().flat_map(|(label, counters)| {
            counters.iter().map(move |(counter, sum)| (label.as_str(), counter.as_str(), *sum))
        })
    }

    /// Adds to a sum, which stays at `u64::MAX` once it is there.
    pub(super) fn add(&mut self, label: &str, counter: &str, amount: u64) {
        let counters = self.0.entry(label.to_owned()).or_default();
        let sum = counters.entry(counter.to_owned()).or_default();
        *sum = sum.saturating_add(amount);
    }
}
