//! One run of a pass: what it reads and records.

mod adapter;
mod attention;
mod blocks;
mod edit;
mod graph;
mod options;
mod sites;

pub use attention::{AttentionInfo, KeyValues, Mask, MaskKind, Position, Relative, Stack, Stated};
pub use blocks::{BlockSiteInfo, Norm, NormKind, Sublayer};
pub use edit::{NodeSpec, Record, SourceSpec, TaskSpec, one};
pub use graph::{Attr, NodeInfo, UseInfo, ValueInfo};
pub use sites::{ParameterInfo, SiteInfo};

use crate::error::Result;
use crate::ids::Node;
use crate::tensor::array;
use peftc_abi::*;
use std::marker::PhantomData;

/// How loud a note is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Good to know.
    Info,
    /// The result may not be what was meant.
    Warning,
}

/// One run of a pass. What it lends is valid for `'a`; edits are applied after the pass has
/// returned without an error, all of them or none.
pub struct Run<'a> {
    host: &'a PeftcHost,
    ctx: *mut PeftcCtx,
    lends: PhantomData<&'a ()>,
}

impl<'a> Run<'a> {
    /// # Safety
    /// `host` and `ctx` are those the host gave this run, valid for `'a`.
    pub(crate) unsafe fn new(host: &'a PeftcHost, ctx: *mut PeftcCtx) -> Self {
        Self { host, ctx, lends: PhantomData }
    }

    /// Adds a note to the report.
    pub fn note(&self, message: &str) {
        self.note_about(Level::Info, None, message);
    }

    /// Adds a warning to the report.
    pub fn warn(&self, message: &str) {
        self.note_about(Level::Warning, None, message);
    }

    /// Adds a note about a node.
    pub fn note_about(&self, level: Level, node: Option<Node>, message: &str) {
        let level = match level {
            Level::Info => PEFTC_INFO,
            Level::Warning => PEFTC_WARNING,
        };
        let about = node.map_or(PeftcNode::default(), |n| n.0);
        // SAFETY: host and context are those of this run.
        unsafe { (self.host.note)(self.ctx, level, about, PeftcStr::new(message)) }
    }

    /// Whether the run should stop.
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: host and context are those of this run.
        unsafe { (self.host.cancelled)(self.ctx) != 0 }
    }
}

/// A string the host lends.
///
/// # Safety
/// It is as the host gives it, valid for `'a`.
unsafe fn lent_str<'a>(text: PeftcStr) -> &'a str {
    // SAFETY: forwarded.
    let bytes = unsafe { array(text.ptr, text.len) };
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Strings as the ABI passes them.
fn raw_strs<S: AsRef<str>>(texts: &[S]) -> Vec<PeftcStr> {
    texts.iter().map(|t| PeftcStr::new(t.as_ref())).collect()
}

/// An out parameter: calls `call` with room for a value, and gives it if it was filled.
fn out<T>(empty: T, call: impl FnOnce(*mut T) -> PeftcStatus) -> (PeftcStatus, T) {
    let mut value = empty;
    let status = call(&raw mut value);
    (status, value)
}

/// As [`out`], where a failure is an error.
fn filled<T>(empty: T, call: impl FnOnce(*mut T) -> PeftcStatus) -> Result<T> {
    let (status, value) = out(empty, call);
    crate::error::check(status).map(|()| value)
}

const EMPTY: PeftcStr = PeftcStr::new("");
