//! Takes back shapes of which no event was ever stored.

use super::{
    file::File,
    key::Key,
    line::{Line, Said},
    messages,
    settings::{VARIABLE, on_your_machine},
    subject::Subject,
};

/// Lines to add, and what to report.
#[derive(Debug, Default)]
pub(super) struct Withdrawal {
    pub(super) lines: Vec<Line>,
    pub(super) report: String,
}

/// Withdraws the shape of a type in a schema version that is not in the code. `hash` says which, if there are several.
///
/// # Errors
/// What else to withdraw, or where.
pub(super) fn withdraw(
    key: &Key,
    hash: Option<&str>,
    subjects: &[&Subject],
    file: &File,
    ci: bool,
) -> Result<Withdrawal, String> {
    let is_own = |subject: &&&Subject| subject.category == key.category;
    let Some(subject) = subjects.iter().find(is_own) else {
        // Another catalogue of the same tests may have it.
        return Ok(Withdrawal {
            lines: Vec::new(),
            report: format!(
                "{key} is not withdrawn here: no enum that is listed has its category."
            ),
        });
    };
    let current = subject.types.get(key.event_type.as_str());
    let current = current.filter(|current| current.key == *key);
    let lines = || file.lines.iter().filter(|line| line.key == *key);
    let mut shapes: Vec<_> = lines().map(|line| line.shape.as_str()).collect();
    shapes.sort_unstable();
    shapes.dedup();
    shapes.retain(|shape| current.is_none_or(|current| current.hash != *shape));
    shapes.retain(|shape| hash.is_none_or(|hash| hash == *shape));
    if shapes.is_empty() {
        return Err(messages::nothing_to_withdraw(key, current.is_some()));
    }
    let is_withdrawn =
        |shape: &str| lines().any(|line| line.said == Said::Withdrawn && line.shape == shape);
    shapes.retain(|shape| !is_withdrawn(shape));
    let shape = match shapes[..] {
        [] => {
            let report = format!("{key} was withdrawn before.");
            return Ok(Withdrawal {
                lines: Vec::new(),
                report,
            });
        }
        [shape] => shape,
        _ => return Err(messages::which_shape(key, &shapes)),
    };
    if ci {
        let name = hash.map_or(key.to_string(), |hash| format!("{key}#{hash}"));
        let command = format!("`{VARIABLE}=withdraw:{name} cargo test`");
        return Err(format!(
            "{key} is not withdrawn. {}",
            on_your_machine(&command)
        ));
    }
    let line = Line {
        key: key.clone(),
        shape: shape.to_owned(),
        said: Said::Withdrawn,
    };
    Ok(Withdrawal {
        report: format!("{} gets new lines:\n+ {}\n", file.name(), line.content()),
        lines: vec![line],
    })
}
