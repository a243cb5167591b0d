//! Programs hold to the interpreter, and threads do not meet.

mod wrong;

use super::{Launch, Program, lower, simulate, text};
use crate::kernel::cases::{Case, drawn, files, rows, special};
use crate::kernel::{Memory, parse};
use proptest::prelude::*;

/// Simulates a launch of buffers that begin at multiples of so many bytes.
fn run(
    program: &Program,
    launch: Launch,
    case: &Case,
    address: u64,
) -> Result<Vec<Memory>, String> {
    let mut memory = case.memory.clone();
    let addresses = vec![address; memory.len()];
    let fault = simulate(program, launch, &case.given, &mut memory, &addresses);
    match fault.unwrap_or_else(|e| panic!("{e}\n{}{launch:?} {program:#?}", case.kernel)) {
        None => Ok(memory),
        Some(buffer) => Err(format!("{buffer:?} has no such place")),
    }
}

/// What the interpreter and the program make of memory.
fn both(case: &Case, launch: Launch, address: u64) -> Result<[Vec<Memory>; 2], String> {
    case.both(|kernel| run(&lower(kernel)?, launch, case, address))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn drawn_kernels_hold(
        draws in prop::collection::vec(any::<u32>(), 0..160),
        blocks in 1..5u32,
        warps in 1..4u32,
        address in prop::sample::select(vec![256, 8]),
    ) {
        let launch = Launch { blocks, threads: 32 * warps };
        drawn::hold(draws, &mut |case| both(case, launch, address));
    }

    #[test]
    fn drawn_rows_hold(
        draws in prop::collection::vec(any::<u32>(), 0..40),
        blocks in 1..3u32,
        warps in 1..4u32,
        address in prop::sample::select(vec![256, 8]),
    ) {
        let launch = Launch { blocks, threads: 32 * warps };
        rows::hold(draws, &mut |case| both(case, launch, address));
    }
}

const SEVERAL: [Launch; 2] = [Launch { blocks: 1, threads: 32 }, Launch { blocks: 3, threads: 64 }];

#[test]
fn kernels_of_files_hold() {
    for launch in SEVERAL {
        for address in [256, 4] {
            files::hold(&mut |case| both(case, launch, address));
        }
    }
    let most = Launch { blocks: 1, threads: 1024 };
    files::hold(&mut |case| both(case, most, 256));
}

#[test]
fn launches_suit_kernels() {
    files::hold(&mut |case| {
        case.both(|kernel| {
            let program = lower(kernel)?;
            run(&program, program.launch(&case.given), case, 256)
        })
    });
}

/// A file `NAME.cu` beside a kernel is what its text is, but for what all begin with.
#[test]
fn texts_are_as_they_were() {
    let is_blessed = std::env::var_os("PEFTC_BLESS").is_some();
    let mut count = 0;
    for (path, kernel) in files::all() {
        let path = path.with_extension("cu");
        let Ok(wanted) = std::fs::read_to_string(&path) else { continue };
        let kernel = parse(&kernel).expect("a kernel");
        let text = text(&kernel).expect("a right one");
        let found = text.find("extern \"C\"").map_or("", |at| &text[at..]);
        match is_blessed {
            true => std::fs::write(&path, found).expect("it can be written"),
            false => {
                assert!(wanted == found, "{}: (PEFTC_BLESS=1 accepts it)\n{found}", path.display())
            }
        }
        count += 1;
    }
    assert!(count > 1, "there are some");
}

#[test]
fn every_operation_holds_on_special_numbers() {
    special::operations(&mut |case| both(case, SEVERAL[0], 256));
}

#[test]
fn lanes_hold_with_masks() {
    for launch in SEVERAL {
        special::masks(&mut |case| both(case, launch, 256));
    }
}

#[test]
fn computed_places_outside_are_found_in_every_lane() {
    for launch in SEVERAL {
        special::places_outside(&mut |case| both(case, launch, 256));
    }
}
