//! Where the tokens of a text start, in about an eighth of its bytes: a bit for each byte, and now and then how many
//! there were so far. A list of places would take up to four times the text.

/// Words of bits that are counted together.
const GROUP: usize = 8;
const BITS: usize = u64::BITS as usize;

/// Places in rising order.
pub(super) struct Marks {
    bits: Vec<u64>,
    /// Marks before each group of words.
    before: Vec<u32>,
    /// One after the last mark.
    end: usize,
    count: usize,
}

impl Marks {
    /// Room for marks below `length`.
    pub(super) fn up_to(length: usize) -> Self {
        Self { bits: vec![0; length / BITS + 1], before: Vec::new(), end: 0, count: 0 }
    }

    /// Adds a mark. Of several tokens that start at one byte, as those of one character may, the others are marked at the
    /// bytes after it: no character has more tokens than bytes.
    pub(super) fn push(&mut self, at: usize) {
        let at = at.max(self.end);
        (self.end, self.count) = (at + 1, self.count + 1);
        if let Some(word) = self.bits.get_mut(at / BITS) {
            *word |= 1 << (at % BITS);
        }
    }

    /// All marks are there: counts them.
    pub(super) fn done(mut self) -> Self {
        let mut sum = 0_u32;
        self.before = self
            .bits
            .chunks(GROUP)
            .map(|group| {
                let before = sum;
                sum += group.iter().map(|word| word.count_ones()).sum::<u32>();
                before
            })
            .collect();
        self
    }

    /// How many marks are below `at`.
    pub(super) fn before(&self, at: usize) -> usize {
        if at >= self.end {
            return self.count;
        }
        let (word, group) = (at / BITS, at / BITS / GROUP);
        let whole: u32 = self.bits[group * GROUP..word].iter().map(|word| word.count_ones()).sum();
        let part = self.bits[word] & ((1 << (at % BITS)) - 1);
        (self.before[group] + whole + part.count_ones()) as usize
    }

    /// The place of mark number `index`, from 0.
    pub(super) fn at(&self, index: usize) -> Option<usize> {
        let wanted = u32::try_from(index).ok().filter(|_| index < self.count)?;
        let group = self.before.partition_point(|before| *before <= wanted).checked_sub(1)?;
        let mut left = wanted - self.before[group];
        for (offset, word) in self.bits[group * GROUP..].iter().take(GROUP).enumerate() {
            if left < word.count_ones() {
                let mut rest = *word;
                (0..left).for_each(|_| rest &= rest - 1);
                return Some((group * GROUP + offset) * BITS + rest.trailing_zeros() as usize);
            }
            left -= word.count_ones();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_found_as_in_a_list(gaps in proptest::collection::vec(1usize..700, 0..200), rest in 0usize..600) {
            let places: Vec<usize> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at - 1) }).collect();
            let length = places.last().map_or(0, |last| last + 1) + rest;
            let mut marks = Marks::up_to(length);
            places.iter().for_each(|at| marks.push(*at));
            let marks = marks.done();
            for (index, place) in places.iter().enumerate() {
                prop_assert_eq!(marks.at(index), Some(*place));
                prop_assert_eq!((marks.before(*place), marks.before(place + 1)), (index, index + 1));
            }
            prop_assert_eq!((marks.at(places.len()), marks.before(length)), (None, places.len()));
        }
    }

    #[test]
    fn tokens_of_one_character_are_counted_apart() {
        let mut marks = Marks::up_to(6);
        [0, 0, 0, 3, 3].into_iter().for_each(|at| marks.push(at));
        let marks = marks.done();
        assert_eq!([0, 3, 6].map(|at| marks.before(at)), [0, 3, 5]);
        assert_eq!(marks.at(3), Some(3));
    }
}
