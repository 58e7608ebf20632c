//! A history for people: a line for each operation, and when it was under way.

use std::fmt;

use super::history::{Answer, Call, EventNumber, History, Operation, Participant, Refusal, Stream};
use crate::ExpectedVersion;

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
            let time = span(*invoked, *returned, operation.deadline().is_some());
            writeln!(
                f,
                "{client:6}  {invoked:4}  {returned:4}  {time:width$}  {operation}"
            )?;
        }
        Ok(())
    }
}

/// `[--]`, or `[--?` where the answer did not tell whether it was over.
fn span(invoked: usize, returned: usize, answered: bool) -> String {
    let column = |time| {
        if time == invoked {
            '['
        } else if time == returned {
            if answered { ']' } else { '?' }
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
            Self::Append { to, answer } => {
                list(f, to, ", ")?;
                answered(f, answer, |f, answer| match answer {
                    Ok(versions) => {
                        let streams = to.iter().map(|participant| participant.stream);
                        let landed = streams
                            .zip(versions)
                            .map(|(stream, version)| format!("{stream} at {version}"));
                        list(f, &landed.collect::<Vec<_>>(), ", ")
                    }
                    Err(Refusal { stream, actual }) => write!(f, "conflict, {stream} at {actual}"),
                })
            }
            Self::Read { of, after, answer } => {
                write!(f, "{of} behind {after}")?;
                answered(f, answer, |f, events| match events.as_slice() {
                    [] => f.write_str("nothing"),
                    events => {
                        let event = events
                            .iter()
                            .map(|(version, event)| format!("{version}:{event}"));
                        list(f, &event.collect::<Vec<_>>(), " ")
                    }
                })
            }
        }
    }
}

fn answered<T>(
    f: &mut fmt::Formatter<'_>,
    answer: &Answer<T>,
    given: impl FnOnce(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(" -> ")?;
    match answer {
        Answer::Given(answer) => given(f, answer),
        Answer::Failed(error) => write!(f, "failed: {error}"),
        Answer::Unknown => f.write_str("outcome unknown"),
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { between })?;
        item.fmt(f)?;
    }
    Ok(())
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.stream)?;
        match self.expected {
            ExpectedVersion::Exact(version) => write!(f, "at {version})")?,
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
            Self::FOREIGN => f.write_str("foreign"),
            Self(number) => write!(f, "e{number}"),
        }
    }
}
