//! Histories written by hand, and small random ones that are compared with an exhaustive search.

mod generated;

use cqrs_core::{
    ExpectedVersion::{self, Any, NoStream},
    Version,
};

use super::{
    super::{
        fixture::{
            A, B, append, appended, at, failed, history, read, rejected, repeated, to, under,
            unknown,
        },
        history::{Call, EventNumber, Outcome, Participant, Rejection, Stream},
    },
    *,
};

#[track_caller]
fn explained<const N: usize>(calls: [(usize, usize, Call); N]) -> Order {
    let history = history(calls);
    check(&history).unwrap_or_else(|unexplained| panic!("{history}\n{unexplained:?}"))
}

#[track_caller]
fn unexplained<const N: usize>(calls: [(usize, usize, Call); N]) -> Unexplained {
    let history = history(calls);
    check(&history).expect_err(&history.to_string())
}

#[test]
fn concurrent_calls_may_have_any_order() {
    let first = || (0, 5, appended(to([(A, Any, &[1])]), &[1]));
    assert_eq!(explained([first(), (1, 4, read(A, &[]))]), [1, 0]);
    assert_eq!(explained([first(), (1, 4, read(A, &[1]))]), [0, 1]);
    let second = (1, 4, appended(to([(A, Any, &[2])]), &[2]));
    explained([
        first(),
        second.clone(),
        (2, 3, read(A, &[])),
        (6, 7, read(A, &[1, 2])),
    ]);
    unexplained([first(), second, (6, 7, read(A, &[2, 1]))]);
}

#[test]
fn a_finished_append_is_seen_by_every_later_read() {
    let append = || (0, 1, appended(to([(A, NoStream, &[1])]), &[1]));
    explained([append(), (2, 3, read(A, &[1]))]);
    unexplained([append(), (2, 3, read(A, &[]))]);
}

#[test]
fn a_later_read_sees_what_an_earlier_one_saw() {
    let append = || (0, 9, appended(to([(A, Any, &[1])]), &[1]));
    explained([append(), (1, 2, read(A, &[])), (3, 4, read(A, &[1]))]);
    unexplained([append(), (1, 2, read(A, &[1])), (3, 4, read(A, &[]))]);
}

#[test]
fn one_of_two_appends_at_one_version_is_rejected() {
    let one = || (0, 3, appended(to([(A, at(0), &[1])]), &[1]));
    explained([one(), (1, 2, rejected(to([(A, at(0), &[2])]), A, 1))]);
    unexplained([one(), (1, 2, appended(to([(A, at(0), &[2])]), &[1]))]);
    unexplained([one(), (1, 2, appended(to([(A, at(0), &[2])]), &[2]))]);
}

#[test]
fn an_acknowledged_append_is_not_lost() {
    let one = || (0, 1, appended(to([(A, Any, &[1])]), &[1]));
    explained([one(), (2, 3, appended(to([(A, Any, &[2])]), &[2]))]);
    unexplained([one(), (2, 3, appended(to([(A, Any, &[2])]), &[1]))]);
    unexplained([
        one(),
        (2, 3, appended(to([(A, Any, &[2])]), &[2])),
        (4, 5, read(A, &[2])),
    ]);
}

#[test]
fn an_append_to_several_streams_is_not_seen_in_part() {
    let both = || {
        (
            0,
            9,
            appended(to([(A, Any, &[1]), (B, Any, &[2])]), &[1, 1]),
        )
    };
    explained([both(), (1, 2, read(B, &[])), (3, 4, read(A, &[1]))]);
    explained([both(), (1, 2, read(A, &[1])), (3, 4, read(B, &[2]))]);
    unexplained([both(), (1, 2, read(A, &[1])), (3, 4, read(B, &[]))]);
}

#[test]
fn a_read_only_participant_is_checked_at_the_append() {
    let moved = || (0, 1, appended(to([(B, Any, &[1])]), &[1]));
    let guarded = |version| to([(A, Any, &[2]), (B, at(version), &[])]);
    explained([moved(), (2, 3, appended(guarded(1), &[1, 1]))]);
    explained([
        moved(),
        (2, 3, rejected(guarded(0), B, 1)),
        (4, 5, read(A, &[])),
    ]);
    unexplained([moved(), (2, 3, appended(guarded(0), &[1, 1]))]);
    unexplained([
        moved(),
        (2, 3, rejected(guarded(0), B, 1)),
        (4, 5, read(A, &[2])),
    ]);
}

#[test]
fn a_conflict_names_a_version_the_stream_had_during_the_call() {
    let one = || (0, 1, appended(to([(A, Any, &[1])]), &[1]));
    let two = || (2, 5, appended(to([(A, Any, &[2])]), &[2]));
    let late = |version| (3, 4, rejected(to([(A, at(0), &[3])]), A, version));
    explained([one(), two(), late(1)]);
    explained([one(), two(), late(2)]);
    unexplained([one(), two(), late(3)]);
    let after_both = (6, 7, rejected(to([(A, at(0), &[3])]), A, 1));
    unexplained([one(), two(), after_both]);
    let as_expected = (3, 4, rejected(to([(A, at(2), &[3])]), A, 2));
    unexplained([one(), two(), as_expected]);
}

#[test]
fn rejected_and_failed_appends_are_never_seen() {
    let one = || (0, 1, appended(to([(A, Any, &[1])]), &[1]));
    let rejected = || (2, 3, rejected(to([(A, at(0), &[2])]), A, 1));
    explained([one(), rejected(), (4, 5, read(A, &[1]))]);
    unexplained([one(), rejected(), (4, 5, read(A, &[1, 2]))]);
    explained([
        one(),
        (2, 3, failed(to([(A, Any, &[2])]))),
        (4, 5, read(A, &[1])),
    ]);
    unexplained([
        one(),
        (2, 3, failed(to([(A, Any, &[2])]))),
        (4, 5, read(A, &[1, 2])),
    ]);
}

#[test]
fn an_unknown_outcome_happens_after_its_start_or_never() {
    let lost = || (2, 3, unknown(to([(A, Any, &[1])])));
    explained([lost(), (4, 5, read(A, &[]))]);
    explained([lost(), (4, 5, read(A, &[])), (6, 7, read(A, &[1]))]);
    unexplained([lost(), (4, 5, read(A, &[1])), (6, 7, read(A, &[]))]);
    unexplained([(0, 1, read(A, &[1])), lost()]);
    let both = || (2, 3, unknown(to([(A, Any, &[1]), (B, Any, &[2])])));
    unexplained([both(), (4, 5, read(A, &[1])), (6, 7, read(B, &[]))]);
    let guarded = || (2, 3, unknown(to([(A, at(1), &[1])])));
    unexplained([guarded(), (4, 5, read(A, &[1]))]);
}

#[test]
fn a_command_under_one_key_is_executed_once() {
    let command = || to([(A, Any, &[1])]);
    let again = |version| under(0, appended(to([(A, Any, &[2])]), &[version]));
    let first = || (0, 3, under(0, appended(command(), &[1])));
    explained([first(), (1, 2, repeated(again(1))), (4, 5, read(A, &[1]))]);
    unexplained([first(), (1, 2, again(2))]);
    unexplained([
        first(),
        (1, 2, repeated(again(1))),
        (4, 5, read(A, &[1, 2])),
    ]);
    let lost = || (0, 1, under(0, unknown(command())));
    explained([lost(), (2, 3, repeated(again(1))), (4, 5, read(A, &[1]))]);
    explained([lost(), (2, 3, again(1)), (4, 5, read(A, &[2]))]);
    unexplained([lost(), (2, 3, again(1)), (4, 5, read(A, &[2, 1]))]);
}

#[test]
fn an_event_that_nobody_appended_fits_nowhere() {
    unexplained([(0, 1, read(A, &[EventNumber::FOREIGN.0]))]);
    unexplained([(0, 1, rejected(to([(A, at(1), &[1])]), Stream::FOREIGN, 0))]);
}

#[test]
fn a_finding_has_the_longest_order_and_the_next_calls() {
    let found = unexplained([
        (0, 1, appended(to([(A, Any, &[1])]), &[1])),
        (2, 5, appended(to([(A, Any, &[2])]), &[2])),
        (3, 4, read(A, &[])),
        (6, 7, read(A, &[1, 2])),
    ]);
    assert_eq!(found.longest, [0, 1]);
    let [v1, v2] = [1, 2].map(Version::new);
    let both = vec![(v1, EventNumber(1)), (v2, EventNumber(2))];
    assert_eq!(found.stuck, [(2, RightResult::Read(both))]);
}
