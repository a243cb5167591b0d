//! A plugin that claims to be built for another minor version of the ABI.

use peftc_abi::*;

static PLUGIN: PeftcPlugin = PeftcPlugin {
    struct_size: size_of::<PeftcPlugin>() as u32,
    abi_minor: PEFTC_ABI_MINOR + 7,
    name: PeftcStr::new("wrong-minor"),
    version: PeftcStr::new("1.0.0"),
    passes: std::ptr::null(),
    pass_count: 0,
    task_kinds: std::ptr::null(),
    task_kind_count: 0,
};

/// The plugin's entry.
///
/// # Safety
/// `out` is as the host gives it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peftc_plugin_entry_v0(
    _: *const PeftcHost,
    _: *mut PeftcCtx,
    out: *mut *const PeftcPlugin,
) -> PeftcStatus {
    // SAFETY: the host gives memory for a pointer.
    unsafe { out.write(&raw const PLUGIN) };
    PEFTC_OK
}
