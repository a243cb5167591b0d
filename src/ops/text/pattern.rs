//! Regular expressions of RE2.

use super::utf8;
use crate::error::{Error, Result};
use crate::ops::elements::strings;
use crate::ops::numbers::of_bools;
use crate::ops::{Call, Value};

pub(super) fn full_match(call: &Call<'_>) -> Result<Vec<Value>> {
    let x = call.input(0)?;
    let pattern = call.string("pattern")?;
    let wrong = |e: regex::Error| Error::input(format!("the pattern {pattern:?}: {e}"));
    // Alone too, so that no bracket of it closes the group around it.
    let own = of_re2(&pattern);
    regex::Regex::new(&own).map_err(wrong)?;
    let regex = regex::Regex::new(&format!(r"\A(?:{own})\z")).map_err(wrong)?;
    let matches = |text| Ok(regex.is_match(utf8(text)?));
    let bools: Vec<bool> = strings(x)?.iter().map(|text| matches(text)).collect::<Result<_>>()?;
    Ok(vec![of_bools(&x.dims, &bools).into()])
}

/// A pattern of RE2 as one of the crate regex: Perl's classes are ASCII, and in a class `[`, `&`
/// and `~` stand for themselves.
fn of_re2(pattern: &str) -> String {
    let mut result = String::new();
    let mut is_class = false;
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let next = rest.next();
                match next {
                    Some('d') => result.push_str("[0-9]"),
                    Some('D') => result.push_str("[^0-9]"),
                    Some('s') => result.push_str(r"[\t\n\x0c\r ]"),
                    Some('S') => result.push_str(r"[^\t\n\x0c\r ]"),
                    Some('w') => result.push_str("[0-9A-Za-z_]"),
                    Some('W') => result.push_str("[^0-9A-Za-z_]"),
                    Some(c @ ('b' | 'B')) => result.push_str(&format!(r"(?-u:\{c})")),
                    _ => result.extend(std::iter::once('\\').chain(next)),
                }
            }
            '[' if is_class && rest.peek() == Some(&':') => {
                // A named class, up to its own end.
                result.push('[');
                for c in rest.by_ref() {
                    result.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' if is_class => result.extend(['\\', c]),
            '[' => {
                is_class = true;
                result.push('[');
                if rest.peek() == Some(&'^') {
                    result.extend(rest.next());
                }
                // A bracket that stands first does not close the class.
                if rest.peek() == Some(&']') {
                    result.push('\\');
                    result.extend(rest.next());
                }
            }
            ']' if is_class => {
                is_class = false;
                result.push(']');
            }
            _ => result.push(c),
        }
    }
    result
}
