//! Days since 1900, as Excel counts them.

use tidegate_core::calendar::date_of;

/// Days of this calendar before 1970.
const EPOCH: i64 = 25_569;
/// What a count from 1904 lacks.
const SINCE_1904: f64 = 1462.0;
const SECONDS: f64 = 86_400.0;

/// A day as `2023-03-15`; `None` outside of the years 1900 to 9999.
pub(super) fn date(days: f64, from_1904: bool) -> Option<String> {
    let days = if from_1904 { days + SINCE_1904 } else { days };
    if !(1.0..2_958_466.0).contains(&days) {
        return None;
    }
    let mut whole = days.floor() as i64;
    // Excel believes that 1900 had a 29th of February, day 60.
    if whole < 60 {
        whole += 1;
    }
    let (year, month, day) = date_of(whole - EPOCH)?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// The time of a day as `14:30:00`; of more than a day in hours.
pub(super) fn time(days: f64) -> Option<String> {
    if !(0.0..10_000.0).contains(&days) {
        return None;
    }
    let seconds = (days * SECONDS).round() as u64;
    Some(format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

/// Both; midnight is left out.
pub(super) fn date_time(days: f64, from_1904: bool) -> Option<String> {
    // Rounded first: half a second before midnight is the next day.
    let days = (days * SECONDS).round() / SECONDS;
    let date = date(days, from_1904)?;
    let time = time(days.fract())?;
    Some(if time == "00:00:00" { date } else { format!("{date} {time}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_like_excel_does() {
        let check = |days: f64, expect: &str| assert_eq!(date(days, false).as_deref(), Some(expect));
        check(1.0, "1900-01-01");
        check(59.0, "1900-02-28");
        check(61.0, "1900-03-01");
        check(36_526.0, "2000-01-01");
        check(45_351.9, "2024-02-29");
        assert_eq!(date(0.0, true).as_deref(), Some("1904-01-01"));
        assert_eq!(date(1e18, false), None);
        assert_eq!(date_time(45_000.604_166_7, false).as_deref(), Some("2023-03-15 14:30:00"));
        assert_eq!(date_time(44_999.999_999_9, false).as_deref(), Some("2023-03-15"));
        assert_eq!(time(1.5).as_deref(), Some("36:00:00"));
    }
}
