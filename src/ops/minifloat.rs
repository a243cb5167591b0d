//! Floats of at most 16 bits.

use crate::ir::DataType;

/// A type of floats: a sign, an exponent and a mantissa.
///
/// Those of 8, 6 and 4 bits are the OCP's (Microscaling Formats, version 1.0), and the two without
/// a negative zero arXiv 2206.02915's.
pub(crate) struct Format {
    exponent: u32,
    mantissa: u32,
    bias: i32,
    special: Special,
}

/// Which codes are no numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    /// The largest exponent: infinity, and NaN with another mantissa than 0.
    Exponent,
    /// The largest code: NaN.
    Largest,
    /// That of the negative zero: NaN.
    NegativeZero,
    None,
}

/// What a cast does where rules differ.
#[derive(Clone, Copy)]
pub(crate) struct Rounding {
    /// Whether in types of 8 bits what is too large becomes the largest number.
    pub(crate) saturate: bool,
    /// To which of the powers of two that f8e8m0 has.
    pub(crate) power: ToPower,
}

/// To which power of two what lies between two is rounded.
#[derive(Clone, Copy)]
pub(crate) enum ToPower {
    Up,
    Down,
    /// The upper where both are as near.
    Nearest,
}

/// The defaults of `Cast`.
pub(crate) static ROUNDING: Rounding = Rounding { saturate: true, power: ToPower::Up };

impl Format {
    /// That of a type of a sign, an exponent and a mantissa, of at most 16 bits.
    pub(crate) fn of(dtype: DataType) -> Option<Self> {
        let (exponent, mantissa, bias, special) = match dtype {
            DataType::F16 => (5, 10, 15, Special::Exponent),
            DataType::BF16 => (8, 7, 127, Special::Exponent),
            DataType::F8E4M3FN => (4, 3, 7, Special::Largest),
            DataType::F8E4M3FNUZ => (4, 3, 8, Special::NegativeZero),
            DataType::F8E5M2 => (5, 2, 15, Special::Exponent),
            DataType::F8E5M2FNUZ => (5, 2, 16, Special::NegativeZero),
            DataType::F6E2M3 => (2, 3, 1, Special::None),
            DataType::F6E3M2 => (3, 2, 3, Special::None),
            DataType::F4E2M1 => (2, 1, 1, Special::None),
            _ => return None,
        };
        Some(Self { exponent, mantissa, bias, special })
    }

    fn sign(&self) -> u16 {
        1 << (self.exponent + self.mantissa)
    }

    /// Positive infinity, in a format that has it.
    fn infinity(&self) -> u16 {
        self.sign() - (1 << self.mantissa)
    }

    fn largest(&self) -> u16 {
        match self.special {
            Special::Exponent => self.infinity() - 1,
            Special::Largest => self.sign() - 2,
            Special::NegativeZero | Special::None => self.sign() - 1,
        }
    }

    pub(crate) fn decode(&self, code: u16) -> f64 {
        let magnitude = code & (self.sign() - 1);
        let sign = if code == magnitude { 1.0 } else { -1.0 };
        match self.special {
            Special::NegativeZero if code == self.sign() => return f64::NAN,
            Special::Exponent if magnitude == self.infinity() => return sign * f64::INFINITY,
            _ if magnitude > self.largest() => return f64::NAN.copysign(sign),
            _ => {}
        }
        let exponent = i32::from(magnitude >> self.mantissa);
        let fraction = magnitude & ((1 << self.mantissa) - 1);
        let hidden = if exponent == 0 { 0 } else { 1 << self.mantissa };
        let quantum = exponent.max(1) - self.bias - self.mantissa as i32;
        sign * f64::from(hidden + fraction) * power_of_two(quantum)
    }

    /// The nearest number, the even one of two. Types of 6 and 4 bits have no NaN: it becomes 0.
    pub(crate) fn encode(&self, x: f64, saturate: bool) -> u16 {
        let sign = if x.is_sign_negative() { self.sign() } else { 0 };
        if x.is_nan() {
            return match self.special {
                Special::Exponent => sign | self.infinity() | (1 << (self.mantissa - 1)),
                Special::Largest => sign | (self.sign() - 1),
                Special::NegativeZero => self.sign(),
                Special::None => 0,
            };
        }
        let exponent = exponent(x).max(1 - self.bias);
        let quanta = x.abs() / power_of_two(exponent - self.mantissa as i32);
        // A subnormal has no hidden bit, and an exponent of 0 in the code: either is one less.
        let code = (((exponent + self.bias - 1) as u32) << self.mantissa)
            .saturating_add(quanta.round_ties_even() as u32);
        match self.special {
            Special::NegativeZero if code == 0 => 0,
            _ if code <= u32::from(self.largest()) => sign | code as u16,
            _ if saturate => sign | self.largest(),
            Special::Exponent => sign | self.infinity(),
            Special::Largest => sign | (self.sign() - 1),
            Special::NegativeZero => self.sign(),
            Special::None => sign | self.largest(),
        }
    }
}

/// f8e8m0: a power of two without a sign; the largest code is NaN.
pub(crate) fn decode_power(code: u8) -> f64 {
    if code == u8::MAX { f64::NAN } else { power_of_two(i32::from(code) - 127) }
}

/// What `Cast` says of f8e8m0. Of negative numbers it says nothing: the sign is dropped.
pub(crate) fn encode_power(x: f64, rounding: Rounding) -> u8 {
    let x = x.abs();
    let down = exponent(x);
    let of_down = x / power_of_two(down.max(-1022));
    let is_up = match rounding.power {
        ToPower::Up => of_down > 1.0,
        ToPower::Down => false,
        ToPower::Nearest => of_down >= 1.5,
    };
    let code = down + i32::from(is_up) + 127;
    match code {
        _ if x.is_nan() => u8::MAX,
        0..=254 => code as u8,
        _ if rounding.saturate => code.clamp(0, 254) as u8,
        _ => u8::MAX,
    }
}

/// The exponent of the power of two below; −1023 for subnormal numbers.
fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// For exponents of normal numbers.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    static FORMATS: [DataType; 9] = [
        DataType::F16,
        DataType::BF16,
        DataType::F8E4M3FN,
        DataType::F8E4M3FNUZ,
        DataType::F8E5M2,
        DataType::F8E5M2FNUZ,
        DataType::F6E2M3,
        DataType::F6E3M2,
        DataType::F4E2M1,
    ];

    fn format(dtype: DataType) -> Format {
        Format::of(dtype).expect("is one")
    }

    #[test]
    fn every_number_is_its_own_code() {
        for dtype in FORMATS {
            let format = format(dtype);
            for code in 0..=(format.sign() - 1) | format.sign() {
                let x = format.decode(code);
                assert!(x.is_nan() || format.encode(x, false) == code, "{dtype} {code} {x}");
            }
        }
    }

    #[test]
    fn what_lies_between_two_numbers_goes_to_the_nearer_or_the_even_one() {
        for dtype in FORMATS {
            let format = format(dtype);
            for code in 0..format.largest() {
                let (below, above) = (format.decode(code), format.decode(code + 1));
                let middle = f64::midpoint(below, above);
                let even = if code % 2 == 0 { code } else { code + 1 };
                assert_eq!(format.encode(middle, false), even, "{dtype} {middle}");
                assert_eq!(format.encode(middle.next_up(), false), code + 1, "{dtype} {middle}");
                assert_eq!(format.encode(middle.next_down(), false), code, "{dtype} {middle}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_are_those_of_the_papers() {
        let largest = |dtype| format(dtype).decode(format(dtype).largest());
        assert_eq!(FORMATS.map(largest)[2..], [448.0, 240.0, 57344.0, 57344.0, 7.5, 28.0, 6.0]);
        assert_eq!(largest(DataType::F16), 65504.0);
        assert_eq!(largest(DataType::BF16), f64::from(half::bf16::MAX));
    }

    #[test]
    fn what_is_too_large_is_what_the_cast_says() {
        let (fn_, e5m2) = (format(DataType::F8E4M3FN), format(DataType::F8E5M2));
        assert_eq!([fn_.encode(465.0, true), fn_.encode(-f64::INFINITY, true)], [0x7e, 0xfe]);
        assert_eq!([fn_.encode(464.0, false), fn_.encode(-465.0, false)], [0x7e, 0xff]);
        assert_eq!([e5m2.encode(1e9, true), e5m2.encode(-1e9, false)], [0x7b, 0xfc]);
        assert_eq!(format(DataType::F8E4M3FNUZ).encode(-1e-9, true), 0);
    }

    #[test]
    fn powers_of_two_are_rounded_as_they_are_told_to() {
        let code = |x, power| encode_power(x, Rounding { saturate: true, power });
        let each = |x| [ToPower::Down, ToPower::Nearest, ToPower::Up].map(|power| code(x, power));
        assert_eq!(each(1.0), [127, 127, 127]);
        assert_eq!(each(1.4), [127, 127, 128]);
        assert_eq!(each(1.5), [127, 128, 128]);
        assert_eq!(each(0.0), [0, 0, 0]);
        assert_eq!(each(f64::INFINITY), [254, 254, 254]);
        assert_eq!(each(f64::NAN), [255, 255, 255]);
        let nothing = Rounding { saturate: false, power: ToPower::Nearest };
        assert_eq!([0.0, f64::INFINITY, 1e39].map(|x| encode_power(x, nothing)), [255; 3]);
    }
}
