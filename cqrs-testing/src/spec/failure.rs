//! The message of a failed expectation: the difference, line by line, and the test with the values that would pass.

use std::fmt::Debug;

use similar::{ChangeTag, TextDiff};

/// A list with one item after the other, as rustfmt formats it.
pub(super) fn list<T: Debug>(items: &[T]) -> String {
    format!("{items:#?}")
}

/// Panics with the difference and a test to paste.
#[track_caller]
pub(super) fn differ(what: &str, expected: &str, actual: &str, passing: &str) -> ! {
    panic!(
        "{what} differ (- expected, + actual):\n{}\nthis would pass:\n\n{passing}\n",
        difference(expected, actual)
    );
}

fn difference(expected: &str, actual: &str) -> String {
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

/// The `Debug` text of a value as Rust source: with the enum's name before its variant and `.into()` after its strings.
pub(super) fn source<T: Debug>(value: &T) -> String {
    let text = owned_strings(&format!("{value:?}"));
    match enum_name::<T>() {
        Some(name) if !text.starts_with(name) => format!("{name}::{text}"),
        _ => text,
    }
}

/// Several values as source, in brackets.
pub(super) fn sources<T: Debug>(values: &[T]) -> String {
    format!(
        "[{}]",
        values.iter().map(source).collect::<Vec<_>>().join(", ")
    )
}

/// The last part of the type's path, unless the type is a primitive or a tuple.
pub(super) fn enum_name<T>() -> Option<&'static str> {
    let path = std::any::type_name::<T>();
    let name = path
        .split('<')
        .next()
        .and_then(|path| path.rsplit("::").next())?;
    name.chars()
        .next()
        .is_some_and(char::is_uppercase)
        .then_some(name)
}

/// Adds `.into()` to every string literal, so that it fits a `String`.
fn owned_strings(debug: &str) -> String {
    let mut out = String::with_capacity(debug.len());
    let (mut inside, mut escaped) = (false, false);
    for c in debug.chars() {
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => {
                if inside {
                    out.push_str(".into()");
                }
                inside = !inside;
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_becomes_source() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "read by Debug")]
        enum Happened {
            Named { name: String },
            Nothing,
        }
        let named = Happened::Named {
            name: "say \"hi\"".to_owned(),
        };
        assert_eq!(
            sources(&[named]),
            r#"[Happened::Named { name: "say \"hi\"".into() }]"#
        );
        assert_eq!(source(&Happened::Nothing), "Happened::Nothing");
        assert_eq!(source(&5), "5");
    }

    #[test]
    fn a_difference_shows_every_line() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "    a\n  - b\n  + c\n");
    }
}
