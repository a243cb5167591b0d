//! Memory for packed matrices.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;
use std::thread::LocalKey;

/// Floats that begin on a cache line; 0 at first.
pub(crate) struct Aligned {
    pointer: NonNull<f32>,
    floats: usize,
}

// SAFETY: it owns its memory, as a `Vec` does.
unsafe impl Send for Aligned {}
// SAFETY: as above.
unsafe impl Sync for Aligned {}

impl Aligned {
    fn layout(floats: usize) -> Layout {
        Layout::array::<f32>(floats).and_then(|l| l.align_to(64)).expect("it is in memory")
    }

    pub(crate) fn new(floats: usize) -> Self {
        let layout = Self::layout(floats);
        if layout.size() == 0 {
            return Self::default();
        }
        // SAFETY: the layout's size is not 0.
        let pointer = unsafe { alloc_zeroed(layout) };
        let pointer = NonNull::new(pointer.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        Self { pointer, floats }
    }

    pub(crate) fn len(&self) -> usize {
        self.floats
    }

    pub(crate) fn pointer(&self) -> *mut f32 {
        self.pointer.as_ptr()
    }
}

impl Default for Aligned {
    fn default() -> Self {
        Self { pointer: NonNull::dangling(), floats: 0 }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        if self.floats > 0 {
            // SAFETY: it was made with this layout.
            unsafe { dealloc(self.pointer.as_ptr().cast(), Self::layout(self.floats)) }
        }
    }
}

/// Memory that a thread keeps from call to call.
pub(crate) type Kept = LocalKey<Cell<Aligned>>;

/// Calls `work` with at least so many floats. A call from within `work` gets other memory.
pub(crate) fn with_kept<R>(
    kept: &'static Kept,
    floats: usize,
    work: impl FnOnce(*mut f32) -> R,
) -> R {
    let mut memory = kept.take();
    if memory.len() < floats {
        memory = Aligned::new(floats);
    }
    let result = work(memory.pointer());
    kept.set(memory);
    result
}

/// A place in memory of which each thread uses its own part.
#[derive(Clone, Copy)]
pub(crate) struct Place(pub(crate) *mut f32);

// SAFETY: who uses the place vouches for the memory, for all threads.
unsafe impl Sync for Place {}
// SAFETY: as above.
unsafe impl Send for Place {}

impl Place {
    /// The place so many floats further.
    pub(crate) fn at(&self, floats: usize) -> *mut f32 {
        self.0.wrapping_add(floats)
    }
}
