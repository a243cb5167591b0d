//! verifier
use super::Graph;
/// A violation.
#[derive(Debug)]
pub struct Violation(String);
impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
/// Verify.
pub fn verify(_: &Graph) -> Vec<Violation> {
    vec![]
}
