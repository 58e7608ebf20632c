//! What happens to the processes of a world, step by step.

use std::ops::RangeInclusive;

use proptest::{collection::vec, prelude::*};

/// One step of a schedule. Its number chooses among what is there: a call, a process, a stream, a number of partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A call that waits at the gate is made.
    Go(u8),
    /// For so many rounds, every call is made.
    Run(u8),
    /// For some rounds, every call of one process is made, and no other one.
    Only(u8),
    /// A call fails, and has done nothing.
    Fail(u8),
    /// A call is made, and its answer is lost.
    Lose(u8),
    /// A call is made twice.
    Repeat(u8),
    /// A process drops everything at the await where it is, and begins again.
    Drop(u8),
    /// A process is killed. Another one begins in its place.
    Kill(u8),
    /// A process is stopped: none of its calls is made until it is woken.
    Stop(u8),
    /// A stopped process is woken.
    Wake(u8),
    /// Time passes.
    Time(u8),
    /// Events are appended.
    Append(u8),
    /// The number of partitions changes.
    Repartition(u8),
    /// Events of a stream cannot be handled from now on.
    Spoil(u8),
    /// Events of a stream can be handled again.
    Mend(u8),
    /// Somebody asks for the redrive of a parked key.
    Redrive(u8),
    /// Somebody asks for the event in front of a parked key to be discarded.
    Discard(u8),
    /// Somebody pauses the subscription.
    Pause,
    /// Somebody resumes it.
    Resume,
    /// Somebody resets the view.
    Reset,
}

/// Who is in a world, and how many streams there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) runners: u8,
    pub(crate) relays: u8,
    pub(crate) shards: u16,
    pub(crate) streams: u8,
    /// How many partitions there are at first.
    pub(crate) partitions: u16,
}

/// A setup, and what happens in it.
pub(crate) type Schedule = (Setup, Vec<Step>);

/// Schedules of processes that run the role: of everything that can happen, or of what makes one kind of race likely.
pub(crate) fn of_runners() -> impl Strategy<Value = Schedule> {
    let everything = prop_oneof![7 => calls(), 3 => changes()];
    prop_oneof![
        2 => (runners(1..=3, 5, 2), steps(everything.boxed())),
        1 => of_takeovers().boxed(),
        1 => of_layouts().boxed(),
    ]
}

/// Schedules of two processes that take over from each other while events cannot be handled.
pub(crate) fn of_takeovers() -> impl Strategy<Value = Schedule> {
    (runners(2..=2, 4, 1), takeovers().boxed())
}

/// Schedules of two processes whose number of partitions changes to and fro.
pub(crate) fn of_layouts() -> impl Strategy<Value = Schedule> {
    (runners(2..=2, 4, 1), layouts().boxed())
}

/// Schedules of one to three processes that relay.
pub(crate) fn of_relays() -> impl Strategy<Value = Schedule> {
    let setup = (1_u8..=3, 1_u16..=2).prop_map(|(relays, shards)| Setup {
        runners: 0,
        relays,
        shards,
        streams: 5,
        partitions: 1,
    });
    (
        setup,
        steps(prop_oneof![6 => calls(), 1 => append()].boxed()),
    )
}

fn runners(runners: RangeInclusive<u8>, streams: u8, partitions: u16) -> BoxedStrategy<Setup> {
    let setup = move |runners| Setup {
        runners,
        relays: 0,
        shards: 1,
        streams,
        partitions,
    };
    runners.prop_map(setup).boxed()
}

fn steps(step: BoxedStrategy<Step>) -> BoxedStrategy<Vec<Step>> {
    vec(step, 1..80).boxed()
}

/// Again and again a process is stopped while events cannot be handled, another one takes over, and the first one wakes.
fn takeovers() -> impl Strategy<Value = Vec<Step>> {
    vec(takeover(), 1..5).prop_map(|takeovers| takeovers.concat())
}

fn takeover() -> impl Strategy<Value = Vec<Step>> {
    let rounds = || (0_u8..16).prop_map(Step::Run);
    let process = 0_u8..2;
    let one = (
        (append(), 0_u8..4),
        (rounds(), rounds()),
        (process, (0_u8..3).prop_map(Step::Run)),
        (append(), rounds()),
    );
    one.prop_map(
        |((append, stream), (first, second), (process, taken), (next, on))| {
            let (stop, wake) = (Step::Stop(process), Step::Wake(process));
            let (awake, expired) = (Step::Only(process), Step::Time(120));
            let (spoil, mend) = (Step::Spoil(stream), Step::Mend(stream));
            let before = [append, spoil, first, Step::Time(1), second];
            let redrive = Step::Redrive(0);
            let after = [stop, expired, taken, wake, awake, next, mend, redrive, on];
            [&before[..], &after[..]].concat()
        },
    )
}

/// Again and again a process is stopped, the number of partitions changes to and fro, one of the parts stays behind, and the process wakes.
fn layouts() -> impl Strategy<Value = Vec<Step>> {
    vec(layout(), 1..5).prop_map(|layouts| layouts.concat())
}

fn layout() -> impl Strategy<Value = Vec<Step>> {
    let rounds = || (0_u8..16).prop_map(Step::Run);
    let few = || (0_u8..3).prop_map(Step::Run);
    let one = (
        (append(), rounds(), 0_u8..2),
        (few(), any::<u8>().prop_map(Step::Fail), rounds()),
        (few(), rounds()),
    );
    one.prop_map(
        |((append, first, process), (taken, behind, one_part), (joined, on))| {
            let (stop, wake) = (Step::Stop(process), Step::Wake(process));
            let (split, join) = (Step::Repartition(1), Step::Repartition(0));
            let parts = [append, first, stop, split, Step::Time(120), taken, behind];
            let whole = [
                one_part,
                join,
                Step::Time(30),
                joined,
                wake,
                Step::Only(process),
                on,
            ];
            [&parts[..], &whole[..]].concat()
        },
    )
}

/// What happens to calls and processes.
fn calls() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => any::<u8>().prop_map(Step::Go),
        4 => (0_u8..8).prop_map(Step::Run),
        2 => (0_u8..3).prop_map(Step::Only),
        4 => any::<u8>().prop_map(Step::Time),
        1 => any::<u8>().prop_map(Step::Fail),
        1 => any::<u8>().prop_map(Step::Lose),
        1 => any::<u8>().prop_map(Step::Repeat),
        1 => (0_u8..3).prop_map(Step::Drop),
        1 => (0_u8..3).prop_map(Step::Kill),
        1 => (0_u8..3).prop_map(Step::Stop),
        1 => (0_u8..3).prop_map(Step::Wake),
    ]
}

fn append() -> impl Strategy<Value = Step> {
    any::<u8>().prop_map(Step::Append)
}

/// What somebody changes meanwhile.
fn changes() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => append(),
        4 => (0_u8..4).prop_map(Step::Repartition),
        3 => (0_u8..8).prop_map(Step::Spoil),
        2 => (0_u8..8).prop_map(Step::Mend),
        3 => (0_u8..4).prop_map(Step::Redrive),
        1 => (0_u8..4).prop_map(Step::Discard),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => Just(Step::Reset),
    ]
}
