//! Order, errors, cancellation, measures and files.

use super::kinds::{Function, Mix, hash_bytes};
use super::*;
use crate::error::{Error, ErrorKind};
use crate::weights::{Fold, TaskArgs, TaskContext};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

const U8: DataType = DataType::U8;

/// Copies its only source, and adds 1 to every byte.
fn add_one(axes: u32) -> Arc<impl TaskKind + 'static> {
    let run = |context: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        assert_eq!(args.sources[0].dims, args.results[0].dims);
        for (to, from) in args.results[0].data.iter_mut().zip(args.sources[0].data) {
            *to = from.wrapping_add(1);
        }
        context.measure("bytes", Fold::Sum, args.sources[0].data.len() as f64);
        context.measure("calls", Fold::Sum, 1.0);
        Ok(())
    };
    Arc::new(Function { axes, run })
}

/// Eight rows of 4 bytes, each region a row.
fn rows(kind: &Arc<impl TaskKind + 'static>) -> Plan {
    let mut plan = Plan::default();
    let source = data(U8, &[8, 4], hash_bytes(32, 1), &[Some(0), Some(1)]);
    plan.add(task("rows", kind, vec![source], vec![(U8, vec![8, 4])])).unwrap();
    plan
}

#[test]
fn a_region_along_an_inner_axis_is_written_in_strides() {
    let kind = add_one(0b10);
    let plan = rows(&kind);
    let expected: Vec<u8> = hash_bytes(32, 1).iter().map(|b| b.wrapping_add(1)).collect();
    for region in [8, 16, 24, 1000] {
        let (found, written, measures) =
            run_into_file(&plan, &[(0, 0)], &context(2, 64), region).unwrap();
        assert_eq!(found[..3], [0xAA; 3]);
        assert_eq!(found[3..], expected);
        assert_eq!(written, 32);
        assert_eq!(measures.get("rows", "calls"), Some(4u64.div_ceil(region / 8) as f64));
        assert_eq!(measures.get("rows", "bytes"), Some(32.0));
    }
}

#[test]
fn regions_depend_on_shapes_and_kind_alone() {
    let calls = |threads, memory, axes, dims: &[i64], dtype, region| {
        let kind = Arc::new(Mix { axes, calls: Mutex::default() });
        let mut plan = Plan::default();
        plan.add(task("t", &kind, vec![], vec![(dtype, dims.to_vec())])).unwrap();
        run_into_file(&plan, &[(0, 0)], &context(threads, memory), region).unwrap();
        let mut calls = std::mem::take(&mut *kind.calls.lock().unwrap());
        calls.sort_unstable();
        calls
    };
    for (threads, memory) in [(1, 0), (1, 1 << 20), (4, 10), (8, 1 << 20)] {
        let calls =
            |axes, dims: &[i64], dtype, region| calls(threads, memory, axes, dims, dtype, region);
        assert_eq!(calls(1, &[7, 4], U8, 8), [(0, 0, 2), (0, 2, 4), (0, 4, 6), (0, 6, 7)]);
        assert_eq!(calls(3, &[2, 4], U8, 4), [(0, 0, 1), (0, 1, 2)]);
        assert_eq!(calls(3, &[1, 6, 2], U8, 4), [(1, 0, 2), (1, 2, 4), (1, 4, 6)]);
        assert_eq!(calls(2, &[3, 2], U8, 1), [(1, 0, 1), (1, 1, 2)]);
        assert_eq!(calls(0, &[3, 2], U8, 1), [(0, 0, 3)]);
        assert_eq!(calls(1, &[], U8, 1), [(0, 0, 1)]);
        assert_eq!(calls(1, &[0, 4], U8, 1), []);
        assert_eq!(calls(1, &[4, 3], DataType::U4, 2), [(0, 0, 2), (0, 2, 4)]);
        assert_eq!(calls(1, &[3, 3], DataType::U4, 2), [(0, 0, 2), (0, 2, 3)]);
        assert_eq!(calls(2, &[3, 3], DataType::U4, 2), [(0, 0, 3)]);
        assert_eq!(calls(2, &[3, 4], DataType::U4, 2), [(1, 0, 2), (1, 2, 4)]);
    }
}

#[test]
fn a_task_is_measured_once_however_often_it_is_computed() {
    let kind = add_one(1);
    let mut plan = rows(&kind);
    let chained = |plan: &Plan| pending(plan, 0, 0, &[Some(0)]);
    let second = task("second", &kind, vec![chained(&plan)], vec![(U8, vec![8, 4])]);
    plan.add(second).unwrap();
    let second = task("second", &kind, vec![chained(&plan)], vec![(U8, vec![8, 4])]);
    plan.add(second).unwrap();
    for (threads, memory) in [(1, 0), (8, 1000)] {
        let placed = [(1, 0), (0, 0), (2, 0)];
        let (found, _, measures) =
            run_into_file(&plan, &placed, &context(threads, memory), 4).unwrap();
        assert_eq!(found[3..35], found[3 + 2 * 35..]);
        for (label, bytes, calls) in [("rows", 32.0, 8.0), ("second", 64.0, 16.0)] {
            assert_eq!(measures.get(label, "bytes"), Some(bytes));
            assert_eq!(measures.get(label, "calls"), Some(calls));
        }
        assert_eq!(measures.iter().count(), 2);
    }
}

#[test]
fn the_first_error_in_the_order_of_the_file_wins() {
    for threads in 1..=8 {
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = calls.clone();
        let run = move |context: &dyn TaskContext, args: &mut TaskArgs<'_>| {
            seen.fetch_add(1, Ordering::Relaxed);
            // The later of the regions that fail, and those that run on, hurry the others.
            while args.start > 100 && !context.is_cancelled() {
                std::thread::yield_now();
            }
            match args.start {
                0..100 => Ok(()),
                start => Err(Error::input(format!("row {start} is not finite"))),
            }
        };
        let kind = Arc::new(Function { axes: 1, run });
        let mut plan = Plan::default();
        plan.add(task("h.0.attn", &kind, vec![], vec![(U8, vec![1000, 4])])).unwrap();
        let error = run_into_file(&plan, &[(0, 0)], &context(threads, 1000), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(error.message(), "h.0.attn (function): row 100 is not finite");
        assert!(calls.load(Ordering::Relaxed) <= 100 + threads);
    }
}

#[test]
fn cancellation_stops_between_regions() {
    for threads in [1, 4] {
        let context = context(threads, 1000);
        let calls = Arc::new(AtomicUsize::new(0));
        let (seen, cancel) = (calls.clone(), context.cancel().clone());
        let run = move |context: &dyn TaskContext, _: &mut TaskArgs<'_>| {
            if seen.fetch_add(1, Ordering::Relaxed) == 50 {
                cancel.cancel();
                assert!(context.is_cancelled());
            }
            Ok(())
        };
        let kind = Arc::new(Function { axes: 1, run });
        let mut plan = Plan::default();
        plan.add(task("t", &kind, vec![], vec![(U8, vec![1000, 4])])).unwrap();
        let error = run_into_file(&plan, &[(0, 0)], &context, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!(calls.load(Ordering::Relaxed) <= 51 + threads);
    }
}

#[test]
fn a_cancelled_task_that_fails_is_an_interruption() {
    let context = context(2, 1000);
    let cancel = context.cancel().clone();
    let run = move |_: &dyn TaskContext, _: &mut TaskArgs<'_>| {
        cancel.cancel();
        Err(Error::input("stopped half-way"))
    };
    let kind = Arc::new(Function { axes: 1, run });
    let mut plan = Plan::default();
    plan.add(task("t", &kind, vec![], vec![(U8, vec![4, 4])])).unwrap();
    let error = run_into_file(&plan, &[(0, 0)], &context, 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn a_panic_ends_the_run_instead_of_hanging_it() {
    let run = |_: &dyn TaskContext, args: &mut TaskArgs<'_>| -> Result<()> {
        assert!(args.start != 3, "row 3");
        Ok(())
    };
    let kind = Arc::new(Function { axes: 1, run });
    let mut plan = Plan::default();
    plan.add(task("t", &kind, vec![], vec![(U8, vec![100, 4])])).unwrap();
    let context = context(3, 4);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(run_into_file(&plan, &[(0, 0)], &context, 4));
    }));
    assert!(ended.is_err());
}

#[test]
fn a_kind_that_leaves_bytes_out_writes_zeros() {
    let kind =
        Arc::new(Function { axes: 1, run: |_: &dyn TaskContext, _: &mut TaskArgs<'_>| Ok(()) });
    let mut plan = Plan::default();
    plan.add(task("t", &kind, vec![], vec![(U8, vec![40, 4])])).unwrap();
    let (found, ..) = run_into_file(&plan, &[(0, 0)], &context(2, 100), 4).unwrap();
    assert_eq!(found[3..], [0; 160]);
}

#[test]
fn a_file_that_cannot_be_written_is_the_machines_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-only");
    std::fs::write(&path, [0; 8]).unwrap();
    let file = File::open(&path).unwrap();
    let plan = rows(&add_one(1));
    let placement = Placement { task: 0, result: 0, file: &file, offset: 0 };
    let error = crate::weights::run(&plan, &[placement], &context(2, 100), &|_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    let message = error.message();
    assert!(message.starts_with("rows (function): cannot write result 0: "), "{message}");
}

#[test]
fn a_result_that_no_memory_holds_is_an_error_at_once() {
    let kind =
        Arc::new(Function { axes: 0, run: |_: &dyn TaskContext, _: &mut TaskArgs<'_>| Ok(()) });
    let mut plan = Plan::default();
    plan.add(task("t", &kind, vec![], vec![(U8, vec![1 << 60])])).unwrap();
    let file = tempfile::tempfile().unwrap();
    let placement = Placement { task: 0, result: 0, file: &file, offset: 0 };
    let error = crate::weights::run(&plan, &[placement], &context(1, 100), &|_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    assert_eq!(
        error.message(),
        "t (function): not enough memory for 1152921504606846976 bytes at once"
    );
}
