//! The `nf4` pass: weights in four bits, as QLoRA has them.
//!
//! A weight matrix, flattened as PyTorch stores it (`[out, in]`), is cut into blocks; a block is
//! stored as its largest absolute value and, for each element, the number of the nearest of 16
//! values in [-1, 1].
//! Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023.

pub mod codec;
