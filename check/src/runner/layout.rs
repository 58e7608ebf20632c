//! Changes the number of partitions, again and again.

use std::time::Duration;

use cqrs_core::ports::{Control, RepartitionError};

use super::{attack::Attack, counts::Counters, journal::Journal, tolerate::tolerate};
use crate::error::CheckError;

const PARTITIONS: std::ops::RangeInclusive<u16> = 1..=16;
const PAUSE: std::ops::Range<u64> = 300..1_500;

pub(super) async fn change_partitions(attack: &Attack) -> Result<(), CheckError> {
    loop {
        let pause = Duration::from_millis(fastrand::u64(PAUSE));
        attack.state.sleep(pause).await;
        if attack.state.is_stopping() {
            return Ok(());
        }
        let partitions = fastrand::u16(PARTITIONS);
        let changed = attack
            .store
            .repartition(Journal::NAME, partitions, "a check");
        let changed = match changed.await {
            Ok(_) => true,
            // Nobody has started it, or not yet each partition of the last number.
            Err(RepartitionError::Unknown(_) | RepartitionError::Selections(_)) => false,
            Err(RepartitionError::Store(error)) => tolerate::<()>(Err(error))?.is_some(),
            Err(error) => return Err(CheckError::Process(error.to_string())),
        };
        if changed {
            Counters::add(&attack.counters.repartitions);
        }
    }
}
