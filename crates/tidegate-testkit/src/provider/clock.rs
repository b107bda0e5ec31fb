//! The provider's calendar, for the dates it tells.

use std::time::Duration;

/// Days of the week from Thursday, which 1 January 1970 was.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment taken apart.
struct Moment {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Takes seconds since 1970 apart (Howard Hinnant's days-to-civil algorithm).
fn moment(seconds: u64) -> Moment {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days as i64 + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 2 } else { shifted_month - 10 };
    Moment {
        year: year_of_era + era * 400 + i64::from(month < 2),
        month: month as usize,
        day: of_year - (153 * shifted_month + 2) / 5 + 1,
        weekday: (days % 7) as usize,
        hour: rest / 3_600,
        minute: rest / 60 % 60,
        second: rest % 60,
    }
}

/// Seconds, rounded up.
pub(super) fn ceil_secs(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`, rounded up to the second.
pub(super) fn http_date(since_1970: Duration) -> String {
    let Moment { year, month, day, weekday, hour, minute, second } = moment(ceil_secs(since_1970));
    let (weekday, month) = (DAYS[weekday], MONTHS[month]);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// `2026-10-21T07:28:00Z`, rounded up to the second.
pub(super) fn rfc3339(since_1970: Duration) -> String {
    let Moment { year, month, day, hour, minute, second, .. } = moment(ceil_secs(since_1970));
    format!("{year}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_centuries() {
        for (seconds, http, iso) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00Z"),
            (1_792_567_680, "Wed, 21 Oct 2026 07:28:00 GMT", "2026-10-21T07:28:00Z"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT", "2100-02-28T23:59:59Z"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT", "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(http_date(Duration::from_secs(seconds)), http);
            assert_eq!(rfc3339(Duration::from_secs(seconds)), iso);
        }
        assert_eq!(rfc3339(Duration::from_millis(999_500)), "1970-01-01T00:16:40Z");
    }
}
