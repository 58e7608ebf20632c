//! The names that are held in this process.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use super::MemoryEventStore;
use crate::ports::{Hold, HoldError, Holder, NameKeeper, NameKind, Names};

/// Who holds each name, and since when. One that was given back may still be here.
pub(super) type HeldNames = HashMap<(NameKind, String), (NameKeeper, SystemTime)>;

impl Names for MemoryEventStore {
    async fn hold(&self, kind: NameKind, name: &str) -> Result<Hold, HoldError> {
        let names = &mut self.state().names;
        let key = (kind, name.to_owned());
        match names.get(&key) {
            Some((keeper, since)) if !keeper.is_released() => {
                let holder = Holder::new("another part of this process").since(*since);
                Err(HoldError::Held(holder))
            }
            _ => {
                let (keeper, hold) = NameKeeper::pair();
                names.insert(key, (keeper, SystemTime::now()));
                Ok(hold)
            }
        }
    }

    /// A holder cannot be cut off.
    fn lease(&self) -> Duration {
        Duration::ZERO
    }
}
