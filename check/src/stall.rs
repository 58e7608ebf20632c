//! The longest time in which a reader did not come further although acknowledged events lay behind it, and why.

mod cause;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::cause::Cause;
use crate::{mischief::Mischief, scene::Scene};

/// How often to look where readers are.
const TICK: Duration = Duration::from_millis(20);

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
    /// Why, as the store told it while it lasted; empty if it was too short to ask.
    pub causes: Vec<String>,
}

/// A reader that stands still.
#[derive(Debug, Clone, Copy)]
struct Standing {
    reader: usize,
    place: u64,
    since: Instant,
}

/// Watches the readers until the end of the log is known.
pub(crate) async fn watch<T: Send + 'static, M: Mischief<T>>(
    scene: Arc<Scene>,
    mischief: Arc<M>,
) -> Option<Stall> {
    let mut readers: Vec<Standing> = standing_at_first(&scene);
    let (mut longest, mut cause): (Option<Stall>, _) = (None, Cause::new(mischief));
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while scene.end().is_none() {
        tick.tick().await;
        let Some(standing) = longest_standing(&scene, &mut readers) else {
            continue;
        };
        cause.look(standing).await;
        let seconds = standing.since.elapsed().as_secs_f64();
        if longest.as_ref().is_none_or(|stall| seconds > stall.seconds) {
            longest = Some(Stall {
                seconds,
                at_second: scene.begun.elapsed().as_secs_f64() - seconds,
                reader: standing.reader,
                position: standing.place,
                causes: cause.told(),
            });
        }
    }
    longest
}

fn standing_at_first(scene: &Scene) -> Vec<Standing> {
    let since = Instant::now();
    let standing = |(reader, place)| Standing {
        reader,
        place,
        since,
    };
    scene.places().enumerate().map(standing).collect()
}

/// The reader that has stood still for longest with something acknowledged behind it.
fn longest_standing(scene: &Scene, readers: &mut [Standing]) -> Option<Standing> {
    let (furthest, since) = (scene.furthest(), Instant::now());
    for (reader, place) in readers.iter_mut().zip(scene.places()) {
        if place != reader.place || place >= furthest {
            *reader = Standing {
                place,
                since,
                ..*reader
            };
        }
    }
    let longest = readers.iter().min_by_key(|reader| reader.since)?;
    (longest.since < since).then_some(*longest)
}
