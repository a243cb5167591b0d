//! One axis of a tensor that is resized.

/// Where an index of the result lies in the tensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Transform {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// Of versions 11 and 13.
    TfHalfPixelForNn,
    /// With a start and an end, relative to the last index.
    Crop,
}

/// Which element is the nearest.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
    /// Before version 11: up where the tensor becomes smaller, else down.
    Simple,
}

/// How elements between others are computed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kernel {
    Linear,
    /// With its coefficient A (Keys, 1981, equation 4).
    Cubic(f64),
}

impl Kernel {
    /// The distance from which on all is 0.
    fn support(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Cubic(_) => 2.0,
        }
    }

    pub(super) fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Linear => (1.0 - x).max(0.0),
            Self::Cubic(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Self::Cubic(a) if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Self::Cubic(_) => 0.0,
        }
    }
}

/// An axis: its size before and after, which is the floor of `scale` times the size where scales
/// are given, and the part of it that is cropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) resized: usize,
    pub(super) scale: f64,
    pub(super) roi: (f64, f64),
}

impl Axis {
    pub(super) fn is_same(&self, transform: Transform) -> bool {
        let moves = match transform {
            Transform::Crop => self.roi != (0.0, 1.0),
            other => other == Transform::TfHalfPixelForNn,
        };
        self.scale == 1.0 && self.size == self.resized && !moves
    }

    /// Where an index of the result lies; none for one outside of what is cropped.
    fn source(&self, index: usize, transform: Transform) -> Option<f64> {
        let (x, last) = (index as f64, self.size as f64 - 1.0);
        let resized = self.scale * self.size as f64;
        let half_pixel = (x + 0.5) / self.scale - 0.5;
        let (start, end) = self.roi;
        let source = match transform {
            Transform::HalfPixel => half_pixel,
            Transform::HalfPixelSymmetric => {
                half_pixel + self.size as f64 / 2.0 * (1.0 - self.resized as f64 / resized)
            }
            Transform::PytorchHalfPixel if self.resized > 1 => half_pixel,
            Transform::AlignCorners if self.resized > 1 => x * last / (resized - 1.0),
            Transform::PytorchHalfPixel | Transform::AlignCorners => 0.0,
            Transform::Asymmetric => x / self.scale,
            Transform::TfHalfPixelForNn => (x + 0.5) / self.scale,
            Transform::Crop if self.resized > 1 => {
                start * last + x * (end - start) * last / (resized - 1.0)
            }
            Transform::Crop => 0.5 * (start + end) * last,
        };
        let is_inside = transform != Transform::Crop || (0.0..=last).contains(&source);
        is_inside.then_some(source)
    }

    /// The index in the tensor for each of the result; none for those outside of what is cropped.
    pub(super) fn nearest(&self, transform: Transform, nearest: Nearest) -> Vec<Option<usize>> {
        let one = |index| {
            let x = self.source(index, transform)?;
            let x = match nearest {
                Nearest::RoundPreferFloor => (x - 0.5).ceil(),
                Nearest::RoundPreferCeil => (x + 0.5).floor(),
                Nearest::Simple if self.scale < 1.0 => x.ceil(),
                Nearest::Ceil => x.ceil(),
                Nearest::Floor | Nearest::Simple => x.floor(),
            };
            Some((x.max(0.0) as usize).min(self.size - 1))
        };
        (0..self.resized).map(one).collect()
    }

    /// The elements of the tensor with their weights for each of the result; none for those
    /// outside of what is cropped. `stretches` the kernel where the tensor becomes smaller.
    pub(super) fn weights(
        &self,
        transform: Transform,
        kernel: Kernel,
        stretches: bool,
        excludes_outside: bool,
    ) -> Vec<Option<Vec<(usize, f64)>>> {
        let scale = if stretches { self.scale.min(1.0) } else { 1.0 };
        let reach = kernel.support() / scale;
        let last = self.size as i64 - 1;
        let one = |index| {
            let x = self.source(index, transform)?;
            let taps = (x - reach).ceil() as i64..=(x + reach).floor() as i64;
            let taps = taps.filter(|at| !excludes_outside || (0..=last).contains(at));
            let mut weights: Vec<(usize, f64)> = taps
                .map(|at| (at.clamp(0, last) as usize, kernel.weight((at as f64 - x) * scale)))
                .collect();
            let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|(_, weight)| *weight /= sum);
            }
            Some(weights)
        };
        (0..self.resized).map(one).collect()
    }
}
