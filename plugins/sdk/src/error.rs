//! Errors of passes and tasks.

use peftc_abi::*;

/// A result with the SDK's error.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// An argument, an option or the input is wrong.
    Invalid,
    /// What was asked for is not there.
    NotFound,
    /// The input is fine, but the plugin cannot do this.
    Unsupported,
    /// The run was cancelled.
    Cancelled,
}

/// Why a pass or a task failed.
///
/// What a host function said is recorded by the host; such an error carries its status alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub(crate) code: PeftcStatus,
    /// None if the host has recorded why.
    pub(crate) message: Option<String>,
}

impl Error {
    /// An error of the plugin.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        let code = match status {
            Status::Invalid => PEFTC_INVALID,
            Status::NotFound => PEFTC_NOT_FOUND,
            Status::Unsupported => PEFTC_UNSUPPORTED,
            Status::Cancelled => PEFTC_CANCELLED,
        };
        Self { code, message: Some(message.into()) }
    }

    /// The input is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Status::Invalid, message)
    }

    /// The plugin cannot do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Status::Unsupported, message)
    }

    /// The message, unless the host has recorded it.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("a host function failed"))
    }
}

impl std::error::Error for Error {}

/// What a host function returned.
pub(crate) fn check(code: PeftcStatus) -> Result<()> {
    if code == PEFTC_OK { Ok(()) } else { Err(Error { code, message: None }) }
}

/// What a host function returned that may find nothing.
pub(crate) fn optional<T>(code: PeftcStatus, value: T) -> Result<Option<T>> {
    match code {
        PEFTC_NOT_FOUND => Ok(None),
        code => check(code).map(|()| Some(value)),
    }
}
