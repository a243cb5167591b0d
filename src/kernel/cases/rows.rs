//! Kernels of rows that are drawn: several passes over a row, which exchange values through buffers.

use super::drawn::Draws;
use super::{Case, Run, parsed};
use crate::kernel::Memory;

const COLUMNS: &[i64] = &[0, 1, 4, 5, 32, 37, 64, 70, 136];

/// Buffers of a row for each pass of the grid; all but the first are written too.
const ROWS: &[&str] = &["x", "s", "t"];

/// Holds a drawn kernel.
pub(crate) fn hold(draws: Vec<u32>, run: Run<'_>) {
    let mut draws = Draws(draws.into_iter());
    let (rows, columns) = (1 + draws.below(3) as i64, *draws.of(COLUMNS));
    let is_looped = draws.below(3) == 0;
    let mut passes = String::new();
    for at in 0..1 + draws.below(6) {
        let pass = pass(&mut draws, at);
        // What a pass of another grid does is seen behind it.
        passes += &match !is_looped && draws.below(4) == 0 {
            true => format!("for grid #{} < 1 {{\n{pass}}}\n", 10 + at),
            false => pass,
        };
    }
    let body = match is_looped {
        true => format!("for sequence #1 < 3 {{\n{passes}}}\n"),
        false => passes,
    };
    let text = format!(
        "kernel rows(rows, columns, last) x: f32, out s: f32, out t: bf16, out m: f32 {{
for grid #0 < rows {{
{body}}}
}}
"
    );
    let floats = |len: i64| Memory::Floats((0..len).map(|at| (at * 7 % 23) as f64).collect());
    let len = rows * columns;
    let memory = vec![floats(len), floats(len), floats(len), floats(rows)];
    let given = vec![rows, columns, columns - 1];
    let case = Case { kernel: parsed(&text), given, memory, grid: Some(rows) };
    let [wanted, found] = run(&case).expect("no place is computed");
    case.assert_near(&wanted, &found);
}

/// A pass: lanes that store what they load elsewhere, or in the same place; that as well, folded; or a
/// number of the row that changes.
fn pass(draws: &mut Draws, at: usize) -> String {
    let (from, to) = (*draws.of(ROWS), *draws.of(&ROWS[1..]));
    let (axis, v) = (2 + at, 10 * at);
    let forward = format!("#0*columns + #{axis}");
    let is_backward = from != to && draws.below(2) == 0;
    let backward = format!("last + #0*columns + #{axis}*-1");
    let load =
        format!("%{v}: f32 = load {from}[{}]", if is_backward { &backward } else { &forward });
    let (one, two) = (v + 1, v + 2);
    match draws.below(4) {
        0 => format!(
            "for lane #{axis} < columns {{\n{load}\n%{one}: f32 = const 1.0
%{two}: f32 = add %{v} %{one}\nstore {to}[{forward}] %{two}\n}}\n"
        ),
        1 => format!(
            "fold lane #{axis} < columns {{\n{load}\nstore {to}[{forward}] %{v}
}} max %{v} -> %{one}: f32\nstore m[#0] %{one}\n"
        ),
        2 => format!(
            "%{v}: f32 = load m[#0]\n%{one}: f32 = const 0.5\n%{two}: f32 = mul %{v} %{one}
store m[#0] %{two}\n"
        ),
        _ => format!(
            "for lane #{axis} < columns {{\n{load}\n%{one}: f32 = load m[#0]
%{two}: f32 = min %{v} %{one}\nstore {to}[{forward}] %{two}\n}}\n"
        ),
    }
}
