//! The calendar: days since the first of January 1970, and the dates that they are.
//!
//! It is the proleptic Gregorian one, for years from 0 to 9999, which are those that have four digits, reckoned as in
//! <https://howardhinnant.github.io/date_algorithms.html>: a year begins in March there, so that the leap day is its
//! last.

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// Year, month and day of the day that is so many days after the first of January 1970; `None` outside of the years 0 to
/// 9999.
///
/// ```
/// assert_eq!(tidegate_core::calendar::date_of(19_782), Some((2024, 2, 29)));
/// ```
#[must_use]
pub fn date_of(days: i64) -> Option<(i64, i64, i64)> {
    // 0000-01-01 to 9999-12-31
    if !(-719_528..=2_932_896).contains(&days) {
        return None;
    }
    let shifted = days + EPOCH;
    let (era, of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Some((year_of_era + era * 400 + i64::from(month <= 2), month, day))
}

/// The days from the first of January 1970 to a date; `None` if there is no such day, or its year is not one of 0 to
/// 9999.
///
/// ```
/// use tidegate_core::calendar::days_to;
/// assert_eq!((days_to(1970, 1, 2), days_to(2023, 2, 29)), (Some(1), None));
/// ```
#[must_use]
pub fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let from_march = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
    // A day that the month has not comes back as one of the next.
    (date_of(days) == Some((year, month, day))).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_comes_back() {
        let (mut before, mut count) = ((-1, 12, 31), 0);
        for days in -719_528..=2_932_896 {
            let date = date_of(days).unwrap();
            assert!(date > before, "{date:?} follows {before:?}");
            let (year, month, day) = date;
            assert_eq!(days_to(year, month, day), Some(days));
            (before, count) = (date, count + 1);
        }
        assert_eq!((before, count), ((9999, 12, 31), 3_652_425));
        assert_eq!((date_of(-719_529), date_of(2_932_897), date_of(i64::MAX)), (None, None, None));
        for (year, month, day) in [
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 13, 1),
            (2024, 0, 1),
            (2024, 4, 31),
            (2024, 1, 0),
            (-1, 1, 1),
            (10_000, 1, 1),
            (i64::MAX, 1, 1),
        ] {
            assert_eq!(days_to(year, month, day), None);
        }
    }
}
