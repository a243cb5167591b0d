//! What is wrong is found.

use super::{Launch, SEVERAL};
use crate::kernel::cases::{Case, files};
use crate::kernel::cuda::{Operand, Program, Register, Source, Step, lower, simulate};
use crate::kernel::{Type, parse};

/// A program of `tests/kernels`, and its first run.
fn program(name: &str) -> (Program, Case) {
    let (_, text) = files::all()
        .into_iter()
        .find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name))
        .expect("the kernel is there");
    let kernel = parse(&text).expect("a kernel");
    (lower(&kernel).expect("a right one"), files::runs(&text).remove(0))
}

fn error(program: &Program, case: &Case, launch: Launch, address: u64) -> Option<String> {
    let mut memory = case.memory.clone();
    let addresses = vec![address; memory.len()];
    simulate(program, launch, &case.given, &mut memory, &addresses).err()
}

/// Changes every statement, the inner ones first; how many were changed.
fn change(steps: &mut Vec<Step>, how: &mut dyn FnMut(&mut Step) -> bool) -> usize {
    let mut count = 0;
    for step in steps {
        if let Step::If { body, .. } | Step::Loop { body, .. } = step {
            count += change(body, how);
        }
        count += usize::from(how(step));
    }
    count
}

/// A boolean that has a value everywhere.
fn condition(program: &mut Program) -> Register {
    let (result, source) = (Register(program.registers.len() as u32), Source::Number(1.0));
    program.registers.push(Type::Bool);
    program.body.insert(0, Step::Set { result, source, is_again: false });
    result
}

#[test]
fn every_barrier_is_needed() {
    for name in ["softmax", "softmax_masked", "layer_norm", "rms_norm", "group_norm"] {
        let (whole, case) = program(name);
        let launch = Launch { blocks: 1, threads: 64 };
        assert_eq!(error(&whole, &case, launch, 256), None);
        let count = change(&mut whole.body.clone(), &mut |step| *step == Step::Barrier);
        assert!(count > 0, "{name}");
        for barrier in 0..count {
            let (mut program, mut at) = (whole.clone(), 0);
            let condition = condition(&mut program);
            change(&mut program.body, &mut |step| {
                let is_barrier = *step == Step::Barrier;
                if is_barrier && at == barrier {
                    *step = Step::If { condition, body: Vec::new() };
                }
                at += usize::from(is_barrier);
                is_barrier
            });
            let error = error(&program, &case, launch, 256);
            let error = error.unwrap_or_else(|| panic!("{name} needs no barrier {barrier}"));
            assert!(error.contains("by another"), "{error}");
        }
    }
}

#[test]
fn blocks_that_meet_are_found() {
    for name in ["softmax", "where"] {
        let (mut program, case) = program(name);
        change(&mut program.body, &mut |step| match step {
            Step::Set { source, .. } if *source == Source::Block => {
                *source = Source::Copy(Operand::Integer(0));
                true
            }
            _ => false,
        });
        let error = error(&program, &case, SEVERAL[1], 256).expect("they write the same");
        assert!(error.contains("of block 1 while it is written by another"), "{error}");
    }
}

#[test]
fn threads_that_part_are_found() {
    let (whole, case) = program("softmax");
    let alone = |wanted: &dyn Fn(&Step) -> bool| {
        let mut program = whole.clone();
        let mut condition = None;
        change(&mut program.body, &mut |step| {
            if let Step::If { condition: first, .. } = step {
                condition = Some(*first);
            }
            let is_wanted = condition.is_some() && wanted(step);
            if let Some(condition) = condition.filter(|_| is_wanted) {
                *step = Step::If { condition, body: vec![step.clone()] };
            }
            is_wanted
        });
        error(&program, &case, SEVERAL[1], 256).expect("they part")
    };
    let error = alone(&|step| *step == Step::Barrier);
    assert!(error.contains("threads alone at a barrier"), "{error}");
    let is_shuffle = |source: &Source| matches!(source, Source::Shuffle(..));
    let error = alone(&|step| matches!(step, Step::Set { source, .. } if is_shuffle(source)));
    assert!(error.contains("exchanges with others that are not there"), "{error}");
}

#[test]
fn wrong_places_are_found() {
    let (mut program, mut case) = program("where");
    change(&mut program.body, &mut |step| match step {
        Step::Set { source, .. } if matches!(source, Source::IsAligned(..)) => {
            *source = Source::Number(1.0);
            true
        }
        _ => false,
    });
    let error = |case: &Case, address| error(&program, case, SEVERAL[0], address);
    assert_eq!(error(&case, 256), None);
    let misaligned = error(&case, 4).expect("they are not");
    assert!(misaligned.contains("[0] is not aligned"), "{misaligned}");
    case.given[0] += 1;
    let outside = error(&case, 256).expect("there is no such element");
    assert!(outside.contains("[37] is outside of its 37 elements"), "{outside}");
}
