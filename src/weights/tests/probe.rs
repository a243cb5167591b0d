//! Tasks that run for what they measure alone.

use super::kinds::{Function, hash_bytes};
use super::*;
use crate::weights::{Fold, TaskArgs, TaskContext};
use std::sync::atomic::AtomicUsize;

const U8: DataType = DataType::U8;

/// Adds 1 to every byte of its only source, and counts its calls.
fn add_one(axes: u32, calls: &Arc<AtomicUsize>) -> Arc<impl TaskKind + 'static> {
    let calls = calls.clone();
    let run = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        calls.fetch_add(1, Ordering::Relaxed);
        for (to, from) in args.results[0].data.iter_mut().zip(args.sources[0].data) {
            *to = from.wrapping_add(1);
        }
        Ok(())
    };
    Arc::new(Function { axes, run })
}

/// Measures the sum of its first source and the largest byte of its second, which is whole.
fn probe() -> Arc<impl TaskKind + 'static> {
    let run = |context: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        let sum = args.sources[0].data.iter().map(|&b| f64::from(b) / 3.0).sum();
        context.measure("thirds", Fold::Sum, sum);
        let largest = args.sources[1].data.iter().max().copied().unwrap_or(0);
        context.measure("largest", Fold::Max, f64::from(largest));
        Ok(())
    };
    Arc::new(Function { axes: 1, run })
}

/// Task 0 and, of its result, task 1, of 64 rows of 4 bytes; and a probe of both.
fn probed(axes: u32, calls: &Arc<AtomicUsize>) -> Plan {
    let kind = add_one(axes, calls);
    let shape = || vec![(U8, vec![64, 4])];
    let mut plan = Plan::default();
    let source = data(U8, &[64, 4], hash_bytes(256, 1), &[Some(0)]);
    plan.add(task("first", &kind, vec![source], shape())).unwrap();
    let source = pending(&plan, 0, 0, &[Some(0)]);
    plan.add(task("second", &kind, vec![source], shape())).unwrap();
    let sources = vec![pending(&plan, 0, 0, &[Some(0)]), pending(&plan, 1, 0, &[])];
    plan.add_probe(task("probe", &probe(), sources, vec![(U8, vec![64])])).unwrap();
    plan
}

#[test]
fn a_probe_measures_what_is_placed_and_what_leads_to_it() {
    let bytes: Vec<u8> = hash_bytes(256, 1).iter().map(|b| b.wrapping_add(1)).collect();
    let largest = bytes.iter().map(|b| b.wrapping_add(1)).max().unwrap();
    let mut first = None;
    for (threads, memory) in [(1, 0), (8, 1 << 20)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let folder = tempfile::tempdir().unwrap();
        // Nothing can be kept there: what is placed is read from where it is.
        let context = context(threads, memory).with_scratch_folder(&folder.path().join("missing"));
        let plan = probed(1, &calls);
        let (found, written, measures) = run_into_file(&plan, &[(1, 0)], &context, 16).unwrap();
        assert!(found[3..].iter().zip(&bytes).all(|(f, b)| *f == b.wrapping_add(1)));
        assert_eq!(written, 256);
        // The first task once more for the probe, the second once.
        assert_eq!(calls.load(Ordering::Relaxed), 16 + 16 + 16);
        let sum = measures.get("probe", "thirds").unwrap();
        let expected = bytes.iter().map(|&b| f64::from(b)).sum::<f64>() / 3.0;
        assert!((sum - expected).abs() < 1e-9);
        assert_eq!(measures.get("probe", "largest"), Some(f64::from(largest)));
        assert_eq!(*first.get_or_insert(sum.to_bits()), sum.to_bits());
    }
}

#[test]
fn a_probe_of_what_is_not_placed_does_not_run() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut plan = probed(1, &calls);
    let kind = add_one(1, &calls);
    let source = data(U8, &[4, 4], hash_bytes(16, 1), &[Some(0)]);
    plan.add(task("other", &kind, vec![source], vec![(U8, vec![4, 4])])).unwrap();
    let source = data(U8, &[4, 4], hash_bytes(16, 1), &[Some(0)]);
    plan.add_probe(task("alone", &probe(), vec![source.clone(), source], vec![(U8, vec![4])]))
        .unwrap();
    let (.., measures) = run_into_file(&plan, &[(3, 0)], &context(2, 1000), 16).unwrap();
    assert_eq!(measures.get("probe", "thirds"), None);
    assert!(measures.get("alone", "thirds").is_some());
}
