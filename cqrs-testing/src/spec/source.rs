//! Values as Rust source, so that a failure can print a test to paste.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use cqrs_core::{
    Aggregate, Check, To,
    roles::{CommandVisitor, SingleCommand},
};

/// The `Debug` text of a value as source: with the enum's name before its variant and `.into()` after its strings.
pub(crate) fn source<T: Debug>(value: &T) -> String {
    named::<T>(&format!("{value:?}"))
}

/// Several values as source, in brackets.
pub(crate) fn sources<T: Debug>(values: &[T]) -> String {
    let values: Vec<_> = values.iter().map(source).collect();
    format!("[{}]", values.join(", "))
}

/// The last part of the type's path; nothing for a primitive or a tuple.
pub(crate) fn type_name<T>() -> Option<&'static str> {
    let path = std::any::type_name::<T>().split('<').next()?;
    let name = path.rsplit("::").next()?;
    name.starts_with(char::is_uppercase).then_some(name)
}

/// The beginning of a specification of an aggregate.
pub(crate) fn constructor<A>() -> String {
    format!("Spec::<{}>::new()", role::<A>())
}

/// A role, as it is passed to `Spec::view` or `Spec::reactor`.
pub(crate) fn role<R>() -> &'static str {
    type_name::<R>().unwrap_or("role")
}

/// A time as source.
pub(crate) fn time(time: SystemTime) -> String {
    let epoch = "SystemTime::UNIX_EPOCH";
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(Duration::ZERO) => epoch.to_owned(),
        Ok(after) => format!("{epoch} + {}", duration(after)),
        Err(before) => format!("{epoch} - {}", duration(before.duration())),
    }
}

fn duration(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("Duration::from_secs({})", duration.as_secs()),
        nanos => format!("Duration::new({}, {nanos})", duration.as_secs()),
    }
}

/// A JSON text as source.
pub(crate) fn raw(json: &str) -> String {
    let mut hashes = "#".to_owned();
    while json.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{json}\"{hashes}")
}

/// Commands of a reactor as source, in brackets.
pub(crate) fn commands<C: SingleCommand + Debug>(commands: &[C]) -> String {
    let commands: Vec<_> = commands.iter().map(command).collect();
    format!("[{}]", commands.join(", "))
}

/// `To::<Account>::new("ann", ..)`, with `.into()` for a command of a union.
fn command<C: SingleCommand + Debug>(command: &C) -> String {
    struct Constructor<'a>(&'a str, Option<String>);
    impl CommandVisitor for Constructor<'_> {
        type Error = std::convert::Infallible;
        fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), Self::Error> {
            let content = content(self.0, &to.id).map(named::<A::Command>);
            let aggregate = type_name::<A>().unwrap_or("Aggregate");
            self.1 =
                content.map(|content| format!("To::<{aggregate}>::new({:?}, {content})", to.id));
            Ok(())
        }
        fn check<A: Aggregate>(&mut self, _: &Check<A>) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    let debug = format!("{command:?}");
    let mut visitor = Constructor(&debug, None);
    let Ok(()) = command.visit(&mut visitor);
    match visitor.1 {
        Some(text) if debug.starts_with("To {") => text,
        Some(text) => format!("{text}.into()"),
        None => source(command),
    }
}

/// The command in the `Debug` text of a `To`, alone or in a variant of a union.
fn content<'a>(debug: &'a str, id: &str) -> Option<&'a str> {
    let start = format!("To {{ id: {id:?}, command: ");
    let (before, after) = debug.split_once(&start)?;
    let end = if before.is_empty() { " }" } else { " })" };
    after.strip_suffix(end)
}

fn named<T>(debug: &str) -> String {
    let text = owned_strings(debug);
    match type_name::<T>() {
        Some("Option" | "Result") | None => text,
        Some(name) if is_variant(&text, name) => format!("{name}::{text}"),
        Some(_) => text,
    }
}

/// Whether the text begins with a name that is not the type's own.
fn is_variant(text: &str, type_name: &str) -> bool {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let first = &text[..end.unwrap_or(text.len())];
    first.starts_with(char::is_uppercase) && first != type_name
}

/// Adds `.into()` to every string literal, so that it fits a `String`.
fn owned_strings(debug: &str) -> String {
    let mut out = String::with_capacity(debug.len());
    let (mut inside, mut escaped) = (false, false);
    let mut before = ' ';
    for (at, c) in debug.char_indices() {
        out.push(c);
        // The character '"' begins no text.
        let is_char = before == '\'' && debug[at..].starts_with("\"'");
        before = c;
        match c {
            '"' if !inside && is_char => {}
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
mod tests;
