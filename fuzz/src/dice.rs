//! Numbers that look random and are the same for the same seed.

/// The SplitMix64 generator (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of the `index`-th input of a target: any input can be made again without those before it.
    #[must_use]
    pub fn of(target: &str, seed: u64, index: u64) -> Self {
        let mut dice = Self(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        for byte in target.bytes() {
            dice.0 = dice.next() ^ u64::from(byte);
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// A number from 1 to `most`, small ones as often as large ones.
    pub fn size(&mut self, most: usize) -> usize {
        let bits = usize::BITS - most.max(1).leading_zeros();
        let bound = 1usize << self.below(bits as usize + 1);
        1 + self.below(bound.min(most.max(1)))
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}
