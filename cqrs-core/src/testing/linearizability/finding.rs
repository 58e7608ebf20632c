//! A history that is not linearizable, told so that somebody can follow it.

use std::fmt;

use super::{checker::Unexplained, history::History};

/// What was found.
#[derive(Debug)]
pub(super) struct Finding {
    /// Makes up the program again.
    pub(super) seed: u64,
    /// How many calls the program had, before and after it was shrunk.
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
            "\nCQRS_SEED={seed} makes up the same programs again, this one first; how they interleave is chance"
        )
    }
}

impl Finding {
    fn longest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unexplained { longest, state, .. } = &self.unexplained;
        writeln!(
            f,
            "the longest order that one store could have done them in:"
        )?;
        for (number, index) in (1..).zip(longest) {
            self.operation(f, &format!("{number}."), *index)?;
            writeln!(f)?;
        }
        f.write_str("which leaves")?;
        for (stream, events) in state.streams() {
            write!(f, " {stream} with [")?;
            for (index, event) in events.iter().enumerate() {
                write!(f, "{}{event}", if index == 0 { "" } else { " " })?;
            }
            f.write_str("]")?;
        }
        writeln!(f)
    }

    fn stuck(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (index, misfit)) in self.unexplained.stuck.iter().enumerate() {
            writeln!(
                f,
                "{}",
                if number == 0 {
                    "next must come"
                } else {
                    "or before it"
                }
            )?;
            self.operation(f, "-", *index)?;
            writeln!(f, "\n    but the answer would have been: {misfit}")?;
        }
        Ok(())
    }

    fn operation(&self, f: &mut fmt::Formatter<'_>, bullet: &str, index: usize) -> fmt::Result {
        let operation = &self.history.operations[index];
        write!(f, "  {bullet} client {}: {operation}", operation.client)
    }
}
