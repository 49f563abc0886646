//! The server's time, and times in words.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};

thread_local! {
    static AHEAD_MS: Cell<i64> = const { Cell::new(0) };
}

/// Remembers how far the server's clock is ahead of this machine's, from the `Date` header of an answer.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn learn_server_time(date: &str) {
    if let Ok(server) = DateTime::parse_from_rfc2822(date) {
        let ahead = (server.to_utc() - Utc::now()).num_milliseconds();
        // the header has whole seconds and took a while to arrive, so smaller differences mean nothing
        AHEAD_MS.set(if ahead.abs() > 2_000 { ahead } else { 0 });
    }
}

/// Returns the server's time, as far as it is known.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now() + TimeDelta::milliseconds(AHEAD_MS.get())
}

/// Returns the time until `end`, such as `1 h 05 min`, `12 min`, `0:45`. Returns `None` once it has passed.
#[must_use]
pub fn time_left(now: DateTime<Utc>, end: DateTime<Utc>) -> Option<String> {
    let left = (end - now).num_seconds();
    match left {
        ..=0 => None,
        1..300 => Some(format!("{}:{:02}", left / 60, left % 60)),
        300..3600 => Some(format!("{} min", left / 60)),
        _ => Some(format!("{} h {:02} min", left / 3600, left % 3600 / 60)),
    }
}

/// Returns a moment in the viewer's time zone.
fn local(at: DateTime<Utc>) -> js_sys::Date {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit exactly")]
    let millis = at.timestamp_millis() as f64;
    js_sys::Date::new(&millis.into())
}

/// Returns the time of day in the viewer's time zone, such as `15:40`.
#[must_use]
pub fn time_of_day(at: DateTime<Utc>) -> String {
    // if the server's clock is wrong, what counts is the span from now, by the viewer's own clock
    let local = local(at - TimeDelta::milliseconds(AHEAD_MS.get()));
    format!("{:02}:{:02}", local.get_hours(), local.get_minutes())
}

/// Returns a date in the viewer's time zone, such as `3 Nov 2026`.
#[must_use]
pub fn date(at: DateTime<Utc>) -> String {
    let local = local(at);
    date_in_words(local.get_full_year(), local.get_month(), local.get_date())
}

/// Returns a date and time in the viewer's time zone, such as `3 Nov 2026, 15:40`.
#[must_use]
pub fn date_and_time(at: DateTime<Utc>) -> String {
    let local = local(at);
    format!("{}, {:02}:{:02}", date(at), local.get_hours(), local.get_minutes())
}

/// Returns a date and time in the viewer's time zone, such as `3 Nov 2026, 15:40:07`.
#[must_use]
pub fn date_time_and_seconds(at: DateTime<Utc>) -> String {
    format!("{}:{:02}", date_and_time(at), local(at).get_seconds())
}

/// `month` counts from 0.
fn date_in_words(year: u32, month: u32, day: u32) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = month as usize * 3;
    format!("{day} {} {year}", MONTHS.get(at..at + 3).unwrap_or("?"))
}

/// Returns the value of a `datetime-local` field for a moment: it is in the viewer's time zone.
#[must_use]
pub fn to_field(at: DateTime<Utc>) -> String {
    let local = local(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}",
        local.get_full_year(),
        local.get_month() + 1,
        local.get_date(),
        local.get_hours(),
        local.get_minutes()
    )
}

/// Parses the value of a `datetime-local` field. Returns `None` if it is empty or not a date.
#[must_use]
pub fn from_field(text: &str) -> Option<DateTime<Utc>> {
    let millis = (!text.is_empty()).then(|| js_sys::Date::parse(text)).filter(|millis| millis.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "the browser's dates are whole milliseconds")]
    DateTime::from_timestamp_millis(millis as i64)
}

/// Returns a wait in words, rounded up, such as `1 second`, `45 seconds`, `3 minutes`.
#[must_use]
pub fn wait_in_words(secs: i64) -> String {
    let (count, unit) = match secs {
        ..=90 => (secs.max(1), "second"),
        91..=5_400 => ((secs + 59) / 60, "minute"),
        _ => ((secs + 3_599) / 3_600, "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Returns how long ago something was, such as `just now`, `3 min ago`, `2 days ago`.
#[must_use]
pub fn time_ago(now: DateTime<Utc>, then: DateTime<Utc>) -> String {
    match (now - then).num_seconds() {
        ..10 => "just now".to_owned(),
        s @ 10..60 => format!("{s} s ago"),
        s @ 60..3_600 => format!("{} min ago", s / 60),
        s @ 3_600..86_400 => format!("{} h ago", s / 3_600),
        s @ 86_400..172_800 => format!("{} day ago", s / 86_400),
        s => format!("{} days ago", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(seconds: i64) -> Option<String> {
        let now = DateTime::UNIX_EPOCH;
        time_left(now, now + TimeDelta::seconds(seconds))
    }

    #[test]
    fn the_last_minutes_are_counted_in_seconds() {
        assert_eq!(left(45).as_deref(), Some("0:45"));
        assert_eq!(left(299).as_deref(), Some("4:59"));
        assert_eq!(left(300).as_deref(), Some("5 min"));
        assert_eq!(left(3_900).as_deref(), Some("1 h 05 min"));
    }

    #[test]
    fn nothing_is_left_once_the_end_has_come() {
        assert_eq!(left(0), None);
        assert_eq!(left(-5), None);
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(wait_in_words(0), "1 second");
        assert_eq!(wait_in_words(1), "1 second");
        assert_eq!(wait_in_words(90), "90 seconds");
        assert_eq!(wait_in_words(121), "3 minutes");
        assert_eq!(wait_in_words(7_201), "3 hours");
    }

    #[test]
    fn a_date_has_its_month_by_name() {
        assert_eq!(date_in_words(2026, 0, 3), "3 Jan 2026");
        assert_eq!(date_in_words(2026, 11, 31), "31 Dec 2026");
    }

    #[test]
    fn a_moment_ahead_of_the_clock_counts_as_now() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(time_ago(now, now + TimeDelta::seconds(30)), "just now");
        assert_eq!(time_ago(now + TimeDelta::seconds(125), now), "2 min ago");
    }
}
