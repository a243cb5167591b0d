//! What [`export_plugin!`](crate::export_plugin) expands to.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::task::TaskCall;
use peftc_abi::*;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// The type of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum OptionKind {
    Bool,
    Int,
    Float,
    String,
    List,
}

impl OptionKind {
    #[doc(hidden)]
    pub const fn raw(self) -> u32 {
        match self {
            Self::Bool => PEFTC_OPTION_BOOL,
            Self::Int => PEFTC_OPTION_INT,
            Self::Float => PEFTC_OPTION_FLOAT,
            Self::String => PEFTC_OPTION_STRING,
            Self::List => PEFTC_OPTION_LIST,
        }
    }
}

#[doc(hidden)]
pub const fn axes(list: &[u32]) -> u32 {
    let mut mask = 0;
    let mut i = 0;
    while i < list.len() {
        mask |= 1 << list[i];
        i += 1;
    }
    mask
}

thread_local! {
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes panics of this plugin quiet: their place goes into the error.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            PANICKED_AT.with_borrow_mut(|at| *at = place);
        }));
    });
}

/// Runs a callback: what it says, or that it panicked, goes to `fail`.
fn contained(
    body: impl FnOnce() -> Result<()>,
    fail: impl FnOnce(PeftcStatus, &str) -> PeftcStatus,
) -> PeftcStatus {
    quiet_panics();
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => PEFTC_OK,
        Ok(Err(Error { code, message: None })) => code,
        Ok(Err(Error { code, message: Some(message) })) => fail(code, &message),
        Err(panic) => {
            let place = PANICKED_AT.with_borrow(String::clone);
            fail(PEFTC_PANIC, &format!("panicked at {place}: {}", panic_text(&*panic)))
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// # Safety
/// `host` and `ctx` are those the host gave.
#[doc(hidden)]
pub unsafe fn run_pass(
    host: *const PeftcHost,
    ctx: *mut PeftcCtx,
    pass: fn(&Run<'_>) -> Result<()>,
) -> PeftcStatus {
    // SAFETY: forwarded.
    let host = unsafe { &*host };
    // SAFETY: forwarded.
    let fail = |code, message: &str| unsafe { (host.fail)(ctx, code, PeftcStr::new(message)) };
    // SAFETY: forwarded.
    contained(|| pass(&unsafe { Run::new(host, ctx) }), fail)
}

/// # Safety
/// All arguments are those the host gave.
#[doc(hidden)]
pub unsafe fn run_task(
    host: *const PeftcTaskHost,
    ctx: *mut PeftcCtx,
    args: *const PeftcTaskArgs,
    task: fn(&mut TaskCall<'_>) -> Result<()>,
) -> PeftcStatus {
    // SAFETY: forwarded.
    let (host, args) = unsafe { (&*host, &*args) };
    // SAFETY: forwarded.
    let fail = |code, message: &str| unsafe { (host.fail)(ctx, code, PeftcStr::new(message)) };
    // SAFETY: forwarded.
    contained(|| task(&mut unsafe { TaskCall::from_raw(host, ctx, args) }?), fail)
}

/// Gives the description of a plugin to a host that speaks its ABI.
///
/// # Safety
/// All arguments are those the host gave.
#[doc(hidden)]
pub unsafe fn enter(
    host: *const PeftcHost,
    ctx: *mut PeftcCtx,
    out: *mut *const PeftcPlugin,
    plugin: &'static PeftcPlugin,
) -> PeftcStatus {
    // SAFETY: the size, the minor and `fail` begin every version of the table.
    let (size, minor, fail) = unsafe { ((*host).struct_size, (*host).abi_minor, (*host).fail) };
    if minor != PEFTC_ABI_MINOR || size as usize != size_of::<PeftcHost>() {
        let message = format!(
            "is built for plugin ABI 0.{PEFTC_ABI_MINOR} ({} bytes), this peftc offers 0.{minor} ({size} bytes)",
            size_of::<PeftcHost>()
        );
        // SAFETY: forwarded.
        return unsafe { fail(ctx, PEFTC_VERSION, PeftcStr::new(&message)) };
    }
    // SAFETY: forwarded.
    unsafe { out.write(plugin) };
    PEFTC_OK
}

/// Exports a plugin: its passes and task kinds.
///
/// The plugin's name and version are those of the crate. A pass is a
/// `fn(&Run<'_>) -> Result<()>`, a task kind a `fn(&mut TaskCall<'_>) -> Result<()>`; no panic of
/// theirs leaves the plugin. `default` is a TOML value, `""` for none.
///
/// ```
/// # use peftc_plugin::{Result, Run, TaskCall};
/// # fn scale(_: &Run<'_>) -> Result<()> { Ok(()) }
/// # fn multiply(_: &mut TaskCall<'_>) -> Result<()> { Ok(()) }
/// peftc_plugin::export_plugin! {
///     passes: [{
///         name: "scale",
///         summary: "multiply weights by a number",
///         peft_types: [],
///         options: [
///             { key: "by", kind: Float, default: "1.0", choices: [], help: "the number" },
///         ],
///         run: scale,
///     }],
///     task_kinds: [{ name: "multiply", split_axes: [0, 1], run: multiply }],
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_plugin {
    (
        passes: [$({
            name: $pass:expr,
            summary: $summary:expr,
            peft_types: [$($peft_type:expr),* $(,)?],
            options: [$({
                key: $key:expr,
                kind: $kind:ident,
                default: $default:expr,
                choices: [$($choice:expr),* $(,)?],
                help: $help:expr $(,)?
            }),* $(,)?],
            run: $run:expr $(,)?
        }),* $(,)?],
        task_kinds: [$({
            name: $task:expr,
            split_axes: [$($axis:expr),* $(,)?],
            run: $compute:expr $(,)?
        }),* $(,)?] $(,)?
    ) => {
        /// The plugin's entry.
        ///
        /// # Safety
        /// Only a peftc host may call it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn peftc_plugin_entry_v0(
            host: *const $crate::abi::PeftcHost,
            ctx: *mut $crate::abi::PeftcCtx,
            out: *mut *const $crate::abi::PeftcPlugin,
        ) -> $crate::abi::PeftcStatus {
            use $crate::abi::*;
            use $crate::export::{OptionKind, axes, enter, run_pass, run_task};
            static PASSES: &[&PeftcPass] = &[$({
                unsafe extern "C" fn call(host: *const PeftcHost, ctx: *mut PeftcCtx) -> PeftcStatus {
                    // SAFETY: the host calls this with its own arguments.
                    unsafe { run_pass(host, ctx, $run) }
                }
                static TYPES: &[PeftcStr] = &[$(PeftcStr::new($peft_type)),*];
                static OPTIONS: &[PeftcOption] = &[$({
                    static CHOICES: &[PeftcStr] = &[$(PeftcStr::new($choice)),*];
                    PeftcOption {
                        key: PeftcStr::new($key),
                        kind: OptionKind::$kind.raw(),
                        reserved: 0,
                        default: PeftcStr::new($default),
                        help: PeftcStr::new($help),
                        choices: CHOICES.as_ptr(),
                        choice_count: CHOICES.len(),
                    }
                }),*];
                static PASS: PeftcPass = PeftcPass {
                    struct_size: size_of::<PeftcPass>() as u32,
                    reserved: 0,
                    name: PeftcStr::new($pass),
                    summary: PeftcStr::new($summary),
                    options: OPTIONS.as_ptr(),
                    option_count: OPTIONS.len(),
                    peft_types: TYPES.as_ptr(),
                    peft_type_count: TYPES.len(),
                    run: Some(call),
                };
                &PASS
            }),*];
            static KINDS: &[&PeftcTaskKind] = &[$({
                unsafe extern "C" fn call(
                    host: *const PeftcTaskHost,
                    ctx: *mut PeftcCtx,
                    args: *const PeftcTaskArgs,
                ) -> PeftcStatus {
                    // SAFETY: the host calls this with its own arguments.
                    unsafe { run_task(host, ctx, args, $compute) }
                }
                static KIND: PeftcTaskKind = PeftcTaskKind {
                    struct_size: size_of::<PeftcTaskKind>() as u32,
                    split_axes: axes(&[$($axis),*]),
                    name: PeftcStr::new($task),
                    run: Some(call),
                };
                &KIND
            }),*];
            static PLUGIN: PeftcPlugin = PeftcPlugin {
                struct_size: size_of::<PeftcPlugin>() as u32,
                abi_minor: PEFTC_ABI_MINOR,
                name: PeftcStr::new(env!("CARGO_PKG_NAME")),
                version: PeftcStr::new(env!("CARGO_PKG_VERSION")),
                passes: PASSES.as_ptr().cast(),
                pass_count: PASSES.len(),
                task_kinds: KINDS.as_ptr().cast(),
                task_kind_count: KINDS.len(),
            };
            // SAFETY: the host calls this with its own arguments.
            unsafe { enter(host, ctx, out, &PLUGIN) }
        }
    };
}
