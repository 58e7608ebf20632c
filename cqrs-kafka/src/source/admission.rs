//! Whether this member may read: only after it knows that no other subscriber is a member of its group.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::group_members::Mark;

/// The admission of this member to its partitions.
///
/// **Invariant**: of two subscribers in a group, the one that joins later is not admitted while the group has the other one as a
/// member. A member looks after each time that it gets partitions and had none; the group has had those that it joined
/// as members since before that.
#[derive(Debug)]
pub(super) struct Admission {
    /// `None` if nobody has said who reads; then nothing is compared.
    mark: Option<Mark>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The group has assigned nothing yet, not even an empty set of partitions.
    NotJoined,
    /// A member, which has to look at the others.
    Joined,
    Admitted,
}

impl Admission {
    pub(super) const fn new(mark: Option<Mark>) -> Self {
        Self {
            mark,
            state: Mutex::new(State::NotJoined),
        }
    }

    /// The group has assigned partitions, perhaps none. Returns whether they may be read at once.
    pub(super) fn assigned(&self, had_partitions: bool) -> bool {
        let mut state = self.state();
        if self.mark.is_none() {
            *state = State::Admitted;
        } else if !had_partitions || *state == State::NotJoined {
            *state = State::Joined;
        }
        *state == State::Admitted
    }

    /// The group has gone on without this member.
    pub(super) fn lost(&self) {
        *self.state() = State::NotJoined;
    }

    /// The mark to compare with those of the other members, if that is to be done now.
    pub(super) fn to_compare(&self) -> Option<&Mark> {
        self.mark
            .as_ref()
            .filter(|_| *self.state() == State::Joined)
    }

    pub(super) fn admit(&self) {
        *self.state() = State::Admitted;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cqrs_core::ports::Subscriber;

    use super::*;

    #[test]
    fn a_member_looks_when_it_gets_partitions_and_had_none() {
        let admission = Admission::new(Some(Mark::new(Subscriber::new("orders", "here"))));
        assert!(admission.to_compare().is_none(), "it is no member");
        assert!(!admission.assigned(false));
        assert!(!admission.assigned(true), "nobody has looked");
        assert!(admission.to_compare().is_some());
        admission.admit();
        assert!(admission.assigned(true), "it stayed a member");
        assert!(!admission.assigned(false), "it may have been away");
        admission.admit();
        admission.lost();
        assert!(!admission.assigned(true));
    }

    #[test]
    fn without_a_subscriber_nothing_is_compared() {
        let admission = Admission::new(None);
        assert!(admission.assigned(false) && admission.to_compare().is_none());
    }
}
