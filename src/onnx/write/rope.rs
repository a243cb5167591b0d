//! Encoded messages with the elements of tensors left out between them.

use crate::ir::TensorData;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

/// A piece of an encoded message.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Bytes of messages.
    Encoded(Vec<u8>),
    /// The elements of a tensor: to be copied, or the result of a weight task.
    Elements {
        /// How many bytes they take.
        len: u64,
        /// Where they are.
        data: TensorData,
    },
}

/// A message in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Rope {
    pieces: Vec<Piece>,
    len: u64,
}

impl Rope {
    /// How many bytes the message takes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Adds all fields of a message.
    pub(super) fn fields(&mut self, message: &impl Message) {
        self.encoded(&message.encode_to_vec());
    }

    /// Adds a field that holds a message.
    pub(super) fn field(&mut self, tag: u32, message: Rope) {
        self.key(tag, message.len);
        for piece in message.pieces {
            match piece {
                Piece::Encoded(bytes) => self.encoded(&bytes),
                Piece::Elements { len, data } => self.push_elements(len, data),
            }
        }
    }

    /// Adds a field that holds the elements of a tensor.
    pub(super) fn elements(&mut self, tag: u32, len: u64, data: TensorData) {
        self.key(tag, len);
        self.push_elements(len, data);
    }

    fn push_elements(&mut self, len: u64, data: TensorData) {
        self.pieces.push(Piece::Elements { len, data });
        self.len += len;
    }

    fn key(&mut self, tag: u32, len: u64) {
        let mut key = Vec::with_capacity(12);
        encode_key(tag, WireType::LengthDelimited, &mut key);
        encode_varint(len, &mut key);
        self.encoded(&key);
    }

    fn encoded(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Piece::Encoded(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Encoded(bytes.to_vec())),
        }
    }
}
