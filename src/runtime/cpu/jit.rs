//! Compiled kernels.

use crate::error::{Error, Result};
use crate::kernel::{Kernel, check, clif};
use cranelift::codegen::settings::{self, Configurable};
use cranelift::jit::{JITBuilder, JITModule};
use cranelift::module::{Module, default_libcall_names};
use cranelift::prelude::FunctionBuilderContext;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// What a kernel's function is: see [`clif`].
type Function = unsafe extern "C" fn(*const *mut u8, *const i64, *const i64, i64, i64) -> i64;

/// Compiles kernels for this machine.
pub struct Compiler {
    module: JITModule,
    target: clif::Target,
    compiled: Vec<(Kernel, cranelift::module::FuncId)>,
}

/// Machine code, which stays while a kernel of it does.
struct Code(ManuallyDrop<JITModule>);

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the module is not used again, nor is its code: the last kernel of it is gone.
        unsafe { ManuallyDrop::take(&mut self.0).free_memory() };
    }
}

// SAFETY: the module is not changed after it is finished, and its code may run on any thread.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

/// A kernel that can be launched, on any thread.
#[derive(Clone)]
pub struct Compiled {
    kernel: Arc<Kernel>,
    function: Function,
    _code: Arc<Code>,
}

/// The memory of a buffer of a launch.
pub enum Argument<'a> {
    /// It is read.
    Input(&'a [u8]),
    /// It is written.
    Output(&'a mut [u8]),
}

fn bug(error: impl std::fmt::Display) -> Error {
    Error::bug(format!("Cranelift: {error}"))
}

impl Compiler {
    /// For this machine.
    ///
    /// # Errors
    /// Cranelift does not know the machine.
    pub fn new() -> Result<Self> {
        let mut flags = settings::builder();
        let is_checked = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", "speed"),
            ("enable_verifier", is_checked),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
        ] {
            flags.set(name, value).map_err(bug)?;
        }
        let isa = cranelift::native::builder()
            .map_err(|e| Error::environment(format!("this machine is not supported: {e}")))?
            .finish(settings::Flags::new(flags))
            .map_err(bug)?;
        let is_x86 = cfg!(target_arch = "x86_64");
        let has_flag =
            |name| isa.isa_flags().iter().any(|f| f.name == name && f.as_bool() == Some(true));
        let has_fma = !is_x86 || has_flag("has_fma");
        let target = clif::Target { config: isa.frontend_config(), has_fma, is_x86 };
        let module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
        Ok(Self { module, target, compiled: Vec::new() })
    }

    /// Adds a kernel.
    ///
    /// # Errors
    /// It is none, or has what Cranelift does not.
    pub fn add(&mut self, kernel: Kernel) -> Result<()> {
        check(&kernel).map_err(Error::bug)?;
        let mut context = self.module.make_context();
        let mut builder = FunctionBuilderContext::new();
        context.func = clif::function(&kernel, self.target, &mut builder).map_err(Error::bug)?;
        let signature = clif::signature(self.target.config);
        let id = self.module.declare_anonymous_function(&signature).map_err(bug)?;
        self.module
            .define_function(id, &mut context)
            .map_err(|e| Error::bug(format!("{}: {e:?}", kernel.name)))?;
        self.compiled.push((kernel, id));
        Ok(())
    }

    /// The kernels, in the order in which they were added.
    ///
    /// # Errors
    /// The machine has no memory for code.
    pub fn finish(mut self) -> Result<Vec<Compiled>> {
        self.module.finalize_definitions().map_err(bug)?;
        let code: Vec<*const u8> =
            self.compiled.iter().map(|(_, id)| self.module.get_finalized_function(*id)).collect();
        let module = Arc::new(Code(ManuallyDrop::new(self.module)));
        let compiled = self.compiled.into_iter().zip(code).map(|((kernel, _), code)| {
            // SAFETY: the function was made with this signature, and its code stays with the module.
            let function = unsafe { std::mem::transmute::<*const u8, Function>(code) };
            Compiled { kernel: Arc::new(kernel), function, _code: module.clone() }
        });
        Ok(compiled.collect())
    }
}

impl Compiled {
    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Runs the passes `begin..end` of the outermost grid.
    ///
    /// # Safety
    /// Every place that the kernel reads or writes with these integers, but for those that it computes
    /// itself, is inside of its argument.
    ///
    /// # Errors
    /// There are not as many arguments or integers as the kernel has, one that is written is given to be
    /// read, or a computed place is outside of its buffer.
    pub unsafe fn launch(
        &self,
        arguments: &mut [Argument<'_>],
        given: &[i64],
        passes: std::ops::Range<i64>,
    ) -> Result<()> {
        let kernel = &self.kernel;
        if arguments.len() != kernel.buffers.len() || given.len() != kernel.given.len() {
            return Err(Error::bug(format!("{}: another number of arguments", kernel.name)));
        }
        let mut pointers = Vec::with_capacity(arguments.len());
        let mut lengths = Vec::with_capacity(arguments.len());
        for (argument, buffer) in arguments.iter_mut().zip(&kernel.buffers) {
            let (pointer, bytes) = match argument {
                Argument::Output(bytes) => (bytes.as_mut_ptr(), bytes.len()),
                Argument::Input(bytes) if !buffer.is_output => {
                    (bytes.as_ptr().cast_mut(), bytes.len())
                }
                Argument::Input(_) => {
                    return Err(Error::bug(format!("{}: {} is written", kernel.name, buffer.name)));
                }
            };
            pointers.push(pointer);
            lengths.push((bytes as u64 / buffer.bytes()) as i64);
        }
        // SAFETY: pointers and lengths are of this kernel's buffers; inputs are only read, as `check` has
        // found; the caller says that places are inside.
        unsafe { self.launch_at(&pointers, &lengths, given, passes) }
    }

    /// The same, with each buffer's first byte and number of elements. Buffers may overlap where each
    /// element that is written is read by its own pass alone.
    ///
    /// # Safety
    /// As [`launch`](Self::launch); buffers that the kernel writes may be written, and there are as many
    /// as it has.
    ///
    /// # Errors
    /// A computed place is outside of its buffer.
    pub(crate) unsafe fn launch_at(
        &self,
        pointers: &[*mut u8],
        lengths: &[i64],
        given: &[i64],
        passes: std::ops::Range<i64>,
    ) -> Result<()> {
        // SAFETY: as the caller says.
        let fault = unsafe {
            (self.function)(
                pointers.as_ptr(),
                lengths.as_ptr(),
                given.as_ptr(),
                passes.start,
                passes.end,
            )
        };
        let kernel = &self.kernel;
        match usize::try_from(fault).ok().and_then(|fault| fault.checked_sub(1)) {
            None => Ok(()),
            Some(at) => Err(Error::input(format!(
                "an index is outside of {}, which has {} elements",
                kernel.buffers[at].name, lengths[at]
            ))),
        }
    }
}
