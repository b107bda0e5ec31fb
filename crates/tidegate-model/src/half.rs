//! Half-precision floats, as the scales of the static table are stored.

/// The value of an IEEE 754 binary16 given by its bits; every such value has an exact `f32`.
#[must_use]
#[inline(always)]
pub fn f16_to_f32(bits: u16) -> f32 {
    const TO_F32_BIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let magnitude = u32::from(bits & 0x7FFF) << 13;
    // Shifted into place, the exponent is short by the difference of the biases; multiplying puts that right for
    // numbers too small to have an exponent of their own as well. Infinities and NaNs need the full exponent.
    let value = if bits & 0x7C00 == 0x7C00 {
        f32::from_bits(magnitude | 0x7F80_0000)
    } else {
        f32::from_bits(magnitude) * TO_F32_BIAS
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

/// The half nearest to `value`, by its bits; of two equally near the even one. Beyond the largest half is infinity.
pub(crate) fn f32_to_f16(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = value.abs();
    let half = if magnitude.is_nan() {
        0x7E00
    } else if magnitude >= 65_520.0 {
        0x7C00
    } else if magnitude < f32::from_bits((127 - 14) << 23) {
        // Below the smallest exponent halves are whole steps of 2^-24, and the step after the last is the first of
        // those above.
        (magnitude * 16_777_216.0).round_ties_even() as u16
    } else {
        let bits = magnitude.to_bits();
        let rounded = bits + 0xFFF + ((bits >> 13) & 1);
        ((rounded >> 13) - ((127 - 15) << 10)) as u16
    };
    sign | half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_found_again_and_what_lies_between_goes_to_the_nearer() {
        for bits in (0..=u16::MAX).filter(|bits| !f16_to_f32(*bits).is_nan()) {
            assert_eq!(f32_to_f16(f16_to_f32(bits)), bits, "{bits:#06x}");
        }
        for bits in 0..0x7BFF_u16 {
            let (low, high) = (f16_to_f32(bits), f16_to_f32(bits + 1));
            let middle = (low + high) / 2.0;
            assert_eq!(f32_to_f16(middle), bits + (bits & 1), "{bits:#06x}");
            assert_eq!(f32_to_f16(middle.next_down()), bits, "{bits:#06x}");
            assert_eq!(f32_to_f16(-middle.next_up()), 0x8000 | (bits + 1), "{bits:#06x}");
        }
        assert_eq!(f32_to_f16(65_519.9), 0x7BFF);
        assert_eq!((f32_to_f16(65_520.0), f32_to_f16(f32::NEG_INFINITY)), (0x7C00, 0xFC00));
        assert!(f16_to_f32(f32_to_f16(f32::NAN)).is_nan());
    }

    /// The definition, written out in `f64`.
    fn reference(bits: u16) -> f64 {
        let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
        let fraction = f64::from(bits & 0x3FF) / 1024.0;
        sign * match (bits >> 10) & 0x1F {
            0 => fraction * 2f64.powi(-14),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
        }
    }

    #[test]
    fn every_half_has_the_value_of_its_definition() {
        for bits in 0..=u16::MAX {
            let (value, expected) = (f64::from(f16_to_f32(bits)), reference(bits));
            assert!(
                value == expected || value.is_nan() && expected.is_nan(),
                "{bits:#06x}: {value} {expected}"
            );
            assert_eq!(value.is_sign_negative(), bits >> 15 == 1, "{bits:#06x}");
        }
    }
}
