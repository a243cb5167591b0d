//! From operators to what devices run.

#[cfg_attr(not(test), expect(dead_code, reason = "the engine will use it"))]
pub(crate) mod expand;
