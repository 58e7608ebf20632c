//! Appends to many streams, now and then an event that cannot be handled.

use std::time::Duration;

use cqrs_core::{
    EventStore, ExpectedVersion,
    ports::{Append, AppendError},
};

use super::{attack::Attack, events::CheckEvent, tolerate::tolerate};
use crate::error::CheckError;

/// How many writers append at the same time.
pub(super) const WRITERS: u64 = 4;
const STREAMS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);
/// The first append of each writer has a broken event, and then one in so many.
const BROKEN_IN: u64 = 150;

/// The outcomes do not matter: what was handled is compared with the log.
pub(super) async fn write(attack: &Attack) -> Result<(), CheckError> {
    for number in 0_u64.. {
        if attack.state.is_stopping() {
            break;
        }
        let stream = format!("s{}", fastrand::u32(..STREAMS));
        let mut events = Vec::from_iter((0..fastrand::u8(0..3)).map(|_| CheckEvent::Written {}));
        events.push(if number.is_multiple_of(BROKEN_IN) {
            CheckEvent::Broken {}
        } else {
            CheckEvent::Written {}
        });
        let append = Append::of(stream, ExpectedVersion::Any, &events)?;
        if let Err(AppendError::Store(error)) = attack.store.append(append).await {
            tolerate::<()>(Err(error))?;
        }
        attack.state.sleep(PAUSE).await;
    }
    Ok(())
}
