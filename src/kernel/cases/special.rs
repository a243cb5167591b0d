//! Operations one by one, on numbers that are special.

use super::{Case, Run};
use crate::kernel::{Memory, OPERATIONS, Operation, Type};

/// Floats that are special in both types.
const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    -100.0,
    16777216.0,
    1e30,
    -9.3e18,
    9223372036854775808.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1.401298464324817e-45,
    1.1754943508222875e-38,
];

const INTEGERS: &[i64] =
    &[0, 1, -1, 2, -2, 7, -7, 16777217, 9007199254740993, i64::MAX, i64::MIN, i64::MIN + 1];

/// What the operation's specification leaves out.
fn is_said(operation: Operation, x: f64, y: f64) -> bool {
    match operation {
        Operation::Exponent | Operation::Mantissa => x.abs().is_normal() && x.abs() > 1e-37,
        Operation::Scale2 => y.fract() == 0.0 && y.abs() < 127.0,
        _ => true,
    }
}

fn all_of(ty: Type) -> Memory {
    match ty {
        Type::F32 => Memory::Floats(FLOATS.iter().map(|x| f64::from(*x as f32)).collect()),
        Type::F64 => Memory::Floats(FLOATS.to_vec()),
        Type::I64 => Memory::Integers(INTEGERS.to_vec()),
        Type::Bool => Memory::Integers(vec![0, 1]),
    }
}

/// Every combination of these arguments.
fn product(types: &[Type]) -> Vec<Memory> {
    let own: Vec<Memory> = types.iter().map(|ty| all_of(*ty)).collect();
    let total: usize = own.iter().map(Memory::len).product();
    let mut every = 1;
    let mut columns = Vec::new();
    for memory in &own {
        let at = |row: usize| row / every % memory.len();
        columns.push(match memory {
            Memory::Floats(all) => Memory::Floats((0..total).map(|row| all[at(row)]).collect()),
            Memory::Integers(all) => Memory::Integers((0..total).map(|row| all[at(row)]).collect()),
        });
        every *= memory.len();
    }
    columns
}

fn text(operation: Operation, types: &[Type], result: Type, kind: &str) -> String {
    let buffers: String =
        types.iter().enumerate().map(|(at, ty)| format!("x{at}: {}, ", ty.name())).collect();
    let loads: String = (0..types.len())
        .map(|at| format!("%{at}: {} = load x{at}[#0]\n", types[at].name()))
        .collect();
    let arguments: String = (0..types.len()).map(|at| format!("%{at} ")).collect();
    let (name, ty) = (operation.name(), result.name());
    format!(
        "kernel {name}(n) {buffers}out y: {ty} {{
           for {kind} #0 < n {{
             {loads}%9: {ty} = {name} {arguments}
             store y[#0] %9
           }}
         }}"
    )
}

fn at(memory: &Memory, row: usize) -> f64 {
    match memory {
        Memory::Floats(all) => all[row],
        Memory::Integers(all) => all[row] as f64,
    }
}

fn hold(operation: Operation, types: &[Type], result: Type, run: Run<'_>) {
    let mut memory = product(types);
    let n = memory[0].len();
    memory.push(match result.is_float() {
        true => Memory::Floats(vec![f64::NAN; n]),
        false => Memory::Integers(vec![1; n]),
    });
    for kind in ["sequence", "lane"] {
        let text = text(operation, types, result, kind);
        let case = Case::once(&text, &[n as i64], &memory);
        let [wanted, found] = run(&case).expect("runs");
        let last = types.len();
        for row in 0..n {
            let arguments: Vec<f64> = memory[..last].iter().map(|x| at(x, row)).collect();
            if !is_said(operation, arguments[0], *arguments.get(1).unwrap_or(&0.0)) {
                continue;
            }
            let same = match (&wanted[last], &found[last]) {
                (Memory::Floats(wanted), Memory::Floats(found)) => is_near(wanted[row], found[row]),
                (wanted, found) => match (wanted, found) {
                    (Memory::Integers(wanted), Memory::Integers(found)) => {
                        wanted[row] == found[row]
                    }
                    _ => false,
                },
            };
            let (wanted, found) = (at(&wanted[last], row), at(&found[last], row));
            assert!(same, "{text}{arguments:?}: {wanted} and not {found}");
        }
    }
}

fn is_near(wanted: f64, found: f64) -> bool {
    wanted.is_nan() && found.is_nan()
        || wanted == found && wanted.is_sign_negative() == found.is_sign_negative()
        || (wanted - found).abs() <= 1e-5 * wanted.abs() && wanted != 0.0
        || wanted != found && wanted.abs() < 1e-43 && found.abs() < 1e-43
}

/// Holds every operation on special numbers.
pub(crate) fn operations(run: Run<'_>) {
    for (operation, ..) in OPERATIONS {
        for ty in Type::ALL {
            for types in [vec![ty], vec![ty; 2], vec![ty; 3], vec![Type::Bool, ty, ty]] {
                // Select of booleans has the types of three alike.
                if let Ok(result) = operation.result(&types) {
                    hold(*operation, &types, result, run);
                }
            }
        }
    }
}

/// Holds booleans in lanes.
pub(crate) fn masks(run: Run<'_>) {
    let text = "\
kernel masks(n) a: f32, b: f32, flag: bool, out y: f32 {
  %0: bool = load flag[0]
  for lane #0 < n {
    %1: f32 = load a[#0]
    %2: f32 = load b[#0]
    %3: bool = less %1 %2
    %4: bool = less_equal %2 %1
    %5: bool = not %3
    %6: bool = equal %5 %4
    %7: bool = or %6 %0
    %8: bool = to_bool %1
    %9: bool = and %7 %8
    %10: bool = select %9 %3 %0
    %11: f32 = to_f32 %10
    %12: f32 = const 4.0
    %13: f32 = to_f32 %9
    %14: f32 = fma %12 %11 %13
    %15: f32 = select %0 %12 %14
    store y[#0] %15
  }
}";
    let memory = product(&[Type::F32, Type::F32]);
    let n = memory[0].len();
    for flag in [0, 1] {
        let mut memory = memory.clone();
        memory.extend([Memory::Integers(vec![flag]), Memory::Floats(vec![f64::NAN; n])]);
        let [wanted, found] = run(&Case::once(text, &[n as i64], &memory)).expect("runs");
        assert_eq!(wanted[3], found[3]);
    }
}

/// Holds that computed places outside are found in every lane.
pub(crate) fn places_outside(run: Run<'_>) {
    let text = "\
kernel gather(n) i: i64, table: f32, out y: f32 {
  %0: i64 = load i[0]
  for lane #0 < n {
    %1: f32 = load table[%0 + #0]
    store y[#0] %1
  }
}";
    for (row, n, len) in [(0, 8, 8), (1, 8, 8), (5, 4, 8), (-1, 4, 8), (0, 4, 0), (i64::MAX, 4, 8)]
    {
        let table = Memory::Floats((0..len).map(f64::from).collect());
        let y = Memory::Floats(vec![f64::NAN; n]);
        let memory = [Memory::Integers(vec![row]), table, y];
        let ran = run(&Case::once(text, &[n as i64], &memory));
        assert_eq!(ran.is_ok(), row == 0 && len > 0);
        if let Ok([wanted, found]) = ran {
            assert_eq!(wanted, found);
        }
    }
}
