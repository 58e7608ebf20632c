//! The headers of a record, all of them and as they are.

use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

/// The name of a header whose own name is not UTF-8: rdkafka does not return it.
pub(super) const UNREADABLE_NAME: &str = "\u{fffd}";

/// Names and values, in their order.
pub(super) fn all_headers<'a>(
    record: &'a BorrowedMessage<'_>,
) -> impl Iterator<Item = (String, Option<Bytes>)> + 'a {
    let headers = record.headers();
    let count = headers.map_or(0, Headers::count);
    headers.into_iter().flat_map(move |headers| {
        (0..count).map(move |index| {
            // rdkafka panics when the name of a header is not UTF-8.
            let header = panic::catch_unwind(AssertUnwindSafe(|| {
                let header = headers.try_get(index)?;
                Some((
                    header.key.to_owned(),
                    header.value.map(Bytes::copy_from_slice),
                ))
            }));
            let header = header.ok().flatten();
            header.unwrap_or_else(|| (UNREADABLE_NAME.to_owned(), None))
        })
    })
}
