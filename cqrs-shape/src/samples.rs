//! Made-up values: tried in turn until the type takes one.

/// What most strings with a rule of their own accept at least one of: ids, times, dates, addresses.
pub(super) const STRINGS: [&str; 9] = [
    "",
    "a",
    "1",
    "00000000-0000-0000-0000-000000000000",
    "2000-01-01T00:00:00Z",
    "2000-01-01",
    "00:00:00",
    "127.0.0.1",
    "http://a.example/",
];

/// How many combinations are tried for one question.
const MAX_TRIES: usize = 200;

/// The choices of one pass, in the order in which they come up. The next pass makes the last one differently and, when it has no
/// alternative left, the one before it: so a refusal changes what was refused, not what was taken before.
#[derive(Debug, Default)]
pub(super) struct Choices {
    made: Vec<Choice>,
    asked: usize,
    tries: usize,
}

#[derive(Debug)]
struct Choice {
    index: usize,
    of: usize,
}

impl Choices {
    /// One of the alternatives. None when there are none.
    pub(super) fn choose<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        if self.asked == self.made.len() {
            let of = among.len();
            self.made.push(Choice { index: 0, of });
        }
        let index = self.made[self.asked].index;
        self.asked += 1;
        among.get(index).copied()
    }

    /// Begins again with the same choices.
    pub(super) fn repeat(&mut self) {
        self.asked = 0;
    }

    /// Begins again with other choices. False when there are none.
    pub(super) fn vary(&mut self) -> bool {
        self.asked = 0;
        self.tries += 1;
        while let Some(last) = self.made.last_mut() {
            last.index += 1;
            if last.index < last.of {
                return self.tries < MAX_TRIES;
            }
            self.made.pop();
        }
        false
    }
}
