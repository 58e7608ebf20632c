//! Which texts a made-up value has.

use std::cell::RefCell;

use cqrs_shape::STRINGS;

/// Which text was chosen for each number. After a rejection the text that was read last changes, or, when it has no
/// alternative left, the one before it.
#[derive(Debug, Default)]
pub(super) struct Texts(RefCell<Choices>);

#[derive(Debug, Default)]
struct Choices {
    chosen: Vec<usize>,
    asked: Vec<usize>,
}

impl Texts {
    pub(super) fn of(&self, number: usize) -> &'static str {
        let mut choices = self.0.borrow_mut();
        if choices.chosen.len() <= number {
            // The empty text comes last: a person looks at the file.
            choices.chosen.resize(number + 1, 1);
        }
        choices.asked.push(number);
        STRINGS[choices.chosen[number] % STRINGS.len()]
    }

    /// Prepares another try. `false` when there is none left.
    pub(super) fn vary(&self) -> bool {
        let choices = &mut *self.0.borrow_mut();
        while let Some(number) = choices.asked.pop() {
            let chosen = &mut choices.chosen[number];
            *chosen += 1;
            if *chosen <= STRINGS.len() {
                choices.asked.clear();
                return true;
            }
            *chosen = 1;
        }
        false
    }
}
