//! A history as a table: one line for each operation, with its time span.

use std::fmt;

use cqrs_core::{ExpectedVersion, Version};

use super::{
    history::{
        Call, EventNumber, History, Key, Operation, Outcome, Participant, Rejection, Stream,
        StreamResult,
    },
    model::RightResult,
};

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self
            .operations
            .iter()
            .map(|operation| operation.returned)
            .max();
        let width = end.map_or(0, |end| end + 1).max(4);
        writeln!(f, "client  from    to  {:width$}  call", "time")?;
        for operation in &self.operations {
            let Operation {
                client,
                invoked,
                returned,
                ..
            } = operation;
            let time = span(*invoked, *returned, operation.in_doubt());
            writeln!(
                f,
                "{client:6}  {invoked:4}  {returned:4}  {time:width$}  {operation}"
            )?;
        }
        Ok(())
    }
}

/// `[--]`, or `[--?` when the outcome is unknown.
fn span(invoked: usize, returned: usize, in_doubt: bool) -> String {
    let column = |time| {
        if time == invoked {
            '['
        } else if time == returned {
            if in_doubt { '?' } else { ']' }
        } else if (invoked..returned).contains(&time) {
            '-'
        } else {
            ' '
        }
    };
    (0..=returned).map(column).collect()
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.function, self.call)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { to, key, outcome } => {
                f.write_str(&list(to, ", "))?;
                key.map_or(Ok(()), |key| write!(f, " under {key}"))?;
                write_outcome(f, outcome, |outcome| match outcome {
                    Ok(results) => list(results, ", "),
                    Err(rejection) => rejection.to_string(),
                })
            }
            Self::Read { of, after, outcome } => {
                write!(f, "{of} after {after}")?;
                write_outcome(f, outcome, |events| read(events))
            }
            Self::Lookup { key, outcome } => {
                write!(f, "{key}")?;
                write_outcome(f, outcome, looked_up)
            }
        }
    }
}

impl fmt::Display for RightResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Append(results) => list(results, ", "),
            Self::Reject(rejections) => list(rejections, ", or "),
            Self::Read(events) => read(events),
            Self::Lookup(outcome) => looked_up(outcome),
        })
    }
}

fn read(events: &[(Version, EventNumber)]) -> String {
    let events = events
        .iter()
        .map(|(version, event)| format!("{version}:{event}"));
    list(&events.collect::<Vec<_>>(), " ")
}

fn looked_up(outcome: &Result<Option<Vec<StreamResult>>, Rejection>) -> String {
    match outcome {
        Ok(results) => list(results.as_deref().unwrap_or_default(), ", "),
        Err(rejection) => rejection.to_string(),
    }
}

impl fmt::Display for StreamResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stream,
            before,
            version,
            repeated,
        } = self;
        write!(f, "{stream} {before}..{version}")?;
        f.write_str(if *repeated { " (repeat)" } else { "" })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { stream, actual } => write!(f, "conflict, {stream} at {actual}"),
            Self::KeyReused => f.write_str("key reused"),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, command } = self;
        write!(f, "key {number} (command {command})")
    }
}

fn write_outcome<T>(
    f: &mut fmt::Formatter<'_>,
    outcome: &Outcome<T>,
    given: impl FnOnce(&T) -> String,
) -> fmt::Result {
    match outcome {
        Outcome::Given(outcome) => write!(f, " -> {}", given(outcome)),
        Outcome::Failed(error) => write!(f, " -> failed: {error}"),
        Outcome::Unknown => f.write_str(" -> outcome unknown"),
    }
}

/// The items, or `nothing`.
pub(super) fn list<T: fmt::Display>(items: &[T], between: &str) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    let items = items.iter().map(ToString::to_string);
    items.collect::<Vec<_>>().join(between)
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.stream)?;
        match self.expected {
            ExpectedVersion::Exact(version) => write!(f, "at {version})")?,
            ExpectedVersion::LastEvent(version, id) => {
                let event = EventNumber::of_id(id);
                write!(f, "at {version} with {event})")?;
            }
            other => write!(f, "{other})")?,
        }
        self.events
            .iter()
            .try_for_each(|event| write!(f, " +{event}"))
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = u8::try_from(self.0).ok().filter(|number| *number < 26);
        match letter {
            Some(number) => write!(f, "{}", char::from(b'a' + number)),
            None => f.write_str("a foreign stream"),
        }
    }
}

impl fmt::Display for EventNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::FOREIGN => f.write_str("a foreign event"),
            Self(number) => write!(f, "e{number}"),
        }
    }
}
