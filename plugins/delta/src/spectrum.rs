//! What singular values say of a change.

/// Numbers of a spectrum, from the largest singular value on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spectrum {
    /// ‖ΔW‖_F.
    pub frobenius: f64,
    /// ‖ΔW‖₂.
    pub spectral: f64,
    /// exp of the entropy of s/Σs: Roy and Vetterli, "The effective rank", 2007.
    pub effective_rank: f64,
    /// ‖ΔW‖²_F / ‖ΔW‖²₂.
    pub stable_rank: f64,
}

impl Spectrum {
    /// Of singular values; all zero of a change that is none.
    pub fn of(s: &[f64]) -> Self {
        let energy: f64 = s.iter().rev().map(|s| s * s).sum();
        let (total, largest) = (s.iter().rev().sum::<f64>(), s.first().copied().unwrap_or(0.0));
        if largest == 0.0 {
            return Self { frobenius: 0.0, spectral: 0.0, effective_rank: 0.0, stable_rank: 0.0 };
        }
        let shares = s.iter().map(|s| s / total).filter(|p| *p > 0.0);
        let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
        Self {
            frobenius: energy.sqrt(),
            spectral: largest,
            effective_rank: entropy.exp(),
            stable_rank: energy / largest.powi(2),
        }
    }
}

/// The share of ‖ΔW‖²_F in the first 1, 2, … singular values.
pub fn energy_by_rank(s: &[f64]) -> Vec<f64> {
    let energy: f64 = s.iter().rev().map(|s| s * s).sum();
    let share = |sum: &mut f64, s: &f64| {
        *sum += s * s;
        Some(if energy == 0.0 { 0.0 } else { *sum / energy })
    };
    s.iter().scan(0.0, share).collect()
}
