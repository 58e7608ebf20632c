//! Bugs in `handle`.

use cqrs_core::{Aggregate, Context, Decision};
use serde::{Deserialize, Serialize};

use super::{
    purse::{Purse, PurseCommand, PurseEvent, TooLittle, after, any_command, decide, purse},
    *,
};

#[test]
fn a_purse_without_bugs_breaks_no_law() {
    assert_eq!(broken_laws_of!(Purse), Vec::<&str>::new());
}

/// Takes what is not there, so that `apply` panics.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unchecked(u32);
purse!(
    Unchecked,
    handle: |_, command, _| decide(u32::MAX, command),
    apply: |purse, event| purse.0 = after(purse.0, event),
);

#[test]
fn a_panic_in_apply_is_found() {
    assert_eq!(broken_laws_of!(Unchecked), ["handle_and_apply_never_panic"]);
    let laws = AggregateLaws::<Unchecked>::new(any_command()).config(config());
    let text = broken(|| laws.handle_and_apply_never_panic()).expect("it is broken");
    assert_eq!(
        text,
        "broken law: handle and apply never panic

apply panicked: there is so much in it

this test fails until the law holds:

Spec::<Unchecked>::new()
    .when(PurseCommand::Take { cents: 1 })
    .then([PurseEvent::Taken { cents: 1 }]);

PROPTEST_RNG_SEED=1 repeats this run
"
    );
    failure(|| {
        Spec::<Unchecked>::new()
            .when(PurseCommand::Take { cents: 1 })
            .then([PurseEvent::Taken { cents: 1 }]);
    });
}

/// Panics on a purse that is full.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bursting(u32);
purse!(
    Bursting,
    handle: |purse, command, _| {
        assert!(purse.0 < 700, "the purse bursts");
        decide(purse.0, command)
    },
    apply: |purse, event| purse.0 = after(purse.0, event),
);

#[test]
fn a_panic_in_handle_is_found() {
    assert_eq!(broken_laws_of!(Bursting), ["handle_and_apply_never_panic"]);
    let laws = AggregateLaws::<Bursting>::new(any_command()).config(config());
    let text = broken(|| laws.handle_and_apply_never_panic()).expect("it is broken");
    let test = "handle panicked: the purse bursts

this test fails until the law holds:

Spec::<Bursting>::new()
    .given([PurseEvent::Added { cents: 700 }])
    .when(PurseCommand::Add { cents: 1 })
    .then([]);
";
    assert!(text.contains(test), "{text}");
}

/// Adds as much as it likes.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lottery(u32);
purse!(
    Lottery,
    handle: |purse, command, _| match command {
        PurseCommand::Add { .. } => {
            Ok(vec![PurseEvent::Added { cents: fastrand::u32(..1_000_000) }])
        }
        take @ PurseCommand::Take { .. } => decide(purse.0, take),
    },
    apply: |purse, event| purse.0 = after(purse.0, event),
);

#[test]
fn a_random_number_in_a_decision_is_found() {
    let broken_laws = broken_laws_of!(Lottery);
    assert!(
        broken_laws.contains(&"a_decision_is_the_same_twice"),
        "{broken_laws:?}"
    );
    let laws = AggregateLaws::<Lottery>::new(any_command()).config(config());
    let text = broken(|| laws.a_decision_is_the_same_twice()).expect("it is broken");
    assert!(
        text.contains("two decisions on the same state differ"),
        "{text}"
    );
    let when = "\nSpec::<Lottery>::new()\n    .when(PurseCommand::Add { cents: 1 })\n    .then([PurseEvent::Added { cents: ";
    assert!(text.contains(when), "{text}");
}

#[test]
fn a_command_that_adds_again_is_found() {
    let laws = AggregateLaws::<Purse>::new(any_command()).config(config());
    let text = broken(|| laws.a_repeated_command_adds_nothing(|_| true)).expect("it is broken");
    let test = "
Spec::<Purse>::new()
    .given([PurseEvent::Added { cents: 1 }])
    .when(PurseCommand::Add { cents: 1 })
    .then_nothing();
";
    assert!(text.contains(test), "{text}");
    let takes = |command: &PurseCommand| matches!(command, PurseCommand::Take { .. });
    let text = broken(|| laws.a_repeated_command_adds_nothing(takes)).expect("it is broken");
    assert!(text.contains("PurseCommand::Take { cents: 1 })"), "{text}");
}

/// A command depends on the one before it: a step is small only after the other one is.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Emptied {
    cents: u32,
    taken: u32,
}
purse!(
    Emptied,
    handle: |purse, command, _| {
        assert!(purse.taken == 0, "taken from before");
        decide(purse.cents, command)
    },
    apply: |purse, event| {
        purse.cents = after(purse.cents, event);
        if let PurseEvent::Taken { cents } = event {
            purse.taken += cents;
        }
    },
);

#[test]
fn values_that_depend_on_each_other_become_small() {
    let laws = AggregateLaws::<Emptied>::new(any_command()).config(config());
    let text = broken(|| laws.handle_and_apply_never_panic()).expect("it is broken");
    let test = "
Spec::<Emptied>::new()
    .given([PurseEvent::Added { cents: 1 }, PurseEvent::Taken { cents: 1 }])
    .when(PurseCommand::Add { cents: 1 })
    .then([]);
";
    assert!(text.contains(test), "{text}");
}
