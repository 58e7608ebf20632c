//! A fingerprint of how serde reads a type, so that what another shape of it has stored is known to be stale.
//!
//! A probing deserializer puts one question after another to the type: what do you read at this place? It goes there from the root,
//! offers of each struct, enum or map on the way only the part that lies in its direction, notes what it is asked for there, and
//! breaks off. So nothing has to be made of one part in order to see the next, and a type that refuses made-up values hides nobody.
//! The parts of an answer are the next questions. An answer is a line, `place: kind`; all of them are the trace, whose hash is the
//! fingerprint.
//!
//! Names of fields and variants count, names of types do not: they are not stored. A newtype is what it holds.
//!
//! Cf. <https://docs.rs/serde-reflection>, which traces formats through serde too, by making whole values.
//!
//! # What it cannot see
//!
//! Whoever stores a type gives it a version number and raises it for what no fingerprint shows:
//!
//! - a change of meaning: another `apply`, another unit, another default;
//! - what a `with`, a `try_from` or a handwritten `Deserialize` makes of what it asks for;
//! - what only `Serialize` knows, and fields that serde skips;
//! - what serde buffers (`any`): internally tagged and untagged enums, the content of adjacently tagged ones, whatever is flattened.
//!   Beside a flattened field only the fields that must be there are seen, up to the first of which no sample can be made;
//! - tuple elements behind one of which no sample can be made (`unseen`): they are all that cannot be offered alone;
//! - what is too far away (`unseen`): more than 64 steps or elements, or 20,000 reads.

mod access;
mod compound;
mod deserializer;
mod pass;
mod probe;
mod route;
mod samples;

use std::{
    collections::{BTreeSet, VecDeque},
    hash::Hasher,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fnv::FnvHasher;
use serde::de::DeserializeOwned;

use self::{
    pass::{Node, Pass},
    probe::Probe,
    route::Route,
};

/// How far from the root is looked, in steps. An optional list of structs is three of them.
const MAX_DEPTH: usize = 64;

/// How often a type is read in all: mostly once for each line of its trace.
const MAX_PASSES: usize = 20_000;

/// A fingerprint of how serde reads a `T`: the names of its fields and variants, in whatever order, and the shapes within.
///
/// The same in every build, on every machine and under every version of Rust, and of serde as long as `T` asks it for the same.
/// Runs the `Deserialize` of `T` on made-up input. A panic in it counts as a refusal, though the panic hook may report it.
pub fn fingerprint<T: DeserializeOwned>() -> u64 {
    let mut hash = FnvHasher::default();
    hash.write(trace::<T>().as_bytes());
    hash.finish()
}

/// A line for each place in `T`, sorted.
fn trace<T: DeserializeOwned>() -> String {
    let mut lines = BTreeSet::new();
    let mut passes = MAX_PASSES;
    // Nearest first: what is left out when the passes are used up lies deepest.
    let mut questions = VecDeque::from([Route::default()]);
    while let Some(route) = questions.pop_front() {
        let node = ask::<T>(&route, &mut passes).unwrap_or_else(|| Node::leaf("unseen"));
        lines.insert(format!("{route}: {}\n", node.kind));
        questions.extend(node.parts.into_iter().map(|step| route.then(step)));
    }
    lines.into_iter().collect()
}

/// What `T` reads at the end of `route`.
fn ask<T: DeserializeOwned>(route: &Route, passes: &mut usize) -> Option<Node> {
    if route.len() > MAX_DEPTH {
        return None;
    }
    let mut pass = Pass::new(route);
    while *passes > 0 {
        *passes -= 1;
        // What comes back does not matter: what was asked is in `pass`.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            T::deserialize(Probe::new(&mut pass)).is_ok()
        }));
        if !pass.again() {
            break;
        }
    }
    pass.found
}

#[cfg(test)]
mod tests;
