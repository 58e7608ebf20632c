//! What is published must also stay readable for who reads it with an older shape.

use super::{line::Lines, messages, stored::Verdict, subject::Subject};

/// Compares every older shape with what is written now.
pub(super) fn judge(subject: &Subject, lines: &Lines<'_>, verdict: &mut Verdict) {
    for (line, older) in lines.shapes() {
        let Some(current) = subject.types.get(line.key.event_type.as_str()) else {
            continue;
        };
        if line.shape == current.hash {
            continue;
        }
        let payloads = current.payloads.iter();
        let mut problems: Vec<_> = payloads
            .flat_map(|payload| older.problems_with(&payload.value))
            .collect();
        if problems.is_empty() {
            problems = older.problems_with_kinds(&current.reads);
        }
        problems.sort();
        problems.dedup();
        let message = |problem| messages::unreadable_by_consumers(&line.key, &current.key, problem);
        verdict.refused.extend(problems.iter().map(message));
    }
}
