//! The checksum of zip archives.

/// The checksum of some bytes so far.
#[derive(Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Default for Crc32 {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc32 {
    /// Goes on over these bytes.
    #[must_use]
    pub(crate) fn over(self, bytes: &[u8]) -> Self {
        let step = |crc: u32, &byte: &u8| TABLE[(crc as u8 ^ byte) as usize] ^ (crc >> 8);
        Self(bytes.iter().fold(self.0, step))
    }

    /// The checksum.
    pub(crate) fn value(self) -> u32 {
        !self.0
    }
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    /// The polynomial, its lowest power in the highest bit.
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(Crc32::default().over(b"12345").over(b"6789").value(), 0xcbf4_3926);
    }
}
