//! Quantiles of samples.

use anyhow::{Result, ensure};

/// Of one thing that was done often. The unit is the part's.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// How often.
    pub n: usize,
    /// Half took no longer.
    pub p50: f64,
    /// Of twenty, one took longer.
    pub p95: f64,
    /// Of a hundred, one took longer.
    pub p99: f64,
}

impl Figures {
    /// # Errors
    /// When there are no samples.
    pub fn of(mut samples: Vec<f64>) -> Result<Self> {
        ensure!(!samples.is_empty(), "nothing was measured");
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() as f64 * share).ceil() as usize).saturating_sub(1)];
        Ok(Self { n: samples.len(), p50: at(0.50), p95: at(0.95), p99: at(0.99) })
    }

    /// In a unit a thousand times larger.
    pub fn thousandth(self) -> Self {
        Self { n: self.n, p50: self.p50 / 1e3, p95: self.p95 / 1e3, p99: self.p99 / 1e3 }
    }
}

/// The median of each sample divided by its partner from the same round: what drifts with the machine cancels out.
///
/// # Errors
/// When there are no samples.
pub fn paired_ratio(ours: &[f64], theirs: &[f64]) -> Result<f64> {
    Ok(Figures::of(ours.iter().zip(theirs).map(|(a, b)| a / b).collect())?.p50)
}
