//! Compares three things: what writers were told, what the store holds, and what readers saw.

mod readers;
mod table;
#[cfg(test)]
mod tests;

use crate::{books::Ledger, names::Run, sightings::Sightings, truth::Truth, verdict::Verdict};

pub use self::table::Settled;

/// What is wrong, and what became of the appends whose outcome was unknown.
#[must_use]
pub(crate) fn audit(
    run: Run,
    books: &[Ledger],
    truth: &Truth,
    readers: Vec<Sightings>,
) -> (Verdict, Settled) {
    let mut table = table::Table::new(run, books);
    table.audit(truth);
    let present = table.present;
    let (mut verdict, settled) = (table.verdict, table.settled);
    let slices = truth.slices();
    for reader in readers {
        readers::audit(&reader, books, truth, &present, &slices, &mut verdict);
        verdict.absorb(reader.verdict);
    }
    (verdict, settled)
}
