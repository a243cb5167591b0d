//! The options of the pass, as the recipe sets them; the host has checked them.

use super::{EMPTY, Run, lent_str, out};
use crate::error::{Result, optional};
use crate::tensor::array;
use peftc_abi::PeftcStr;

impl<'a> Run<'a> {
    /// A boolean option; none if it is not set and has no default.
    pub fn option_bool(&self, key: &str) -> Result<Option<bool>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0, |o| unsafe { (self.host.option_bool)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value != 0)
    }

    /// An integer option.
    pub fn option_i64(&self, key: &str) -> Result<Option<i64>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0, |o| unsafe { (self.host.option_i64)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value)
    }

    /// A float option.
    pub fn option_f64(&self, key: &str) -> Result<Option<f64>> {
        // SAFETY: host and context are those of this run.
        let (status, value) =
            out(0.0, |o| unsafe { (self.host.option_f64)(self.ctx, PeftcStr::new(key), o) });
        optional(status, value)
    }

    /// A string option.
    pub fn option_str(&self, key: &str) -> Result<Option<&'a str>> {
        // SAFETY: host and context are those of this run, which outlives the string.
        unsafe {
            let (status, value) =
                out(EMPTY, |o| (self.host.option_str)(self.ctx, PeftcStr::new(key), o));
            optional(status, lent_str(value))
        }
    }

    /// An option that is a list of strings.
    pub fn option_list(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        let mut len = 0;
        // SAFETY: host and context are those of this run, which outlives the strings.
        unsafe {
            let (status, ptr) = out(std::ptr::null(), |o| {
                (self.host.option_list)(self.ctx, PeftcStr::new(key), o, &raw mut len)
            });
            optional(status, array(ptr, len).iter().map(|&s| lent_str(s)).collect())
        }
    }
}
