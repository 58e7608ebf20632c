//! A fingerprint of how serde reads a type: it detects stored values that were written with another shape of the type.
//!
//! A probing deserializer visits each place in the type, one at a time. It walks from the root to the place. Of each struct,
//! enum or map on the way it offers only the part that leads there. At the place it records what the type asks for, and stops.
//! So no sample of one part is needed to reach another, and a type that rejects samples does not hide its neighbours. The
//! parts found at a place are the next places to visit. All places are the [`Shape`] of the type. As text each is a line,
//! `place: kind`; the fingerprint is the hash of the text.
//!
//! Names of fields and variants count. Names of types do not, because they are not stored. A newtype has the fingerprint of its
//! content.
//!
//! Cf. <https://docs.rs/serde-reflection>, which traces formats through serde too, by making whole values.
//!
//! # Limits
//!
//! Give a stored type a version number as well, and raise it for the changes that the fingerprint does not detect:
//!
//! - a change of meaning: another `apply`, another unit, another default;
//! - conversions by `with`, `try_from` or a handwritten `Deserialize`, after the value was read;
//! - a change of `Serialize` alone, and fields that serde skips;
//! - values that serde buffers (`any`): internally tagged and untagged enums, the content of adjacently tagged enums, flattened
//!   fields. Beside a flattened field only the required fields are found, up to the first one without a valid sample;
//! - tuple elements after an element without a valid sample (`unseen`): an element can only be offered after those before it;
//! - places more than 64 steps from the root, or after 20,000 reads (`unseen`); elements of a tuple or array after the 64th.

mod access;
mod compound;
mod deserializer;
mod kind;
mod pass;
mod probe;
mod route;
mod samples;
mod shape;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::de::DeserializeOwned;

pub use self::{kind::Kind, route::Step, samples::STRINGS, shape::Shape};
use self::{
    pass::{Node, Pass},
    probe::Probe,
    route::Route,
    shape::Places,
};

/// The maximum number of steps from the root to a place. An optional list of structs takes three steps.
const MAX_DEPTH: usize = 64;

/// The maximum number of reads of a type. Most lines of a trace take one read.
const MAX_READS: usize = 20_000;

/// A fingerprint of how serde reads a `T`: the names of its fields and variants, in any order, and the shapes within.
///
/// It is the same in every build, on every machine and with every version of Rust. It is the same with every version of serde
/// as long as `T` asks serde for the same. It runs the `Deserialize` of `T` on samples. A panic there counts as an error, but
/// the panic hook may report it.
///
/// ```
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Before { name: String }
/// #[derive(Deserialize)]
/// struct After { name: String, age: u32 }
///
/// assert_ne!(cqrs_shape::fingerprint::<Before>(), cqrs_shape::fingerprint::<After>());
/// ```
pub fn fingerprint<T: DeserializeOwned>() -> u64 {
    shape::<T>().fingerprint()
}

/// How serde reads a `T`: the places in it, and what it asks for at each. Its [fingerprint](Shape::fingerprint) is that of `T`.
///
/// It runs the `Deserialize` of `T` on samples, as [`fingerprint`] does.
///
/// ```
/// # use cqrs_shape::{Kind, Step};
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Person { name: String }
///
/// let person = cqrs_shape::shape::<Person>();
/// let name = person.part(Step::Field("name")).expect("is a field");
/// assert_eq!(name.kind, Kind::Leaf("string"));
/// ```
#[must_use]
pub fn shape<T: DeserializeOwned>() -> Shape {
    let mut places = Places::default();
    let mut reads = MAX_READS;
    // Breadth first, so that the limit on reads cuts off the deepest places.
    let mut routes = VecDeque::from([(Places::ROOT, Route::default())]);
    while let Some((place, route)) = routes.pop_front() {
        let node = visit::<T>(&route, &mut reads).unwrap_or_else(|| Node::leaf(Kind::Unseen));
        let parts = places.fill(place, node);
        routes.extend(
            parts
                .into_iter()
                .map(|(step, part)| (part, route.then(step))),
        );
    }
    places.into_shape()
}

/// Finds what `T` asks for at the end of `route`.
fn visit<T: DeserializeOwned>(route: &Route, reads: &mut usize) -> Option<Node> {
    if route.len() > MAX_DEPTH {
        return None;
    }
    let mut pass = Pass::new(route);
    while *reads > 0 {
        *reads -= 1;
        // The result does not matter: `pass` has recorded what the type asked for.
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
