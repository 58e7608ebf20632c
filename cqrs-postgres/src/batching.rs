//! What the tasks that gather calls into batches share: the writer of appends and the reader of streams.

pub(crate) mod in_flight;
pub(crate) mod lazy_task;
