//! The message of a failed expectation: the difference, line by line, and the test with the values that would pass.

use std::fmt::Debug;

use similar::{ChangeTag, TextDiff};

/// A value with one field or item after the other, as rustfmt formats it.
pub(crate) fn pretty<T: Debug + ?Sized>(value: &T) -> String {
    format!("{value:#?}")
}

/// Panics with the difference and a test to paste.
#[track_caller]
pub(super) fn differ(what: &str, expected: &str, actual: &str, passing: &str) -> ! {
    panic!(
        "{what} differ (- expected, + actual):\n{}\nthis would pass:\n\n{passing}\n",
        difference(expected, actual)
    );
}

/// Both texts line by line: `-` only the first has it, `+` only the second.
pub(crate) fn difference(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    let line = |tag, text: &str| {
        let sign = match tag {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("  {sign} {}\n", text.trim_end_matches('\n'))
    };
    diff.iter_all_changes()
        .map(|change| line(change.tag(), change.value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_every_line() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "    a\n  - b\n  + c\n");
    }
}
