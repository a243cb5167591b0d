//! What the machine can do at most: arithmetic and memory, measured.

use super::gemm::{Loop, Tiles, Vector};
use serde::Serialize;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The shortest time that a rate is taken over.
const WINDOW: Duration = Duration::from_millis(10);
/// Windows, of which the best counts: others may want the machine too.
const WINDOWS: usize = 3;
/// Vectors that are multiplied and added to side by side: more than are under way at once.
const CHAINS: usize = 12;
/// Rounds over these, in one go.
const STEPS: usize = 20_000;

/// Rates that threads reach together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ceiling {
    /// Threads that run side by side.
    pub threads: usize,
    /// 10⁹ floating-point operations a second in float32, with the widest vectors of the
    /// processor; a multiplication with an addition is two.
    pub gflops: f64,
    /// Reading memory, in 10⁹ bytes a second.
    pub read: f64,
    /// Copying memory, in 10⁹ bytes that are read or written a second.
    pub copy: f64,
}

/// Measures for these numbers of threads, which share `bytes` of memory: what fits a cache is in
/// there. Takes some 0.1 s for each, and the time to fill the memory.
pub fn measure(threads: &[usize], bytes: usize) -> Vec<Ceiling> {
    const LEAST: usize = 4096;
    let mut memory = vec![1u64; (bytes / 8).max(LEAST)];
    let mut ceiling = |threads: usize| Ceiling {
        threads,
        gflops: best(&mut memory, threads, &|_| multiply_add()),
        read: best(&mut memory, threads, &read),
        copy: best(&mut memory, threads, &copy),
    };
    threads.iter().map(|&threads| ceiling(threads.max(1))).collect()
}

/// The rate of threads that each do some work on their share of memory, which says its amount,
/// in 10⁹ a second.
fn best(memory: &mut [u64], threads: usize, work: &(dyn Fn(&mut [u64]) -> f64 + Sync)) -> f64 {
    (0..WINDOWS).map(|_| window(memory, threads, work)).fold(0.0, f64::max) / 1e9
}

fn window(memory: &mut [u64], threads: usize, work: &(dyn Fn(&mut [u64]) -> f64 + Sync)) -> f64 {
    let share = memory.len().div_ceil(threads);
    let barrier = Barrier::new(memory.len().div_ceil(share));
    let rate = |words: &mut [u64]| {
        barrier.wait();
        let (start, mut amount) = (Instant::now(), 0.0);
        while start.elapsed() < WINDOW {
            amount += work(words);
        }
        amount / start.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let started: Vec<_> =
            memory.chunks_mut(share).map(|words| scope.spawn(|| rate(words))).collect();
        started.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    })
}

fn read(words: &mut [u64]) -> f64 {
    // SAFETY: the set is this processor's.
    black_box(unsafe { Tiles::native().set.run(Combine(words)) });
    size_of_val(words) as f64
}

fn copy(words: &mut [u64]) -> f64 {
    let (from, to) = words.split_at_mut(words.len() / 2);
    to[..from.len()].copy_from_slice(from);
    black_box(&to);
    2.0 * size_of_val(from) as f64
}

fn multiply_add() -> f64 {
    // SAFETY: the set is this processor's.
    unsafe { Tiles::native().set.run(MultiplyAdd) as f64 }
}

/// Reads words.
struct Combine<'a>(&'a [u64]);

impl Loop for Combine<'_> {
    type Output = u64;

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) -> u64 {
        self.0.iter().fold(0, |all, word| all ^ word)
    }
}

/// `STEPS` rounds of x ← x·a + b; gives how many operations these are.
struct MultiplyAdd;

impl Loop for MultiplyAdd {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<V: Vector, const L: usize>(self) -> usize {
        // SAFETY: as the caller says.
        unsafe {
            let (a, b) = (V::splat(black_box(0.5)), V::splat(black_box(0.5)));
            let mut chains = [a; CHAINS];
            for _ in 0..STEPS {
                for x in &mut chains {
                    *x = x.mul_add(a, b);
                }
            }
            black_box(chains);
        }
        2 * STEPS * CHAINS * L
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_threads_that_were_asked_for() {
        let ceilings = measure(&[1, 2], 1 << 20);
        assert_eq!(ceilings.iter().map(|c| c.threads).collect::<Vec<_>>(), [1, 2]);
        for ceiling in ceilings {
            for rate in [ceiling.gflops, ceiling.read, ceiling.copy] {
                assert!(rate.is_finite() && rate > 0.0, "{ceiling:?}");
            }
        }
    }
}
