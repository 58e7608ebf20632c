//! Sample values, tried in turn until the type accepts one.

/// The samples of a string, for types with their own rules, such as ids, times, dates and addresses: most types accept at least one.
pub const STRINGS: [&str; 9] = [
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

/// The maximum number of combinations tried for one place.
const MAX_TRIES: usize = 200;

/// The choices of one read, in order. The next read changes the last choice or, when it has no alternative left, the choice
/// before it. So it changes the sample that was rejected and keeps those that were accepted before.
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
    /// One of the alternatives. `None` when there are none.
    pub(super) fn choose<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        if self.asked == self.made.len() {
            let of = among.len();
            self.made.push(Choice { index: 0, of });
        }
        let index = self.made[self.asked].index;
        self.asked += 1;
        among.get(index).copied()
    }

    /// Starts a read with the same choices.
    pub(super) fn repeat(&mut self) {
        self.asked = 0;
    }

    /// Starts a read with other choices. `false` when there are none left.
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
