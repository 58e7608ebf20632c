//! What a reader saw against what the store holds.

use std::collections::HashMap;

use crate::{
    books::{Ledger, Outcome},
    marks::Marks,
    names::StreamNumber,
    sightings::{Sightings, fingerprint},
    truth::{Fact, Truth},
    verdict::{Kind, Verdict},
};

pub(super) fn audit(
    reader: &Sightings,
    books: &[Ledger],
    truth: &Truth,
    present: &Marks,
    slices: &HashMap<StreamNumber, u16>,
    verdict: &mut Verdict,
) {
    let wants = |fact: &Fact| {
        let slice = slices.get(&fact.stream).copied();
        reader.taste.wants(fact.stream, slice.unwrap_or_default())
    };
    let (mut sum, mut missed) = (0_u64, false);
    for (index, fact) in truth.facts.iter().enumerate() {
        if !wants(fact) {
            continue;
        }
        let version = u64::from(fact.version);
        sum = sum.wrapping_add(fingerprint(
            fact.number,
            fact.stream,
            version,
            fact.position,
        ));
        if !reader.seen.has(fact.number) {
            missed = true;
            verdict.add(Kind::Lost, || lost(reader, &truth.facts, index, wants));
        }
    }
    for event in reader.seen.without(present) {
        missed = true;
        let ledger = books.get(usize::from(event.writer));
        let outcome = ledger.and_then(|ledger| ledger.get(event.append));
        let (kind, why) = match outcome {
            Some((Outcome::Refused, _)) => {
                (Kind::Appeared, "its append was refused or rolled back")
            }
            _ => (Kind::Lost, "the store does not hold it any more"),
        };
        verdict.add(kind, || {
            format!("reader {} saw {event}, and {why}", reader.name())
        });
    }
    if !missed && sum != reader.fingerprint && reader.verdict.is_clean() {
        verdict.add(Kind::Disagrees, || {
            format!(
                "reader {} saw every event, but not all in the stream and at the version and position that the store holds",
                reader.name()
            )
        });
    }
}

/// An event that never came, and what the reader read around it.
fn lost(reader: &Sightings, facts: &[Fact], index: usize, wants: impl Fn(&Fact) -> bool) -> String {
    let fact = &facts[index];
    let seen = |fact: &&Fact| wants(fact) && reader.seen.has(fact.number);
    let around = [
        facts[..index].iter().rev().find(seen),
        facts[index..].iter().find(seen),
    ];
    let around =
        around.map(|fact| fact.map_or("nothing".to_owned(), |fact| fact.told(reader.run())));
    format!(
        "reader {} never saw {}: {}, with {} before and {} behind",
        reader.name(),
        fact.told(reader.run()),
        reader.page_of(fact.position),
        around[0],
        around[1]
    )
}
