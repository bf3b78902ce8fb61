//! When a budget's period begins and ends.

use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};

use super::config::Period;
use crate::base::clock::Millis;

/// A period: from `start` to before `end`, in milliseconds since the Unix epoch. What never starts anew has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: Millis,
    pub end: Option<Millis>,
}

impl Span {
    const EVER: Self = Self {
        start: 0,
        end: None,
    };
}

/// The period that `now` is in. Days are those of the zone, so that they have 23 or 25 hours where clocks are changed.
pub fn span(period: Period, zone: &TimeZone, now: Millis) -> Span {
    // Dates beyond the year 9999 are the only ones that the calendar does not know.
    calendar(period, zone, now).unwrap_or(Span::EVER)
}

fn calendar(period: Period, zone: &TimeZone, now: Millis) -> Result<Span, jiff::Error> {
    let here = Timestamp::from_millisecond(now)?.to_zoned(zone.clone());
    let today = here.start_of_day()?;
    let date = here.date();
    let first = |date: jiff::civil::Date| date.to_zoned(zone.clone());
    Ok(match period {
        Period::Total => Span::EVER,
        Period::Hour => hour(&here, now),
        Period::Day => between(&today, &first(date.tomorrow()?)?),
        Period::Week => {
            let monday =
                date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days())?;
            between(&first(monday)?, &first(monday.checked_add(7.days())?)?)
        }
        Period::Month => {
            let month = date.first_of_month();
            between(&first(month)?, &first(month.checked_add(1.month())?)?)
        }
    })
}

/// Hours are counted by the zone's offset at `now`: the two hours of one name in autumn are two.
fn hour(here: &Zoned, now: Millis) -> Span {
    const HOUR: Millis = 3_600_000;
    let offset = Millis::from(here.offset().seconds()) * 1000;
    let start = now - (now + offset).rem_euclid(HOUR);
    Span {
        start,
        end: Some(start + HOUR),
    }
}

fn between(start: &Zoned, end: &Zoned) -> Span {
    Span {
        start: start.timestamp().as_millisecond(),
        end: Some(end.timestamp().as_millisecond()),
    }
}

/// `ms` in `zone` as RFC 3339, e.g. `2026-11-24T00:00:00+01:00`.
pub fn rfc3339(ms: Millis, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else {
        return crate::base::clock::rfc3339(ms);
    };
    let offset = zone.to_offset(at);
    at.display_with_offset(offset).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[track_caller]
    fn check(period: Period, zone: &str, now: &str, start: &str, end: &str) {
        let zone = TimeZone::get(zone).unwrap();
        let span = span(period, &zone, ms(now));
        assert_eq!(rfc3339(span.start, &zone), start);
        assert_eq!(rfc3339(span.end.unwrap(), &zone), end);
    }

    #[test]
    fn a_day_has_23_or_25_hours_where_clocks_are_changed() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
        check(
            Period::Day,
            "Europe/Berlin",
            "2026-03-29T12:00:00Z",
            "2026-03-29T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        );
        check(
            Period::Day,
            "Europe/Berlin",
            "2026-10-25T22:59:59Z",
            "2026-10-25T00:00:00+02:00",
            "2026-10-26T00:00:00+01:00",
        );
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hours = |now: &str| {
            let span = span(Period::Day, &zone, ms(now));
            (span.end.unwrap() - span.start) / 3_600_000
        };
        assert_eq!(
            (
                hours("2026-03-29T12:00:00Z"),
                hours("2026-10-25T12:00:00Z"),
                hours("2026-10-26T12:00:00Z")
            ),
            (23, 25, 24)
        );
    }

    #[test]
    fn a_day_may_begin_after_midnight() {
        // Santiago skips midnight: 2026-09-06 begins at 01:00.
        check(
            Period::Day,
            "America/Santiago",
            "2026-09-06T12:00:00Z",
            "2026-09-06T01:00:00-03:00",
            "2026-09-07T00:00:00-03:00",
        );
    }

    #[test]
    fn an_hour_of_two_names_is_two() {
        check(
            Period::Hour,
            "Europe/Berlin",
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
        );
        check(
            Period::Hour,
            "Europe/Berlin",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T03:00:00+01:00",
        );
        check(
            Period::Hour,
            "Asia/Kolkata",
            "2026-10-25T01:45:00Z",
            "2026-10-25T07:00:00+05:30",
            "2026-10-25T08:00:00+05:30",
        );
    }

    #[test]
    fn a_week_begins_on_monday_and_a_month_on_its_first() {
        // 2026-11-22 is a Sunday; in Tokyo it is Monday already.
        check(
            Period::Week,
            "UTC",
            "2026-11-22T23:59:59Z",
            "2026-11-16T00:00:00+00:00",
            "2026-11-23T00:00:00+00:00",
        );
        check(
            Period::Week,
            "Asia/Tokyo",
            "2026-11-22T23:59:59Z",
            "2026-11-23T00:00:00+09:00",
            "2026-11-30T00:00:00+09:00",
        );
        check(
            Period::Month,
            "America/New_York",
            "2026-12-31T23:00:00Z",
            "2026-12-01T00:00:00-05:00",
            "2027-01-01T00:00:00-05:00",
        );
        // A week with a change of clocks has 167 or 169 hours.
        check(
            Period::Week,
            "Europe/Berlin",
            "2026-10-20T00:00:00Z",
            "2026-10-19T00:00:00+02:00",
            "2026-10-26T00:00:00+01:00",
        );
    }

    #[test]
    fn what_never_starts_anew_has_no_end() {
        assert_eq!(
            span(Period::Total, &TimeZone::UTC, ms("2026-11-22T00:00:00Z")),
            Span::EVER
        );
        assert_eq!(span(Period::Day, &TimeZone::UTC, Millis::MAX), Span::EVER);
    }
}
