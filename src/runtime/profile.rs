//! What the time of a run goes to.

use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

/// What ran when.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// In the order in which they ended; none lies within another.
    pub events: Vec<Event>,
    /// How long the whole run took, in nanoseconds.
    pub nanoseconds: u64,
}

/// A step, on all threads that it was shared among.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it is, such as the operators that are fused in it.
    pub name: String,
    /// The kind of step, such as the operator.
    pub kind: String,
    /// The node that it stands for, as messages call it.
    pub node: String,
    /// Nanoseconds from the run's start.
    pub start_ns: u64,
    /// Nanoseconds from the run's start.
    pub end_ns: u64,
    /// Floating-point operations; a multiplication with an addition is two.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// Events that are taken together.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The kind of step, or the node.
    pub name: String,
    /// How many events.
    pub calls: u64,
    /// How long they took.
    pub seconds: f64,
    /// Of the time of all events.
    pub share: f64,
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Profile {
    /// Floating-point operations of all steps.
    pub fn flops(&self) -> u64 {
        self.events.iter().map(|event| event.flops).sum()
    }

    /// Bytes that all steps read and write.
    pub fn bytes(&self) -> u64 {
        self.events.iter().map(|event| event.bytes).sum()
    }

    /// By the kind of step, from what took longest on.
    pub fn by_kind(&self) -> Vec<Group> {
        self.groups(|event| &event.kind)
    }

    /// By node, from what took longest on.
    pub fn by_node(&self) -> Vec<Group> {
        self.groups(|event| &event.node)
    }

    fn groups<'p>(&'p self, name: fn(&'p Event) -> &'p String) -> Vec<Group> {
        let whole: u64 = self.events.iter().map(Event::nanoseconds).sum();
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for event in &self.events {
            let place = *places.entry(name(event)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group::empty(name(event)));
            }
            let group = &mut groups[place];
            group.calls += 1;
            group.seconds += event.nanoseconds() as f64 / 1e9;
            group.share += event.nanoseconds() as f64 / whole.max(1) as f64;
            group.flops += event.flops;
            group.bytes += event.bytes;
        }
        groups.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        groups
    }

    /// A trace as Chrome and Perfetto open it: the JSON of the Trace Event Format, complete
    /// events (`X`) in microseconds.
    pub fn trace(&self) -> String {
        let events: Vec<serde_json::Value> = self.events.iter().map(Event::trace).collect();
        serde_json::json!({ "traceEvents": events, "displayTimeUnit": "ms" }).to_string()
    }
}

impl Event {
    fn nanoseconds(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    fn trace(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "cat": self.kind,
            "ph": "X",
            "ts": self.start_ns as f64 / 1e3,
            "dur": self.nanoseconds() as f64 / 1e3,
            "pid": 0,
            "tid": 0,
            "args": { "node": self.node, "flops": self.flops, "bytes": self.bytes },
        })
    }
}

impl Group {
    fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), calls: 0, seconds: 0.0, share: 0.0, flops: 0, bytes: 0 }
    }
}

/// Takes down what steps do.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    events: RefCell<Vec<Event>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), events: RefCell::default() }
    }

    /// Nanoseconds from the run's start.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    #[cfg(feature = "cpu")]
    pub(crate) fn record(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    pub(crate) fn finish(self) -> Profile {
        Profile { nanoseconds: self.now(), events: self.events.into_inner() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, node: &str, start_ns: u64, end_ns: u64) -> Event {
        Event {
            name: kind.to_owned(),
            kind: kind.to_owned(),
            node: node.to_owned(),
            start_ns,
            end_ns,
            flops: 8,
            bytes: 3,
        }
    }

    #[test]
    fn events_are_taken_together() {
        let events = vec![
            event("Add", "a", 0, 10),
            event("MatMul", "b", 10, 80),
            event("Add", "c", 90, 110),
        ];
        let profile = Profile { events, nanoseconds: 120 };
        let kinds = profile.by_kind();
        let seen: Vec<_> = kinds.iter().map(|k| (k.name.as_str(), k.calls, k.flops)).collect();
        assert_eq!(seen, [("MatMul", 1, 8), ("Add", 2, 16)]);
        assert!((kinds[0].share - 0.7).abs() < 1e-12 && (kinds[1].seconds - 30e-9).abs() < 1e-18);
        assert_eq!(profile.by_node().len(), 3);
        assert_eq!((profile.flops(), profile.bytes()), (24, 9));
    }

    #[test]
    fn a_trace_is_in_microseconds() {
        let profile = Profile { events: vec![event("Add", "a\"b", 1500, 4000)], nanoseconds: 5000 };
        let trace: serde_json::Value = serde_json::from_str(&profile.trace()).expect("JSON");
        let seen = &trace["traceEvents"][0];
        assert_eq!(
            (&seen["ph"], &seen["ts"], &seen["dur"]),
            (&"X".into(), &1.5.into(), &2.5.into())
        );
        assert_eq!((&seen["tid"], &seen["args"]["node"]), (&0.into(), &"a\"b".into()));
    }
}
