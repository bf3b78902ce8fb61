//! How long an answer asks to wait.

use std::time::Duration;

use http::HeaderMap;
use jiff::fmt::rfc2822;

/// `Retry-After` (RFC 9110, section 10.2.3) in seconds, or as a date, which is held against the answer's own `Date`: clocks differ.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |name: &str| {
        let time = rfc2822::parse(text(name)?).ok()?;
        Some(time.timestamp().as_second())
    };
    let asked = text("retry-after")?;
    if let Ok(seconds) = asked.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let seconds = date("retry-after")? - date("date")?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        const NOW: (&str, &str) = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        for (pairs, seconds) in [
            (&[("retry-after", "7")][..], Some(7)),
            (
                &[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"), NOW],
                Some(30),
            ),
            (
                &[("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT"), NOW],
                Some(0),
            ),
            (&[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon"), NOW], None),
            (&[("retry-after", "inf")], None),
            (&[], None),
        ] {
            let headers = pairs.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            });
            let wait = retry_after(&headers.collect());
            assert_eq!(wait, seconds.map(Duration::from_secs), "{pairs:?}");
        }
    }
}
