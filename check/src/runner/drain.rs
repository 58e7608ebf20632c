//! Waits until every event of the log is handled and nothing is parked.

use std::time::Duration;

use super::{attack::Attack, parking::redrive_all};
use crate::error::CheckError;

const PAUSE: Duration = Duration::from_millis(200);
/// When nothing was handled for this long, what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn drain(attack: &Attack) -> Result<(), CheckError> {
    let mut fewest = u64::MAX;
    let mut since = tokio::time::Instant::now();
    while since.elapsed() < PATIENCE {
        let is_redriven = redrive_all(attack).await?;
        let mut connection = attack.connection().await?;
        let missing = attack.tables.missing(&mut connection).await?;
        if missing == 0 && is_redriven {
            return Ok(());
        }
        if missing < fewest {
            fewest = missing;
            since = tokio::time::Instant::now();
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
