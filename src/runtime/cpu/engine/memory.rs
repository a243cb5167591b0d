//! Memory for elements of any type.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Where vectors and cache lines begin.
pub(super) const ALIGNMENT: usize = 64;

/// Bytes that begin at a cache line, of any content.
pub(super) struct Memory {
    pointer: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is the only owner of its bytes.
unsafe impl Send for Memory {}
// SAFETY: it gives out nothing but a pointer and, in `as_ref`, bytes that nobody writes any more.
unsafe impl Sync for Memory {}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGNMENT).expect("memory cannot be that large")
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        if bytes == 0 {
            return Self { pointer: NonNull::<Line>::dangling().cast(), bytes };
        }
        // SAFETY: the size is not 0.
        let pointer = unsafe { alloc(layout(bytes)) };
        let pointer = NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(layout(bytes)));
        Self { pointer, bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }
}

#[repr(align(64))]
struct Line;

impl Drop for Memory {
    fn drop(&mut self) {
        if self.bytes > 0 {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(self.pointer.as_ptr(), layout(self.bytes)) };
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
        unsafe { std::slice::from_raw_parts(self.0.pointer(), self.0.bytes) }
    }
}
