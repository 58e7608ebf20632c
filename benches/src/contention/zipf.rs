//! Streams of which few are asked for often: the n-th most wanted one n times less often than the first.

use std::sync::Arc;

use uuid::Uuid;

use crate::random::Random;

/// New streams, drawn by Zipf's law with s = 1.
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    prefix: Arc<str>,
    /// The weights of a stream and of all before it.
    upto: Arc<[f64]>,
}

impl Zipf {
    pub(super) fn of(streams: u32) -> Self {
        let weights = (1..=streams).map(|rank| 1.0 / f64::from(rank));
        let upto = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self {
            prefix: Uuid::now_v7().to_string().into(),
            upto: upto.collect(),
        }
    }

    pub(super) fn draw(&self, random: &mut Random) -> String {
        let all = self.upto.last().copied().unwrap_or_default();
        let drawn = random.fraction() * all;
        let number = self.upto.partition_point(|upto| *upto <= drawn);
        format!("{}-{number}", self.prefix)
    }
}
