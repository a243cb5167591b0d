//! Errors, notes and the report.

use crate::context::Level;
use crate::error::Error;
use crate::plugin::call::{Failure, by_ref, call, host_call, text};
use crate::plugin::run::{Note, Record};
use peftc_abi::*;
use std::ffi::c_void;

pub(super) unsafe extern "C" fn fail(
    ctx: *mut PeftcCtx,
    code: PeftcStatus,
    message: PeftcStr,
) -> PeftcStatus {
    // SAFETY: the plugin passes on the context it was given, and a string.
    let (call, message) = unsafe { (call(ctx), text(message)) };
    let message = message.unwrap_or("a message that is not UTF-8");
    let error = match code {
        PEFTC_PANIC => Error::bug(message),
        _ => Error::input(message),
    };
    call.failure = Some(Failure { status: code, error });
    code
}

pub(super) unsafe extern "C" fn note(
    ctx: *mut PeftcCtx,
    level: u32,
    about: PeftcNode,
    message: PeftcStr,
) {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let node = match about.raw {
                0 => String::new(),
                _ => run.op(about)?.1.name.clone(),
            };
            let level = if level == PEFTC_WARNING { Level::Warning } else { Level::Info };
            run.notes.push(Note { level, node, message: text(message)?.to_owned() });
            Ok(())
        });
    }
}

pub(super) unsafe extern "C" fn record(
    ctx: *mut PeftcCtx,
    record: *const PeftcRecord,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let record = by_ref(record)?;
            let target = match record.value.raw {
                0 => String::new(),
                _ => run.name_of(run.value_id(record.value)?),
            };
            run.records.push(Record {
                module: text(record.module)?.to_owned(),
                target,
                what: text(record.what)?.to_owned(),
                parameters: record.parameters,
                flops_per_token: record.flops_per_token,
            });
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn cancelled(ctx: *mut PeftcCtx) -> i32 {
    let mut cancelled = 0;
    // SAFETY: the plugin passes on the context it was given.
    unsafe {
        host_call(ctx, |run| {
            cancelled = i32::from(run.context.cancel().is_cancelled());
            Ok(())
        });
    }
    cancelled
}

pub(super) unsafe extern "C" fn experimental(_: *mut PeftcCtx, _: PeftcStr) -> *const c_void {
    std::ptr::null()
}
