//! How things look in text reports.

use peftc::{Error, ErrorKind};

/// An error and what would be accepted.
pub(super) fn error(error: &Error) -> String {
    let label = match error.kind() {
        ErrorKind::Bug => "bug",
        _ => "error",
    };
    let mut text = format!("{label}: {}", error.message());
    for help in error.helps() {
        text += &format!("\n  {}", help.replace('\n', "\n  "));
    }
    if error.kind() == ErrorKind::Bug {
        text += "\n  this is a mistake of peftc or of a plugin, not of the input: please report it";
    }
    text
}

/// A count with thousands separators.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in a unit a person can read.
pub(super) fn bytes(n: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = "bytes";
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "bytes" { plural(n as usize, "byte") } else { format!("{value:.1} {unit}") }
}

/// A share in percent.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 };
    if share >= 10.0 { format!("{share:.1}%") } else { format!("{share:.2}%") }
}

/// A number with so many decimals, or digits where those would not show what it is.
pub(super) fn decimals(x: f64, count: usize) -> String {
    match x == 0.0 || (1e-3..1e6).contains(&x.abs()) {
        true => format!("{x:.count$}"),
        false => format!("{x:.count$e}"),
    }
}

/// `1 module`, `2 modules`.
pub(super) fn plural(n: usize, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n as u64))
}

/// Rows as columns, each as wide as its widest cell.
pub(super) fn table(rows: &[Vec<String>], indent: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| {
        rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &w)| format!("{cell:<w$}")).collect();
        text += &format!("{indent}{}\n", cells.join("  ").trim_end());
    }
    text
}

/// Items with commas between, behind a label, in lines of readable length; empty without items.
pub(super) fn wrapped(label: &str, items: &[String]) -> String {
    const INDENT: usize = 12;
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let item = if i + 1 < items.len() { format!("{item},") } else { item.clone() };
        match lines.last_mut() {
            Some(line) if INDENT + line.len() + 1 + item.len() <= WIDTH => {
                *line += &format!(" {item}");
            }
            _ => lines.push(item),
        }
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(lines).map(|(label, line)| format!("{label:<INDENT$}{line}\n")).collect()
}
