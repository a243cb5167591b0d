//! The options of the pass.

use crate::plugin::call::{Ended, give, host_call, invalid, text};
use crate::plugin::run::Run;
use crate::recipe::OptionValue;
use peftc_abi::*;

/// The value of a declared option that `read` understands.
///
/// # Safety
/// As [`text`].
unsafe fn option<T>(
    run: &Run<'_>,
    key: PeftcStr,
    read: impl FnOnce(&OptionValue) -> Option<T>,
) -> Result<T, Ended> {
    // SAFETY: forwarded.
    let key = unsafe { text(key) }?;
    let value = run.options.get(key).ok_or(Ended::Absent)?;
    read(value).ok_or_else(|| invalid(format!("option {key:?} is declared as another type")))
}

pub(super) unsafe extern "C" fn option_bool(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut i32,
) -> PeftcStatus {
    let read = |value: &OptionValue| match value {
        OptionValue::Bool(b) => Some(i32::from(*b)),
        _ => None,
    };
    // SAFETY: as the ABI says of the arguments.
    unsafe { host_call(ctx, |run| give(out, option(run, key, read)?)) }
}

pub(super) unsafe extern "C" fn option_i64(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut i64,
) -> PeftcStatus {
    let read = |value: &OptionValue| match value {
        OptionValue::Int(i) => Some(*i),
        _ => None,
    };
    // SAFETY: as the ABI says of the arguments.
    unsafe { host_call(ctx, |run| give(out, option(run, key, read)?)) }
}

pub(super) unsafe extern "C" fn option_f64(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut f64,
) -> PeftcStatus {
    let read = |value: &OptionValue| match value {
        OptionValue::Float(f) => Some(*f),
        _ => None,
    };
    // SAFETY: as the ABI says of the arguments.
    unsafe { host_call(ctx, |run| give(out, option(run, key, read)?)) }
}

pub(super) unsafe extern "C" fn option_str(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut PeftcStr,
) -> PeftcStatus {
    let read = |value: &OptionValue| match value {
        OptionValue::String(s) => Some(PeftcStr::new(s)),
        _ => None,
    };
    // SAFETY: as the ABI says of the arguments; the options outlive the run.
    unsafe { host_call(ctx, |run| give(out, option(run, key, read)?)) }
}

pub(super) unsafe extern "C" fn option_list(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut *const PeftcStr,
    len: *mut usize,
) -> PeftcStatus {
    let read = |value: &OptionValue| match value {
        OptionValue::List(list) => Some(list.iter().map(|s| PeftcStr::new(s)).collect::<Vec<_>>()),
        _ => None,
    };
    // SAFETY: as the ABI says of the arguments; the options outlive the run.
    unsafe {
        host_call(ctx, |run| {
            let list = option(run, key, read)?;
            give(len, list.len())?;
            give(out, run.lend(list))
        })
    }
}
