//! What does not fit together.

/// Why changes cannot be merged as they are to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit(String);

impl Unfit {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

impl From<crate::NotFinite> for Unfit {
    fn from(error: crate::NotFinite) -> Self {
        Self(error.to_string())
    }
}
