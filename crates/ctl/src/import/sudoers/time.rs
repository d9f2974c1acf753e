//! `NOTBEFORE` and `NOTAFTER`: generalised time, as in `20261201200000Z`.

use brevet_core::policy::Validity;
use brevet_core::time::Timestamp;

use super::ast::Options;

/// When a line holds; always, where it does not say.
///
/// # Errors
/// When a time is not written, or in no zone.
pub fn validity(options: &Options) -> Result<Validity, String> {
    let moment = |key: &str, otherwise: &str| match options.0.get(key) {
        Some(text) => parse(text).ok_or_else(|| {
            format!("{key}={text}: not a time with its zone, such as 20261201200000Z; without one it is the computer's own")
        }),
        None => Timestamp::parse(otherwise).map_err(|error| error.to_string()),
    };
    if !options.0.contains_key("NOTBEFORE") && !options.0.contains_key("NOTAFTER") {
        return Ok(Validity::Always);
    }
    let start = moment("NOTBEFORE", "1970-01-01T00:00:00Z")?;
    let end = moment("NOTAFTER", "9999-12-31T00:00:00Z")?;
    Ok(Validity::Window { start, end })
}

fn parse(text: &str) -> Option<Timestamp> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (moment, zone) = text.split_at_checked(digits)?;
    // A fraction is dropped: the day begins or ends a little earlier.
    let zone = match zone.strip_prefix(['.', ',']) {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => zone,
    };
    let part = |from: usize, to: usize| moment.get(from..to);
    let (year, month, day, hour) = (part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 10)?);
    let minute = if digits >= 12 { part(10, 12)? } else { "00" };
    let second = if digits >= 14 { part(12, 14)? } else { "00" };
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let zone = match zone {
        "Z" => "Z".to_owned(),
        other => {
            let sign = other.get(..1).filter(|sign| matches!(*sign, "+" | "-"))?;
            let figures = other.get(1..).filter(|rest| rest.len() == 4 && rest.bytes().all(|b| b.is_ascii_digit()))?;
            format!("{sign}{}:{}", figures.get(..2)?, figures.get(2..)?)
        }
    };
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{zone}")).ok()
}
