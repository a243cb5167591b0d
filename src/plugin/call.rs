//! What stands behind a `PeftcCtx`: one call into a plugin, and how host functions fail.

use super::run::Run;
use crate::error::Error;
use peftc_abi::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One call into a plugin: its entry, or a run of a pass.
#[derive(Default)]
pub(super) struct Call<'a> {
    /// Why the last host function failed, or what the plugin said.
    pub(super) failure: Option<Failure>,
    /// The run; none while the entry is called.
    pub(super) run: Option<Run<'a>>,
}

/// Why a host function fails.
pub(super) struct Failure {
    pub(super) status: PeftcStatus,
    pub(super) error: Error,
}

/// How a host function ends.
pub(super) enum Ended {
    /// With a reason, which is recorded.
    Failed(Failure),
    /// What was asked for is not set, which is no failure.
    Absent,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Failure { status: PEFTC_INVALID, error }.into()
    }
}

/// The end of a host function whose arguments are wrong.
pub(super) fn invalid(message: impl Into<String>) -> Ended {
    Error::input(message).into()
}

/// The end of a host function that does not find what it was asked for.
pub(super) fn not_found(error: Error) -> Ended {
    Failure { status: PEFTC_NOT_FOUND, error }.into()
}

impl<'a> Call<'a> {
    pub(super) fn as_ctx(&mut self) -> *mut PeftcCtx {
        std::ptr::from_mut(self).cast()
    }

    fn end(&mut self, ended: Ended) -> PeftcStatus {
        match ended {
            Ended::Absent => PEFTC_NOT_FOUND,
            Ended::Failed(failure) => {
                let status = failure.status;
                self.failure = Some(failure);
                status
            }
        }
    }
}

/// The call behind a context.
///
/// # Safety
/// `ctx` is the one the host gave the plugin for this call, on this thread, and no other host
/// function of it is running.
pub(super) unsafe fn call<'a>(ctx: *mut PeftcCtx) -> &'a mut Call<'a> {
    // SAFETY: `as_ctx` made it from a `Call` that outlives the call into the plugin.
    unsafe { &mut *ctx.cast::<Call<'a>>() }
}

/// Runs the body of a host function: no panic leaves it, and its failure is recorded.
///
/// # Safety
/// As [`call`].
pub(super) unsafe fn host_call<'a>(
    ctx: *mut PeftcCtx,
    body: impl FnOnce(&mut Run<'a>) -> Result<(), Ended>,
) -> PeftcStatus {
    // SAFETY: forwarded.
    let call: &'a mut Call<'a> = unsafe { call(ctx) };
    let ended = match &mut call.run {
        None => Err(invalid("this host function cannot be called from the plugin's entry")),
        Some(run) => catch_unwind(AssertUnwindSafe(|| body(run)))
            .unwrap_or_else(|panic| Err(Error::bug(panic_message(&*panic)).into())),
    };
    match ended {
        Ok(()) => PEFTC_OK,
        Err(ended) => call.end(ended),
    }
}

pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    format!("a host function panicked: {text}")
}

/// A string the plugin passed in.
///
/// # Safety
/// `text` is as the ABI says: `len` readable bytes at `ptr`.
pub(super) unsafe fn text<'a>(text: PeftcStr) -> Result<&'a str, Ended> {
    // SAFETY: forwarded.
    let bytes = unsafe { slice(text.ptr, text.len) }?;
    std::str::from_utf8(bytes).map_err(|e| invalid(format!("a string is not UTF-8: {e}")))
}

/// An array the plugin passed in.
///
/// # Safety
/// `len` readable, initialized items at `ptr`, which nobody changes while the result is used.
pub(super) unsafe fn slice<'a, T>(ptr: *const T, len: usize) -> Result<&'a [T], Ended> {
    if len == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() || !ptr.is_aligned() || len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(invalid(format!("an array of {len} items at {ptr:?} cannot be read")));
    }
    // SAFETY: the pointer is not null, aligned and not too long; the rest is forwarded.
    Ok(unsafe { std::slice::from_raw_parts(ptr, len) })
}

/// A struct the plugin passed in.
///
/// # Safety
/// `ptr` leads to an initialized `T`, or is null.
pub(super) unsafe fn by_ref<'a, T>(ptr: *const T) -> Result<&'a T, Ended> {
    // SAFETY: forwarded.
    unsafe { slice(ptr, 1) }.map(|items| &items[0])
}

/// Writes an out parameter.
///
/// # Safety
/// `out` leads to memory for a `T`, or is null.
pub(super) unsafe fn give<T>(out: *mut T, value: T) -> Result<(), Ended> {
    if out.is_null() || !out.is_aligned() {
        return Err(invalid("an out parameter is null or misaligned"));
    }
    // SAFETY: not null and aligned; the rest is forwarded.
    unsafe { out.write(value) };
    Ok(())
}
