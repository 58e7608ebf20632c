//! The longest time in which a reader did not come further although acknowledged events lay behind it, and why.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{mischief::Mischief, scene::Scene};

/// How often to look where readers are.
const TICK: Duration = Duration::from_millis(20);

/// A stall of this length is asked for its cause; shorter ones pass before the answer comes.
const WORTH_ASKING: Duration = Duration::from_millis(100);

/// A cause is asked for anew after this time: who held the mark at the beginning need not be who holds it at the end.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// A reader that stood still.
#[derive(Debug, Clone, Serialize)]
pub struct Stall {
    /// For how long, within 20 ms or so.
    pub seconds: f64,
    /// When it began, in seconds of the run.
    pub at_second: f64,
    /// Which reader.
    pub reader: usize,
    /// Where it stood.
    pub position: u64,
    /// Why, as the store told it while it lasted.
    pub cause: Option<String>,
}

/// One reader's progress.
#[derive(Debug, Clone)]
struct Watched {
    place: u64,
    since: Instant,
}

/// Watches the readers until it is dropped or the end of the log is known.
pub(crate) async fn watch<T: Send, M: Mischief<T>>(
    scene: Arc<Scene>,
    mischief: Arc<M>,
) -> Option<Stall> {
    let now = Instant::now();
    let mut watched: Vec<Watched> = scene
        .places()
        .map(|place| Watched { place, since: now })
        .collect();
    let (mut longest, mut cause) = (None, Cause::default());
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while scene.end().is_none() {
        tick.tick().await;
        let Some((reader, since)) = longest_standing(&scene, &mut watched) else {
            cause = Cause::default();
            continue;
        };
        if since.elapsed() >= WORTH_ASKING {
            cause.ask(&*mischief).await;
        }
        let seconds = since.elapsed().as_secs_f64();
        if longest
            .as_ref()
            .is_none_or(|stall: &Stall| seconds > stall.seconds)
        {
            longest = Some(Stall {
                seconds,
                at_second: scene.begun.elapsed().as_secs_f64() - seconds,
                reader,
                position: watched[reader].place,
                cause: cause.told.clone(),
            });
        }
    }
    longest
}

/// The reader that has stood still for longest with something acknowledged behind it, and since when.
fn longest_standing(scene: &Scene, watched: &mut [Watched]) -> Option<(usize, Instant)> {
    let (furthest, now) = (scene.furthest(), Instant::now());
    for (watched, place) in watched.iter_mut().zip(scene.places()) {
        if place != watched.place || place >= furthest {
            *watched = Watched { place, since: now };
        }
    }
    let standing = watched
        .iter()
        .enumerate()
        .map(|(reader, watched)| (reader, watched.since));
    standing
        .min_by_key(|(_, since)| *since)
        .filter(|(_, since)| *since < now)
}

/// What the store said about the stall that lasts.
#[derive(Debug, Default)]
struct Cause {
    told: Option<String>,
    asked: Option<Instant>,
}

impl Cause {
    async fn ask<T: Send>(&mut self, mischief: &impl Mischief<T>) {
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        self.asked = Some(Instant::now());
        let told =
            tokio::time::timeout(Duration::from_secs(1), mischief.who_holds_the_mark()).await;
        self.told = match told {
            Ok(told) => told.or(self.told.take()),
            Err(_) => Some("the store does not answer".to_owned()),
        };
    }
}
