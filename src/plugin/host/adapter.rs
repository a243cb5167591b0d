//! The adapter's tensors and configuration.

use crate::adapter::Adapter;
use crate::error::Error;
use crate::plugin::call::{Ended, give, host_call, invalid, not_found, text};
use crate::plugin::run::Run;
use peftc_abi::*;
use serde_json::Value;

impl<'a> Run<'a> {
    pub(super) fn require_adapter(&self) -> Result<&'a Adapter, Ended> {
        self.adapter.ok_or_else(|| invalid("the recipe names no adapter"))
    }

    /// A tensor of the adapter, which from now on counts as used.
    pub(super) fn use_adapter_tensor(
        &mut self,
        name: &str,
    ) -> Result<&'a crate::ir::Tensor, Ended> {
        let adapter = self.require_adapter()?;
        let tensor = adapter.tensor(name).ok_or_else(|| {
            let error = Error::input(format!("the adapter has no tensor {name:?}"));
            let near = crate::error::near(name, adapter.tensor_names(), 3);
            not_found(near.iter().fold(error, |e, n| e.help(format!("it has {n:?}"))))
        })?;
        self.used.insert(name.to_owned());
        Ok(tensor)
    }
}

pub(super) unsafe extern "C" fn has_adapter(ctx: *mut PeftcCtx) -> i32 {
    let mut has = 0;
    // SAFETY: the plugin passes on the context it was given.
    unsafe {
        host_call(ctx, |run| {
            has = i32::from(run.adapter.is_some());
            Ok(())
        });
    }
    has
}

pub(super) unsafe extern "C" fn adapter_tensor_count(ctx: *mut PeftcCtx) -> usize {
    let mut count = 0;
    // SAFETY: the plugin passes on the context it was given.
    unsafe {
        host_call(ctx, |run| {
            count = run.adapter_names().count();
            Ok(())
        });
    }
    count
}

pub(super) unsafe extern "C" fn adapter_tensor_name(
    ctx: *mut PeftcCtx,
    index: usize,
    out: *mut PeftcStr,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments; the adapter outlives the run.
    unsafe {
        host_call(ctx, |run| {
            run.require_adapter()?;
            let name = run.adapter_names().nth(index);
            let name =
                name.ok_or_else(|| invalid(format!("the adapter has no tensor number {index}")))?;
            give(out, PeftcStr::new(name))
        })
    }
}

pub(super) unsafe extern "C" fn adapter_tensor(
    ctx: *mut PeftcCtx,
    name: PeftcStr,
    out: *mut PeftcTensor,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let tensor = run.use_adapter_tensor(text(name)?)?;
            let lent = run.lend_tensor(tensor)?;
            give(out, lent)
        })
    }
}

/// An entry of the configuration that is there, not null, and that `read` understands.
///
/// # Safety
/// As [`text`].
unsafe fn config<'a, T>(
    run: &Run<'a>,
    key: PeftcStr,
    what: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T, Ended> {
    // SAFETY: forwarded.
    let key = unsafe { text(key) }?;
    let value =
        run.require_adapter()?.config().get(key).filter(|v| !v.is_null()).ok_or(Ended::Absent)?;
    read(value)
        .ok_or_else(|| invalid(format!("adapter_config.json: {key:?} is {value}, expected {what}")))
}

pub(super) unsafe extern "C" fn config_bool(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut i32,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| give(out, config(run, key, "true or false", Value::as_bool)?.into()))
    }
}

pub(super) unsafe extern "C" fn config_i64(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut i64,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe { host_call(ctx, |run| give(out, config(run, key, "an integer", Value::as_i64)?)) }
}

pub(super) unsafe extern "C" fn config_f64(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut f64,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe { host_call(ctx, |run| give(out, config(run, key, "a number", Value::as_f64)?)) }
}

pub(super) unsafe extern "C" fn config_str(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut PeftcStr,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments; the adapter outlives the run.
    unsafe {
        host_call(ctx, |run| give(out, PeftcStr::new(config(run, key, "a string", Value::as_str)?)))
    }
}

pub(super) unsafe extern "C" fn config_json(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    out: *mut PeftcStr,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let json = config(run, key, "a JSON value", |v| Some(v.to_string()))?;
            give(out, run.lend_str(json))
        })
    }
}

pub(super) unsafe extern "C" fn config_pattern(
    ctx: *mut PeftcCtx,
    key: PeftcStr,
    module: PeftcStr,
    out: *mut f64,
) -> PeftcStatus {
    // SAFETY: as the ABI says of the arguments.
    unsafe {
        host_call(ctx, |run| {
            let found = run.require_adapter()?.config().pattern(text(key)?, text(module)?)?;
            give(out, found.ok_or(Ended::Absent)?)
        })
    }
}
