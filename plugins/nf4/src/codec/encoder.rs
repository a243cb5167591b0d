//! Which encoder runs.

use super::measure::{MeasuredBlocks, MeasuredColumns};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use super::{blocks::Blocks, columns::Columns, portable, tables::Tables};
use crate::errors::Sums;

/// How blocks are encoded. All encoders make the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encoder(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable,
}

impl Encoder {
    /// The encoders that this CPU runs, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let kinds = [
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Kind::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Kind::Avx2),
            Some(Kind::Portable),
        ];
        kinds.into_iter().flatten().map(Self)
    }

    /// The fastest that this CPU runs.
    pub fn fastest() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Portable))
    }

    /// `avx512`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            Kind::Portable => "portable",
        }
    }

    pub(super) fn quantize(self, tables: &Tables, blocks: Blocks<'_>) -> Result<(), usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(avx512) => avx512.quantize(tables, blocks),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(avx2) => avx2.quantize(tables, blocks),
            Kind::Portable => portable::quantize(tables, blocks),
        }
    }

    pub(super) fn quantize_columns(
        self,
        tables: &Tables,
        columns: Columns<'_>,
    ) -> Result<(), usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(avx512) => avx512.quantize_columns(tables, columns),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(avx2) => avx2.quantize_columns(tables, columns),
            Kind::Portable => portable::quantize_columns(tables, columns),
        }
    }

    pub(super) fn measure(self, tables: &Tables, blocks: MeasuredBlocks<'_>, sums: &mut Sums) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(avx512) => avx512.measure(tables, blocks, sums),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(avx2) => avx2.measure(tables, blocks, sums),
            Kind::Portable => portable::measure(tables, blocks, sums),
        }
    }

    pub(super) fn measure_columns(
        self,
        tables: &Tables,
        columns: MeasuredColumns<'_>,
        sums: &mut Sums,
    ) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(avx512) => avx512.measure_columns(tables, columns, sums),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(avx2) => avx2.measure_columns(tables, columns, sums),
            Kind::Portable => portable::measure_columns(tables, columns, sums),
        }
    }
}
