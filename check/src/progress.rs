//! A line every few seconds, for whoever watches a long run.

use std::{sync::Arc, time::Duration};

use crate::{mischief::Mischief, scene::Scene};

const EVERY: Duration = Duration::from_secs(5);

/// Prints until it is dropped, if that was asked for.
pub(crate) async fn tell<T: Send, M: Mischief<T>>(scene: Arc<Scene>, mischief: Arc<M>) {
    if !scene.plan.progress {
        return;
    }
    let mut before = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let commits = scene.commits();
        let rate = (commits - before) / EVERY.as_secs();
        let lag = scene.furthest()
            - scene
                .places()
                .min()
                .unwrap_or_default()
                .min(scene.furthest());
        let damage = mischief.damage();
        eprintln!(
            "{:6.0} s  {commits:>9} commits  {rate:>6}/s  slowest reader {lag} behind  {} kills  {} crashes",
            scene.begun.elapsed().as_secs_f64(),
            damage.killed,
            damage.crashes
        );
        before = commits;
    }
}
