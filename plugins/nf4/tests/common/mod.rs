//! The stored answers of bitsandbytes and ONNX Runtime (`fixtures/generate.py`); random numbers.
#![allow(dead_code, reason = "each test file uses a part")]

use half::{bf16, f16};
use peftc_plugin_nf4::codec::QuantType;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use safetensors::{Dtype, SafeTensors};

pub(crate) struct Fixtures(Vec<u8>);

impl Fixtures {
    pub(crate) fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bitsandbytes.safetensors");
        Self(std::fs::read(path).expect("the fixtures are there"))
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).expect("the fixtures are whole")
    }

    /// What follows a prefix in the names of tensors.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let tensors = self.tensors();
        let names = tensors.names().into_iter();
        let mut names: Vec<_> =
            names.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned)).collect();
        names.sort();
        names
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors().tensor(name).is_ok()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.tensors().tensor(name).expect(name).data().to_vec()
    }

    /// A tensor of any floating type, as float32.
    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let tensors = self.tensors();
        let tensor = tensors.tensor(name).expect(name);
        let (twos, _) = tensor.data().as_chunks::<2>();
        match tensor.dtype() {
            Dtype::F32 => {
                let (fours, _) = tensor.data().as_chunks::<4>();
                fours.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
            }
            Dtype::F16 => twos.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::BF16 => twos.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            other => panic!("{name} is {other}"),
        }
    }
}

pub(crate) fn quant_type(name: &str) -> QuantType {
    [QuantType::Nf4, QuantType::Fp4].into_iter().find(|t| t.name() == name).expect("a type")
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Seeded random numbers.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0
    }

    /// Of N(0, 1), by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn normals(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| self.normal() as f32).collect()
    }

    /// Any finite float32: all exponents alike.
    pub(crate) fn finite(&mut self) -> f32 {
        let value = f32::from_bits(self.0.next_u32());
        if value.is_finite() { value } else { 0.0 }
    }
}
