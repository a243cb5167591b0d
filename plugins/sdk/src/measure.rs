//! Names of measures that the host makes something of in its report. Others are left out.

/// Of a merge: elements of the merged weights. Added up.
pub const MERGED: &str = "merged";
/// Of a merge: those of them whose stored value the delta did not change. Added up.
pub const UNCHANGED: &str = "unchanged";

/// Of an approximation Ŵ of a weight W: elements. Added up, as the three that follow.
pub const ELEMENTS: &str = "elements";
/// Of an approximation: Σ w.
pub const SUM: &str = "sum";
/// Of an approximation: Σ w².
pub const SQUARES: &str = "squares";
/// Of an approximation: Σ (w − ŵ)².
pub const ERROR_SQUARES: &str = "error_squares";
/// Of an approximation: max |w − ŵ|. The largest counts.
pub const ERROR_MAX: &str = "error_max";
/// Of an approximation on given inputs X: ‖X·Wᵀ − X·Ŵᵀ‖² (Frobenius). Added up.
pub const OUTPUT_ERROR_SQUARES: &str = "output_error_squares";
/// Of an approximation on given inputs: ‖X·Wᵀ‖². Added up.
pub const OUTPUT_SQUARES: &str = "output_squares";
