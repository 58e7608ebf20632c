//! Texts of errors with an end: a library that quotes data may quote a megabyte of it.

use std::fmt::{self, Display, Write};

/// The most bytes of a text that an error or a log line keeps.
pub(crate) const MAX_TEXT: usize = 2_048;

/// The text up to [`MAX_TEXT`] bytes, and how much is missing. It is never longer in memory.
pub(crate) fn bounded(text: &(impl Display + ?Sized)) -> String {
    let mut kept = Kept::default();
    // Only a `Display` that fails by itself fails here; what it wrote before is kept.
    let _ = write!(kept, "{text}");
    if kept.missing > 0 {
        let missing = kept.missing;
        kept.text += &format!("... ({missing} more bytes)");
    }
    kept.text
}

#[derive(Default)]
struct Kept {
    text: String,
    missing: usize,
}

impl Write for Kept {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = if self.missing > 0 {
            0
        } else {
            MAX_TEXT - self.text.len()
        };
        let cut = part.floor_char_boundary(room);
        self.text += &part[..cut];
        self.missing += part.len() - cut;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_what_is_missing() {
        let short = "é".repeat(MAX_TEXT / 2);
        assert_eq!(bounded(&short), short);
        let long = bounded(&format!("x{short}"));
        let expected = format!("x{}... (2 more bytes)", "é".repeat(MAX_TEXT / 2 - 1));
        assert_eq!(long, expected);
        let parts = bounded(&format_args!("{short}{short}"));
        assert_eq!(parts, format!("{short}... ({MAX_TEXT} more bytes)"));
    }
}
