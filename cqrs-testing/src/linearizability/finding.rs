//! The report of a history that is not linearizable.

use std::fmt;

use super::{checker::Unexplained, history::History, table::list};

/// A history that is not linearizable, with its program.
#[derive(Debug)]
pub(super) struct Finding {
    /// Generates the program again.
    pub(super) seed: u64,
    /// The number of the program's steps, before and after it was shrunk.
    pub(super) steps: (usize, usize),
    pub(super) history: History,
    pub(super) unexplained: Unexplained,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, shrunk) = self.steps;
        writeln!(
            f,
            "a history that is not linearizable (program of {steps} steps, shrunk to {shrunk}):\n"
        )?;
        writeln!(f, "{}", self.history)?;
        self.longest(f)?;
        self.stuck(f)?;
        let seed = self.seed;
        write!(
            f,
            "\nCQRS_SEED={seed} generates the same programs again, this one first; their interleaving is random"
        )
    }
}

impl Finding {
    fn longest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unexplained { longest, state, .. } = &self.unexplained;
        f.write_str("the longest order that agrees with the model:\n")?;
        for (number, index) in (1..).zip(longest) {
            writeln!(f, "  {number}. {}", self.operation(*index))?;
        }
        let left = |(stream, events)| format!("{stream} with {}", list(events, " "));
        let left: Vec<_> = state.streams().map(left).collect();
        writeln!(f, "after it: {}", list(&left, ", "))
    }

    fn stuck(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of these calls must come next:\n")?;
        for (index, right) in &self.unexplained.stuck {
            writeln!(f, "  - {}", self.operation(*index))?;
            writeln!(f, "    but the right result would be: {right}")?;
        }
        Ok(())
    }

    fn operation(&self, index: usize) -> String {
        let operation = &self.history.operations[index];
        format!("client {}: {operation}", operation.client)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            checker::check,
            fixture::{A, B, appended, at, history, read, rejected, to, under, unknown},
        },
        *,
    };
    use cqrs_core::ExpectedVersion::{Any, NoStream};

    #[test]
    fn a_finding_shows_history_order_and_conflict() {
        let history = history([
            (0, 1, under(1, appended(to([(A, at(0), &[1, 2])]), &[2]))),
            (2, 5, unknown(to([(A, Any, &[3]), (B, NoStream, &[])]))),
            (3, 6, read(A, &[1])),
            (7, 9, rejected(to([(A, at(0), &[4])]), A, 3)),
        ]);
        let unexplained = check(&history).expect_err("the read is stale");
        let finding = Finding {
            seed: 7,
            steps: (9, 4),
            history,
            unexplained,
        };
        assert_eq!(
            finding.to_string(),
            "\
a history that is not linearizable (program of 9 steps, shrunk to 4):

client  from    to  time        call
     1     0     1  []          call a (at 0) +e1 +e2 under key 1 (command 0) -> a 0..2
     2     2     5    [--?      call a (any version) +e3, b (no stream) -> outcome unknown
     3     3     6     [--]     call a after 0 -> 1:e1
     4     7     9         [-]  call a (at 0) +e4 -> conflict, a at 3

the longest order that agrees with the model:
  1. client 1: call a (at 0) +e1 +e2 under key 1 (command 0) -> a 0..2
  2. client 2: call a (any version) +e3, b (no stream) -> outcome unknown
after it: a with e1 e2 e3, b with nothing
one of these calls must come next:
  - client 3: call a after 0 -> 1:e1
    but the right result would be: 1:e1 2:e2 3:e3

CQRS_SEED=7 generates the same programs again, this one first; their interleaving is random"
        );
    }
}
