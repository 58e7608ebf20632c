//! Finds integers that `serde_json::Value` would round: it holds integers of 64 bits, and larger ones as floats.

use super::CodecError;

/// Checks that a JSON value holds every integer of this text exactly.
///
/// # Errors
/// [`CodecError::InexactInteger`] with the first that it would round.
pub(crate) fn check_integers(json: &[u8]) -> Result<(), CodecError> {
    let mut rest = json;
    while let Some(start) = rest
        .iter()
        .position(|byte| *byte == b'"' || is_number(*byte))
    {
        rest = &rest[start..];
        let end = if rest[0] == b'"' {
            end_of_string(rest)
        } else {
            let end = rest.iter().position(|byte| !is_number(*byte));
            let end = end.unwrap_or(rest.len());
            check_number(&rest[..end])?;
            end
        };
        rest = &rest[end..];
    }
    Ok(())
}

fn is_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn end_of_string(json: &[u8]) -> usize {
    let mut at = 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(json.len())
}

fn check_number(number: &[u8]) -> Result<(), CodecError> {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.len() < 19 || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(number);
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        return Ok(());
    }
    Err(CodecError::InexactInteger(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integers_beyond_64_bits_are_found() {
        for exact in [
            r#"{"a":18446744073709551615,"b":-9223372036854775808}"#,
            r#"["99999999999999999999","\"99999999999999999999"]"#,
            "[1e300,0.12345678901234567890,true,null]",
            "\"unfinished \\",
            "",
        ] {
            assert!(check_integers(exact.as_bytes()).is_ok(), "{exact}");
        }
        for inexact in [
            r#"{"a":18446744073709551616}"#,
            "[1,-9223372036854775809]",
            r#"{"text\\":99999999999999999999}"#,
        ] {
            assert!(check_integers(inexact.as_bytes()).is_err(), "{inexact}");
        }
    }
}
