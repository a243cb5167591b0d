//! Task kinds of plugins as the task kinds of the weights engine.

use super::call::{panic_message, text};
use crate::error::{Error, Result};
use crate::weights::{Fold, TaskArgs, TaskContext, TaskKind};
use peftc_abi::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A task kind of a plugin.
pub(super) struct PluginTaskKind {
    name: String,
    origin: String,
    split_axes: u32,
    run: PeftcTaskRun,
}

impl PluginTaskKind {
    pub(super) fn new(name: String, origin: String, split_axes: u32, run: PeftcTaskRun) -> Self {
        Self { name, origin, split_axes, run }
    }
}

impl TaskKind for PluginTaskKind {
    fn name(&self) -> &str {
        &self.name
    }

    fn split_axes(&self) -> u32 {
        self.split_axes
    }

    fn run(&self, context: &dyn TaskContext, args: &mut TaskArgs<'_>) -> Result<()> {
        let sources: Vec<_> = args
            .sources
            .iter()
            .map(|view| PeftcTensor {
                data: view.data.as_ptr(),
                byte_len: view.data.len(),
                dims: view.dims.as_ptr(),
                rank: view.dims.len() as u32,
                dtype: view.dtype.to_onnx(),
            })
            .collect();
        let results: Vec<_> = args
            .results
            .iter_mut()
            .map(|view| PeftcTensorMut {
                data: view.data.as_mut_ptr(),
                byte_len: view.data.len(),
                dims: view.dims.as_ptr(),
                rank: view.dims.len() as u32,
                dtype: view.dtype.to_onnx(),
            })
            .collect();
        let args = PeftcTaskArgs {
            params: args.params.as_ptr(),
            params_len: args.params.len(),
            axis: args.axis as u32,
            reserved: 0,
            start: args.start,
            end: args.end,
            sources: sources.as_ptr(),
            source_count: sources.len(),
            results: results.as_ptr(),
            result_count: results.len(),
        };
        let mut call = TaskCall { context, failure: None };
        let ctx = std::ptr::from_mut(&mut call).cast::<PeftcCtx>();
        // SAFETY: the function is as the ABI says; all arguments outlive the call, and the
        // result views are writable and not aliased.
        let status = unsafe { (self.run)(&raw const TASK_HOST, ctx, &raw const args) };
        match status {
            PEFTC_OK => Ok(()),
            PEFTC_CANCELLED => Err(Error::interrupted()),
            _ => {
                let what = call
                    .failure
                    .unwrap_or_else(|| format!("failed with status {status} and did not say why"));
                Err(match status {
                    PEFTC_PANIC => Error::bug(what),
                    _ => Error::input(what),
                }
                .within(&self.origin))
            }
        }
    }
}

/// What stands behind the `PeftcCtx` of a task call.
struct TaskCall<'a> {
    context: &'a dyn TaskContext,
    failure: Option<String>,
}

static TASK_HOST: PeftcTaskHost = PeftcTaskHost {
    struct_size: size_of::<PeftcTaskHost>() as u32,
    abi_minor: PEFTC_ABI_MINOR,
    fail,
    cancelled,
    measure,
};

/// Runs the body of a task host function; a panic becomes the task's failure.
///
/// # Safety
/// `ctx` is the one this task call was given, on its thread.
unsafe fn with<T>(
    ctx: *mut PeftcCtx,
    otherwise: T,
    body: impl FnOnce(&mut TaskCall<'_>) -> T,
) -> T {
    // SAFETY: `run` made it from a `TaskCall` that outlives the call.
    let call = unsafe { &mut *ctx.cast::<TaskCall<'_>>() };
    catch_unwind(AssertUnwindSafe(|| body(call))).unwrap_or_else(|panic| {
        call.failure = Some(panic_message(&*panic));
        otherwise
    })
}

unsafe extern "C" fn fail(ctx: *mut PeftcCtx, code: PeftcStatus, message: PeftcStr) -> PeftcStatus {
    // SAFETY: forwarded.
    unsafe {
        with(ctx, code, |call| {
            call.failure = Some(text(message).unwrap_or("a message that is not UTF-8").to_owned());
            code
        })
    }
}

unsafe extern "C" fn cancelled(ctx: *mut PeftcCtx) -> i32 {
    // SAFETY: forwarded.
    unsafe { with(ctx, 1, |call| i32::from(call.context.is_cancelled())) }
}

unsafe extern "C" fn measure(ctx: *mut PeftcCtx, name: PeftcStr, fold: u32, value: f64) {
    // SAFETY: forwarded.
    unsafe {
        with(ctx, (), |call| {
            if let Ok(name) = text(name) {
                let fold = if fold == PEFTC_MAX { Fold::Max } else { Fold::Sum };
                call.context.measure(name, fold, value);
            }
        });
    }
}
