//! Looks after what is parked: repairs events and asks for redrives, sometimes before the repair.

use std::time::Duration;

use cqrs_core::{StoreError, ports::ParkedKey, read::ParkedKeys};

use super::{attack::Attack, counts::Counters, journal::Journal, tolerate::tolerate};
use crate::error::CheckError;

const PAUSE: Duration = Duration::from_millis(200);

/// Looks after what is parked while the processes are attacked. Leaves some of it alone for a while.
pub(super) async fn look_after_parked(attack: &Attack) -> Result<(), CheckError> {
    loop {
        attack.state.sleep(PAUSE).await;
        if attack.state.is_stopping() {
            return Ok(());
        }
        for parked in not_requested(attack).await? {
            match fastrand::u8(..4) {
                0 => redrive(attack, &parked).await?,
                1 => repair_and_redrive(attack, &parked).await?,
                _ => {}
            }
        }
    }
}

/// Repairs and redrives all that is parked now. Returns whether nothing is.
pub(super) async fn redrive_all(attack: &Attack) -> Result<bool, CheckError> {
    for parked in not_requested(attack).await? {
        repair_and_redrive(attack, &parked).await?;
    }
    let parked = ParkedKeys::new(&attack.store, Journal::NAME).all().await;
    Ok(tolerate(parked)?.is_some_and(|parked| parked.is_empty()))
}

async fn not_requested(attack: &Attack) -> Result<Vec<ParkedKey>, CheckError> {
    let parked = ParkedKeys::new(&attack.store, Journal::NAME).all().await;
    let mut parked = tolerate(parked)?.unwrap_or_default();
    parked.retain(|parked| parked.requested.is_none());
    Ok(parked)
}

async fn repair_and_redrive(attack: &Attack, parked: &ParkedKey) -> Result<(), CheckError> {
    let repaired = repair(attack, parked.event.position.get()).await;
    if tolerate(repaired)?.is_some() {
        redrive(attack, parked).await?;
    }
    Ok(())
}

async fn repair(attack: &Attack, position: u64) -> Result<(), StoreError> {
    let mut connection = attack.connection().await?;
    attack.tables.repair(&mut connection, position).await
}

async fn redrive(attack: &Attack, parked: &ParkedKey) -> Result<(), CheckError> {
    let keys = ParkedKeys::new(&attack.store, Journal::NAME);
    let asked = keys.redrive_key(parked, "a check").await;
    if tolerate(asked)? == Some(true) {
        Counters::add(&attack.counters.redriven);
    }
    Ok(())
}
