//! Values as Rust source, so that a failure can print a test to paste.

mod debug;

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use cqrs_core::{
    Aggregate, Check, EventId, Metadata, To,
    roles::{CommandVisitor, SingleCommand},
};

use super::calls::Calls;

/// The `Debug` text of a value as source: with the enum's name before its variant, and `.into()` after texts and collections.
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
    format!("Spec::<{}>::new()", path_of::<A>())
}

/// The type with its arguments, each without the modules that it is in.
fn path_of<T>() -> String {
    let mut path = String::new();
    for c in std::any::type_name::<T>().chars() {
        path.push(c);
        if path.ends_with("::") {
            let name = path.trim_end_matches("::");
            let start = name.rfind(|c: char| !c.is_alphanumeric() && c != '_');
            path.truncate(start.map_or(0, |at| at + 1));
        }
    }
    path
}

/// The beginning of a specification of a view or reactor, `function`. One that has fields is a value that only its test knows.
pub(crate) fn specifies<R>(function: &'static str, calls: &mut Calls) -> String {
    if size_of::<R>() == 0 {
        return format!("Spec::{function}({})", role::<R>());
    }
    calls.placeholder(function);
    format!("Spec::{function}({function})")
}

/// The test of a law of a view or reactor, which the source may show as it is written.
pub(crate) fn written_test<R>(
    function: &'static str,
    written: Option<&str>,
    calls: &Calls,
    expectation: &str,
) -> String {
    let mut calls = calls.clone();
    let constructor = match written {
        Some(written) => format!("Spec::{function}({written})"),
        None => specifies::<R>(function, &mut calls),
    };
    calls.test(&constructor, expectation)
}

/// The type of a view or reactor, without its arguments.
pub(crate) fn role<R>() -> &'static str {
    type_name::<R>().unwrap_or("role")
}

/// A time as source.
pub(crate) fn time(time: SystemTime) -> String {
    let epoch = "std::time::SystemTime::UNIX_EPOCH";
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(Duration::ZERO) => epoch.to_owned(),
        Ok(after) => format!("{epoch} + {}", duration(after)),
        Err(before) => format!("{epoch} - {}", duration(before.duration())),
    }
}

fn duration(duration: Duration) -> String {
    match duration.subsec_nanos() {
        0 => format!("std::time::Duration::from_secs({})", duration.as_secs()),
        nanos => format!("std::time::Duration::new({}, {nanos})", duration.as_secs()),
    }
}

/// Metadata as source.
pub(crate) fn metadata(metadata: &Metadata) -> String {
    let text = |text: &Option<String>| source(&text.as_ref());
    let (correlation, traceparent) = (text(&metadata.correlation_id), text(&metadata.traceparent));
    let causation = match metadata.causation_id {
        Some(id) => format!("Some({})", event_id(id)),
        None => "None".to_owned(),
    };
    let headers = source(&metadata.headers);
    format!("cqrs_core::Metadata::new({correlation}, {causation}, {traceparent}, {headers})")
}

fn event_id(id: EventId) -> String {
    match u64::try_from(id.as_uuid().as_u128()) {
        Ok(number) => format!("cqrs_testing::event_id({number})"),
        Err(_) => format!(
            "cqrs_core::EventId::from_uuid({:?}.parse().expect(\"a UUID\"))",
            id.to_string()
        ),
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
            let aggregate = path_of::<A>();
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
    let text = debug::to_source(debug).unwrap_or_else(|| debug.to_owned());
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

#[cfg(test)]
mod tests;
