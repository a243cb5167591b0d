use super::*;

fn counts(pool: &Pool, parts: usize) -> Vec<usize> {
    let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
    pool.run(parts, &|part| {
        counts[part].fetch_add(1, Ordering::Relaxed);
    });
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn each_part_is_done_once() {
    for threads in [0, 1, 2, 3, 7] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads.max(1));
        for round in 0..300 {
            let parts = round % 17;
            assert_eq!(counts(&pool, parts), vec![1; parts]);
            if round % 100 == 99 {
                std::thread::sleep(2 * SPIN);
            }
        }
    }
}

#[test]
fn calls_of_several_threads_and_from_within_do_their_work() {
    let pool = Pool::new(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(counts(&pool, 9), vec![1; 9])));
        }
    });
    let inner = AtomicUsize::new(0);
    pool.run(5, &|_| {
        inner.fetch_add(counts(&pool, 6).len(), Ordering::Relaxed);
    });
    assert_eq!(inner.into_inner(), 30);
}

#[test]
fn a_panic_reaches_the_caller_after_all_is_done() {
    for threads in [1, 3] {
        let pool = Pool::new(threads);
        let done = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(20, &|part| {
                assert!(part != 19, "part nineteen");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }));
        let panic = result.expect_err("it panicked");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"part nineteen"));
        assert_eq!(done.into_inner(), 19);
        assert_eq!(counts(&pool, 9), vec![1; 9]);
    }
}
