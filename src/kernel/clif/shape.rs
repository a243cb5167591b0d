//! Types of Cranelift.

use crate::kernel::Type;
use cranelift::codegen::ir::types;
use cranelift::codegen::isa::TargetFrontendConfig;
use cranelift::prelude::{AbiParam, Signature, Type as ClifType};

/// Elements of a vector.
pub(super) const WIDTH: i64 = 4;

/// The type of a value: one of the kernel, once, or for each of [`WIDTH`] lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) ty: Type,
    pub(super) is_vector: bool,
}

impl Shape {
    pub(super) fn scalar(ty: Type) -> Self {
        Self { ty, is_vector: false }
    }

    pub(super) fn vector(ty: Type) -> Self {
        Self { ty, is_vector: true }
    }

    pub(super) fn clif(self) -> ClifType {
        match (self.ty, self.is_vector) {
            (Type::F32, false) => types::F32,
            (Type::F64, false) => types::F64,
            (Type::I64, false) => types::I64,
            (Type::Bool, false) => types::I8,
            (Type::F32, true) => types::F32X4,
            // A mask.
            (_, true) => types::I32X4,
        }
    }
}

/// What functions are made for.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its calling convention and sizes.
    pub config: TargetFrontendConfig,
    /// Whether it has x·y + z rounded once.
    pub has_fma: bool,
    /// Whether it is x86-64.
    pub is_x86: bool,
}

/// The signature of all kernels.
pub fn signature(config: TargetFrontendConfig) -> Signature {
    let mut signature = Signature::new(config.default_call_conv);
    signature.params = vec![AbiParam::new(types::I64); 5];
    signature.returns = vec![AbiParam::new(types::I64)];
    signature
}
