//! What is in memory at once, and what is kept on disk.

use super::kinds::Function;
use super::*;
use crate::error::ErrorKind;
use crate::weights::{TaskArgs, TaskContext};
use std::path::PathBuf;

const U8: DataType = DataType::U8;
const F32: DataType = DataType::F32;

/// Bytes of results that exist now, and the most there ever were.
#[derive(Default)]
struct Live {
    now: AtomicU64,
    most: AtomicU64,
    calls: AtomicU64,
}

impl Live {
    fn made(&self, args: &TaskArgs<'_>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let bytes = args.results.iter().map(|result| result.data.len() as u64).sum::<u64>();
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn gone(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A matrix of ones that knows what of it exists.
fn matrix(axes: u32, live: &Arc<Live>) -> Arc<impl TaskKind + 'static> {
    let live = live.clone();
    let run = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        live.made(args);
        args.results[0]
            .data
            .chunks_exact_mut(4)
            .for_each(|f| f.copy_from_slice(&1f32.to_le_bytes()));
        Ok(())
    };
    Arc::new(Function { axes, run })
}

/// The sums of the rows of its source, wrapped to a byte, and as f32.
fn row_sums(axes: u32, live: &Arc<Live>, is_chained: bool) -> Arc<impl TaskKind + 'static> {
    let live = live.clone();
    let run = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        live.made(args);
        let rows = args.sources[0].dims[0] as usize;
        assert_eq!(args.results[0].dims, [rows as i64]);
        let row_bytes = args.sources[0].data.len() / rows;
        for (i, row) in args.sources[0].data.chunks(row_bytes).enumerate() {
            let floats = row.chunks_exact(4).map(|f| f32::from_le_bytes(f.try_into().unwrap()));
            args.results[0].data[i * 4..][..4].copy_from_slice(&floats.sum::<f32>().to_le_bytes());
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
        live.gone(args.results[0].data.len() as u64);
        if is_chained {
            live.gone(args.sources[0].data.len() as u64);
        }
        Ok(())
    };
    Arc::new(Function { axes, run })
}

#[test]
fn a_chain_never_has_the_whole_matrix_in_memory() {
    for (threads, memory, most) in [(1, 0, 66_000), (8, 150_000, 150_000), (8, 400_000, 400_000)] {
        let live = Arc::new(Live::default());
        let mut plan = Plan::default();
        let merged = task("merged", &matrix(0b11, &live), vec![], vec![(F32, vec![4096, 256])]);
        plan.add(merged).unwrap();
        let source = pending(&plan, 0, 0, &[Some(0)]);
        let sums = task("sums", &row_sums(1, &live, true), vec![source], vec![(F32, vec![4096])]);
        plan.add(sums).unwrap();
        let (found, ..) =
            run_into_file(&plan, &[(1, 0)], &context(threads, memory), 65_536).unwrap();
        assert!(found[3..].chunks(4).all(|sum| *sum == 256f32.to_le_bytes()));
        assert_eq!(live.calls.load(Ordering::Relaxed), 2 * 64);
        assert!(live.most.load(Ordering::Relaxed) <= most, "{:?}", live.most);
    }
}

#[test]
fn a_region_over_the_budget_runs_alone() {
    let live = Arc::new(Live::default());
    let seen = live.clone();
    let run = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        seen.made(args);
        std::thread::sleep(std::time::Duration::from_micros(500));
        seen.gone(args.results[0].data.len() as u64);
        Ok(())
    };
    let kind = Arc::new(Function { axes: 1, run });
    let mut plan = Plan::default();
    plan.add(task("t", &kind, vec![], vec![(U8, vec![50, 1000])])).unwrap();
    run_into_file(&plan, &[(0, 0)], &context(8, 999), 1000).unwrap();
    assert_eq!(live.most.load(Ordering::Relaxed), 1000);
    run_into_file(&plan, &[(0, 0)], &context(8, 3999), 1000).unwrap();
    assert!(live.most.load(Ordering::Relaxed) <= 3000);
}

/// Double quantization: the mean of what a chain computes, and a task that needs the mean.
/// Task 0 is the matrix, 1 the sums of its rows, 2 the mean of these (whole), 3 the sums
/// relative to the mean.
fn double(live: &Arc<Live>, folder: PathBuf) -> Plan {
    let mut plan = Plan::default();
    let merged = task("merged", &matrix(1, live), vec![], vec![(F32, vec![64, 16])]);
    plan.add(merged).unwrap();
    let source = pending(&plan, 0, 0, &[Some(0)]);
    plan.add(task("sums", &row_sums(1, live, true), vec![source], vec![(F32, vec![64])])).unwrap();
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks(4).map(|f| f32::from_le_bytes(f.try_into().unwrap())).collect()
    };
    let mean = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        let sums = floats(args.sources[0].data);
        let mean = sums.iter().sum::<f32>() / sums.len() as f32;
        args.results[0].data.copy_from_slice(&mean.to_le_bytes());
        Ok(())
    };
    let source = pending(&plan, 1, 0, &[]);
    let kind = Arc::new(Function { axes: 0, run: mean });
    plan.add(task("mean", &kind, vec![source], vec![(F32, vec![])])).unwrap();
    let relative = move |_: &dyn TaskContext, args: &mut TaskArgs<'_>| {
        let mean = floats(args.sources[1].data)[0];
        for (i, sum) in floats(args.sources[0].data).into_iter().enumerate() {
            args.results[0].data[i * 4..][..4].copy_from_slice(&(sum / mean).to_le_bytes());
        }
        Ok(())
    };
    let sources = vec![pending(&plan, 1, 0, &[Some(0)]), pending(&plan, 2, 0, &[])];
    let kind = Arc::new(Function { axes: 1, run: relative });
    plan.add(task("relative", &kind, sources, vec![(F32, vec![64])])).unwrap();
    plan
}

#[test]
fn what_is_kept_for_one_reader_is_read_back_by_all() {
    for (threads, memory) in [(1, 0), (8, 1 << 20)] {
        let folder = tempfile::tempdir().unwrap();
        let live = Arc::new(Live::default());
        let plan = double(&live, folder.path().to_owned());
        let context = context(threads, memory).with_scratch_folder(folder.path());
        for placed in [&[(3, 0), (1, 0)][..], &[(1, 0), (3, 0)], &[(3, 0)]] {
            live.calls.store(0, Ordering::Relaxed);
            let (found, ..) = run_into_file(&plan, placed, &context, 256).unwrap();
            for (at, (task, _)) in found.chunks(3 + 256).zip(placed) {
                let value = if *task == 3 { 1f32 } else { 16f32 };
                assert!(at[3..].chunks(4).all(|f| *f == value.to_le_bytes()));
            }
            // 16 regions of the matrix and of the sums, once each.
            assert_eq!(live.calls.load(Ordering::Relaxed), 32);
        }
    }
}

#[test]
fn a_source_that_its_task_cannot_split_is_kept() {
    let live = Arc::new(Live::default());
    let mut plan = Plan::default();
    plan.add(task("whole", &matrix(0, &live), vec![], vec![(F32, vec![64, 16])])).unwrap();
    let source = pending(&plan, 0, 0, &[Some(0)]);
    plan.add(task("sums", &row_sums(1, &live, false), vec![source], vec![(F32, vec![64])]))
        .unwrap();
    let (found, ..) = run_into_file(&plan, &[(1, 0)], &context(4, 100), 256).unwrap();
    assert!(found[3..].chunks(4).all(|f| *f == 16f32.to_le_bytes()));
    assert_eq!(live.calls.load(Ordering::Relaxed), 1 + 16);
}

#[test]
fn a_missing_scratch_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let live = Arc::new(Live::default());
    let plan = double(&live, folder.path().to_owned());
    let context = context(2, 1 << 20).with_scratch_folder(&missing);
    let error = run_into_file(&plan, &[(3, 0)], &context, 256).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Environment);
    let expected = format!("{}: cannot make a temporary file: ", missing.display());
    assert!(error.message().starts_with(&expected), "{error}");
}

#[test]
fn kept_files_go_with_their_last_reader() {
    let kept = crate::weights::keep::Kept::new(2, None);
    let file = kept.file(&std::env::temp_dir()).unwrap().unwrap();
    (&*file).write_all(b"abc").unwrap();
    assert_eq!(kept.bytes().unwrap_err().kind(), ErrorKind::Bug);
    kept.close(3).unwrap();
    kept.release();
    assert_eq!(kept.bytes().unwrap(), "abc");
    kept.release();
    assert_eq!(kept.bytes().unwrap_err().kind(), ErrorKind::Bug);
}
