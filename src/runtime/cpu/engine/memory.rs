//! Memory for elements of any type.

use crate::error::{Error, Result};
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

/// Where vectors and cache lines begin.
pub(super) const ALIGNMENT: usize = 64;

/// Bytes that begin at a cache line, of any content.
pub(super) struct Memory {
    pointer: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is the only owner of its bytes.
unsafe impl Send for Memory {}
// SAFETY: it gives out nothing but a pointer and, in `as_ref`, bytes that nobody writes any more.
unsafe impl Sync for Memory {}

impl Memory {
    /// # Errors
    /// The machine has not so much.
    pub(super) fn new(bytes: usize) -> Result<Self> {
        let missing = || Error::input(format!("there is no memory for {bytes} bytes"));
        let layout = Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| missing())?;
        if bytes == 0 {
            return Ok(Self { pointer: NonNull::<Line>::dangling().cast(), layout });
        }
        // SAFETY: the size is not 0.
        let pointer = unsafe { alloc(layout) };
        Ok(Self { pointer: NonNull::new(pointer).ok_or_else(missing)?, layout })
    }

    pub(super) fn len(&self) -> usize {
        self.layout.size()
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }
}

#[repr(align(64))]
struct Line;

impl Drop for Memory {
    fn drop(&mut self) {
        if self.len() > 0 {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(self.pointer.as_ptr(), self.layout) };
        }
    }
}

/// Bytes that have all been written, and are written no more.
pub(super) struct Written(Memory);

impl Written {
    /// # Safety
    /// All bytes have been written, and nobody writes them any more.
    pub(super) unsafe fn new(memory: Memory) -> Self {
        Self(memory)
    }
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: as `new` was told.
        unsafe { std::slice::from_raw_parts(self.0.pointer(), self.0.len()) }
    }
}
