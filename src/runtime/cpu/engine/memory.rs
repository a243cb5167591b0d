//! Memory for elements of any type.

use crate::error::{Error, Result};
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError, Weak};

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

/// Memory that outputs had and that nobody reads any more: a later run's outputs take it.
pub(super) type Spare = Mutex<Vec<Memory>>;

/// So many blocks are kept: the last.
const KEPT: usize = 64;

/// Bytes that have all been written, and are written no more.
pub(super) struct Written {
    memory: Option<Memory>,
    /// How many of its bytes are read.
    bytes: usize,
    /// Where the memory goes when nobody reads it.
    spare: Weak<Spare>,
}

impl Written {
    /// # Safety
    /// So many bytes have been written, and nobody writes them any more.
    pub(super) unsafe fn new(memory: Memory, bytes: usize, spare: Weak<Spare>) -> Self {
        Self { memory: Some(memory), bytes, spare }
    }
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        let Some(memory) = &self.memory else { return &[] };
        // SAFETY: as `new` was told.
        unsafe { std::slice::from_raw_parts(memory.pointer(), self.bytes.min(memory.len())) }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if let (Some(spare), Some(memory)) = (self.spare.upgrade(), self.memory.take()) {
            let mut spare = spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() == KEPT {
                spare.remove(0);
            }
            spare.push(memory);
        }
    }
}

/// Memory for so many bytes: of the spare blocks the smallest that is not much larger, or new.
///
/// # Errors
/// The machine has not so much.
pub(super) fn take(spare: &Spare, bytes: usize) -> Result<Memory> {
    let mut spare = spare.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |memory: &Memory| (bytes..=2 * bytes).contains(&memory.len());
    let all = spare.iter().enumerate().filter(|(_, memory)| fits(memory));
    match all.min_by_key(|(_, memory)| memory.len()).map(|(at, _)| at) {
        Some(at) => Ok(spare.remove(at)),
        None => {
            drop(spare);
            Memory::new(bytes)
        }
    }
}
