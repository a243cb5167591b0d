//! Opening a plugin file and copying its description into host memory.

use super::call::{Call, slice, text};
use super::host::HOST;
use super::task::PluginTaskKind;
use crate::error::{Error, Result};
use peftc_abi::*;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A loaded plugin. It stays loaded: a shared library cannot be unloaded soundly once its
/// code has touched a thread-local.
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file.
    pub path: PathBuf,
    /// Its passes.
    pub passes: Vec<PassInfo>,
    pub(super) kinds: Vec<Arc<PluginTaskKind>>,
}

/// What a plugin says about a pass.
#[derive(Clone, Debug)]
pub struct PassInfo {
    /// Its name in recipes.
    pub name: String,
    /// One line about it.
    pub summary: String,
    /// The `peft_type`s of adapters it handles.
    pub peft_types: Vec<String>,
    /// Its options.
    pub options: Vec<OptionInfo>,
    pub(super) run: PeftcRun,
}

/// What a plugin says about an option.
#[derive(Clone, Debug)]
pub struct OptionInfo {
    /// Its key.
    pub key: String,
    /// Its type.
    pub kind: OptionKind,
    /// The default as a TOML value; empty for none.
    pub default: String,
    /// What it does.
    pub help: String,
    /// The values a string may have; empty for any.
    pub choices: Vec<String>,
}

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
    /// The type in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::String => "a string",
            Self::List => "a list of strings",
        }
    }
}

impl Plugin {
    /// Opens a plugin file.
    ///
    /// # Errors
    /// The file cannot be opened, is no plugin, is for another ABI, or breaks its rules.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_inner(path).map_err(|e| e.within(path.display()))
    }

    fn open_inner(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the library's initializers; the user chose the folder it is in,
        // and only files named as plugins are opened.
        let library = unsafe { libloading::Library::new(path) }
            .map_err(|e| Error::input(format!("cannot be loaded: {e}")))?;
        let library = ManuallyDrop::new(library);
        // SAFETY: the ABI gives this symbol this type.
        let entry = unsafe { library.get::<PeftcEntry>(ENTRY.as_bytes()) }.map_err(|_| {
            Error::input(format!(
                "has no `{ENTRY}` symbol; this peftc loads plugins of ABI 0.{PEFTC_ABI_MINOR}"
            ))
        })?;
        let mut call = Call::default();
        let mut description = std::ptr::null();
        // SAFETY: the host table is static, the call outlives this one, and the entry is as
        // the ABI says.
        let status = unsafe { entry(&raw const HOST, call.as_ctx(), &raw mut description) };
        if status != PEFTC_OK {
            return Err(call.failure.map_or_else(
                || {
                    Error::input(format!(
                        "its entry failed with status {status} and did not say why"
                    ))
                },
                |f| f.error,
            ));
        }
        // SAFETY: the entry succeeded, so this is the plugin's static description.
        let plugin = unsafe { Self::copy(description, path) };
        plugin.map_err(|e| e.within("its description is wrong"))
    }

    /// # Safety
    /// `description` is what a plugin's entry gave.
    unsafe fn copy(description: *const PeftcPlugin, path: &Path) -> Result<Self> {
        // SAFETY: the first two fields are in every version of the struct.
        let (size, minor) = match unsafe { slice(description.cast::<[u32; 2]>(), 1) } {
            Ok([[size, minor]]) => (*size as usize, *minor),
            _ => return Err(Error::input("it is null")),
        };
        if minor != PEFTC_ABI_MINOR {
            return Err(Error::input(format!(
                "it is built for plugin ABI 0.{minor}, this peftc loads 0.{PEFTC_ABI_MINOR} only"
            )));
        }
        check_size::<PeftcPlugin>("plugin", size)?;
        // SAFETY: the size fits and the ABI's minor is ours, so all fields are there; strings
        // and arrays in it are as the ABI says.
        unsafe {
            let plugin = &*description;
            let name = string(plugin.name, "name")?;
            let version = string(plugin.version, "version")?;
            let origin = format!("plugin {name} {version}");
            let kinds = array(plugin.task_kinds, plugin.task_kind_count)?
                .iter()
                .map(|&kind| copy_kind(kind, &origin).map(Arc::new))
                .collect::<Result<_>>()?;
            let passes = array(plugin.passes, plugin.pass_count)?
                .iter()
                .map(|&pass| copy_pass(pass))
                .collect::<Result<_>>()?;
            Ok(Self { name, version, path: path.to_owned(), passes, kinds })
        }
    }
}

fn check_size<T>(what: &str, size: usize) -> Result<()> {
    let expected = size_of::<T>();
    if size == expected {
        return Ok(());
    }
    Err(Error::input(format!("its {what} struct has {size} bytes, this peftc expects {expected}")))
}

/// A struct that begins with its own size.
///
/// # Safety
/// `ptr` leads to such a struct that is never changed, or is null.
unsafe fn sized<T>(ptr: *const T, what: &str) -> Result<&'static T> {
    // SAFETY: every version of the struct begins with its size.
    let size = unsafe { array(ptr.cast::<u32>(), 1) }?[0];
    check_size::<T>(what, size as usize)?;
    // SAFETY: the size fits.
    Ok(&unsafe { array(ptr, 1) }?[0])
}

/// # Safety
/// As the ABI says of task kinds.
unsafe fn copy_kind(kind: *const PeftcTaskKind, origin: &str) -> Result<PluginTaskKind> {
    // SAFETY: forwarded.
    let kind = unsafe { sized(kind, "task kind") }?;
    // SAFETY: forwarded.
    let name = unsafe { string(kind.name, "task kind name") }?;
    let run =
        kind.run.ok_or_else(|| Error::input(format!("task kind {name:?} has no function")))?;
    Ok(PluginTaskKind::new(name, origin.to_owned(), kind.split_axes, run))
}

/// # Safety
/// As the ABI says of passes.
unsafe fn copy_pass(pass: *const PeftcPass) -> Result<PassInfo> {
    // SAFETY: forwarded.
    unsafe {
        let pass = sized(pass, "pass")?;
        let name = string(pass.name, "pass name")?;
        let mut letters = name.chars();
        let good = letters.next().is_some_and(|c| c.is_ascii_lowercase())
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !good {
            return Err(Error::input(format!("the pass name {name:?} is not [a-z][a-z0-9-]*")));
        }
        let run = pass.run.ok_or_else(|| Error::input(format!("pass {name:?} has no function")))?;
        let options = array(pass.options, pass.option_count)?;
        Ok(PassInfo {
            summary: string(pass.summary, "summary")?,
            peft_types: strings(pass.peft_types, pass.peft_type_count, "peft_type")?,
            options: options.iter().map(|o| copy_option(o)).collect::<Result<_>>()?,
            name,
            run,
        })
    }
}

/// # Safety
/// As the ABI says of options.
unsafe fn copy_option(option: &PeftcOption) -> Result<OptionInfo> {
    // SAFETY: forwarded.
    unsafe {
        let key = string(option.key, "option key")?;
        let kind = match option.kind {
            PEFTC_OPTION_BOOL => OptionKind::Bool,
            PEFTC_OPTION_INT => OptionKind::Int,
            PEFTC_OPTION_FLOAT => OptionKind::Float,
            PEFTC_OPTION_STRING => OptionKind::String,
            PEFTC_OPTION_LIST => OptionKind::List,
            other => {
                return Err(Error::input(format!("option {key:?} has the unknown kind {other}")));
            }
        };
        Ok(OptionInfo {
            kind,
            default: string(option.default, "option default")?,
            help: string(option.help, "option help")?,
            choices: strings(option.choices, option.choice_count, "choice")?,
            key,
        })
    }
}

/// # Safety
/// As [`slice`].
unsafe fn array<'a, T>(ptr: *const T, len: usize) -> Result<&'a [T]> {
    // SAFETY: forwarded.
    unsafe { slice(ptr, len) }
        .map_err(|_| Error::input(format!("an array at {ptr:?} cannot be read")))
}

/// # Safety
/// As [`text`].
unsafe fn string(value: PeftcStr, what: &str) -> Result<String> {
    // SAFETY: forwarded.
    let value = unsafe { text(value) };
    value.map(str::to_owned).map_err(|_| Error::input(format!("its {what} is not UTF-8")))
}

/// # Safety
/// As [`array`] and [`text`].
unsafe fn strings(ptr: *const PeftcStr, len: usize, what: &str) -> Result<Vec<String>> {
    // SAFETY: forwarded.
    unsafe { array(ptr, len)?.iter().map(|&s| string(s, what)).collect() }
}
