//! Asks again in another second: within one, a clock that is read in whole seconds gives the same twice.

use std::{
    cell::RefCell,
    thread::sleep,
    time::{Duration, SystemTime},
};

use super::{broken::Broken, quiet::quietly};

/// The maximum number of histories that are kept.
const KEPT: usize = 256;

/// Histories that kept a law, with what was seen then.
#[derive(Debug)]
pub(super) struct Later<T>(RefCell<Vec<T>>);

impl<T> Default for Later<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Later<T> {
    /// Keeps a history for another second.
    pub(super) fn keep(&self, kept: T) {
        let mut all = self.0.borrow_mut();
        if all.len() < KEPT {
            all.push(kept);
        }
    }

    /// Waits for the next second, then asks the law about each kept history. The shortest test of those that break it now.
    pub(super) fn ask(self, law: impl Fn(&T) -> Result<(), Broken>) -> Result<(), Broken> {
        wait_for_another_second();
        let kept = self.0.into_inner();
        // A panic breaks another law.
        let broken = kept
            .iter()
            .filter_map(|one| quietly(|| law(one)).ok()?.err());
        let simplest = broken.min_by_key(Broken::length);
        simplest.map_or(Ok(()), |broken| Err(broken.in_another_second()))
    }
}

fn wait_for_another_second() {
    let now = since_1970();
    while since_1970().as_secs() == now.as_secs() {
        let left = Duration::from_secs(1).checked_sub(fraction(since_1970()));
        sleep(left.unwrap_or_default());
    }
}

fn fraction(time: Duration) -> Duration {
    Duration::from_nanos(time.subsec_nanos().into())
}

fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}
