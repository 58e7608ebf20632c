//! Which values the leaves of a generated value have: different ones, so that no two fields can change places unnoticed.

use std::cell::RefCell;

use cqrs_shape::STRINGS;

/// A value without parts.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Leaf {
    pub(in super::super) kind: &'static str,
    /// Finds what was chosen for it.
    pub(in super::super) id: usize,
    /// Its place among the leaves of its sort: texts, numbers, truth values.
    pub(in super::super) nth: usize,
    /// Truth values have only two alternatives: in several rounds each two of them differ once.
    pub(in super::super) round: usize,
}

impl Leaf {
    pub(super) fn is_text(&self) -> bool {
        self.kind == "string"
    }

    /// The number of its alternatives. The last ones are the same for all leaves, for types that accept nothing else.
    fn alternatives(&self) -> usize {
        match self.kind {
            "string" if self.nth == 0 => STRINGS.len(),
            // Without the empty text, which does not differ.
            "string" => 2 * STRINGS.len() - 1,
            _ => 3,
        }
    }

    /// A number from 1 on that fits every kind of number.
    pub(super) fn number(&self, chosen: usize) -> u8 {
        let own = u8::try_from(self.nth % 100).unwrap_or_default() + 1;
        [own, 1, 0][chosen.min(2)]
    }

    pub(super) fn truth(&self, chosen: usize) -> bool {
        let own = (self.nth >> self.round.min(31)) & 1 == 0;
        [own, true, false][chosen.min(2)]
    }

    pub(super) fn letter(&self, chosen: usize) -> u8 {
        b'a' + (self.number(chosen).max(1) - 1) % 26
    }

    pub(super) fn text(&self, chosen: usize) -> String {
        // The empty text comes last: a person looks at the file.
        let own = STRINGS.len() - 1;
        match chosen {
            _ if self.nth == 0 => STRINGS[(chosen + 1) % STRINGS.len()].to_owned(),
            chosen if chosen < own => different(STRINGS[chosen + 1], self.nth),
            chosen => STRINGS[(chosen - own + 1) % STRINGS.len()].to_owned(),
        }
    }
}

/// A text with the form of `like`, another one for each number.
fn different(like: &str, number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    let (high, low) = (number / 60 % 60, number % 60);
    match like {
        "a" if number < 26 => letter.to_string(),
        "a" => format!("{letter}{}", number / 26),
        "1" => (number + 1).to_string(),
        "2000-01-01T00:00:00Z" => format!("2000-01-01T00:{high:02}:{low:02}Z"),
        "2000-01-01" => format!("2000-{:02}-{:02}", number / 28 % 12 + 1, number % 28 + 1),
        "00:00:00" => format!("00:{high:02}:{low:02}"),
        "127.0.0.1" => format!("127.0.{}.{}", number / 254 % 256, number % 254 + 1),
        like if like.starts_with("http") => format!("{like}{number}"),
        _ => format!("00000000-0000-0000-0000-{number:012}"),
    }
}

/// What was chosen for each leaf. After a rejection the leaf that was read last changes, or, when it has no alternative left,
/// the one before it. Texts are tried in all combinations. A number that is given up stays given up.
#[derive(Debug, Default)]
pub(super) struct Leaves(RefCell<Choices>);

#[derive(Debug, Default)]
struct Choices {
    chosen: Vec<usize>,
    asked: Vec<Leaf>,
}

impl Leaves {
    /// Which of its alternatives a leaf has.
    pub(super) fn of(&self, leaf: Leaf) -> usize {
        let mut choices = self.0.borrow_mut();
        if choices.chosen.len() <= leaf.id {
            choices.chosen.resize(leaf.id + 1, 0);
        }
        choices.asked.push(leaf);
        choices.chosen[leaf.id]
    }

    /// Prepares another try. `false` when there is none left.
    pub(super) fn vary(&self) -> bool {
        let choices = &mut *self.0.borrow_mut();
        while let Some(leaf) = choices.asked.pop() {
            let chosen = &mut choices.chosen[leaf.id];
            if *chosen + 1 < leaf.alternatives() {
                *chosen += 1;
                choices.asked.clear();
                return true;
            }
            if leaf.is_text() {
                *chosen = 0;
            }
        }
        false
    }
}
