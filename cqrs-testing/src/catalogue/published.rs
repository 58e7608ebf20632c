//! What is published must also stay readable for who reads it with an older shape.

use super::{line::Lines, messages, stored::Verdict, subject::Subject};

/// Compares every shape of the file with what is written now. Also a shape with the same hash: the hash does not say which fields
/// are always written.
pub(super) fn judge(subject: &Subject, lines: &Lines<'_>, verdict: &mut Verdict) {
    for (line, older) in lines.shapes() {
        let Some(current) = subject.types.get(line.key.event_type.as_str()) else {
            let message = messages::no_longer_published(&line.key);
            if !verdict.refused.contains(&message) {
                verdict.refused.push(message);
            }
            continue;
        };
        let problems = older.problems_with_events(&current.reads, &current.payloads);
        let message = |problem| messages::unreadable_by_consumers(&line.key, &current.key, problem);
        verdict.refused.extend(problems.iter().map(message));
    }
}
