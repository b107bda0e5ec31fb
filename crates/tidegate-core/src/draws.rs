//! Numbers that look random and are the same on every machine: for samples, orders and starting points that a run
//! must be able to repeat. Nothing secret may rest on them.

/// A sequence of numbers that depends on nothing but its seed: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; zero if there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        // The high half of the product spreads all numbers over the range without dividing (Lemire, 2019).
        ((u128::from(self.draw()) * limit as u128) >> 64) as usize
    }

    /// Puts `items` into an order that this sequence decides (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut draws = Draws::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| draws.draw()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn numbers_stay_below_their_limit_and_orders_keep_every_item() {
        let mut draws = Draws::new(7);
        assert_eq!((draws.below(0), draws.below(1)), (0, 0));
        let mut met = [0_u32; 5];
        (0..5_000).for_each(|_| met[draws.below(5)] += 1);
        assert!(met.iter().all(|count| (800..1_200).contains(count)), "{met:?}");
        let mut items: Vec<usize> = (0..1_000).collect();
        draws.shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert!(items.into_iter().eq(0..1_000));
        Draws::new(1).shuffle::<u8>(&mut []);
    }
}
