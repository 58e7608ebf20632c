//! Draws streams by Zipf's law: the n-th stream is drawn n times less often than the first.

use std::sync::Arc;

use uuid::Uuid;

use crate::random::Random;

/// New streams, drawn with the exponent 1.
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    prefix: Arc<str>,
    /// For each stream, the sum of its weight and of all weights before it.
    cumulative: Arc<[f64]>,
}

impl Zipf {
    pub(super) fn of(streams: u32) -> Self {
        let weights = (1..=streams).map(|rank| 1.0 / f64::from(rank));
        let cumulative = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self {
            prefix: Uuid::now_v7().to_string().into(),
            cumulative: cumulative.collect(),
        }
    }

    pub(super) fn draw(&self, random: &mut Random) -> String {
        let sum = self.cumulative.last().copied().unwrap_or_default();
        let drawn = random.fraction() * sum;
        let number = self.cumulative.partition_point(|upto| *upto <= drawn);
        format!("{}-{number}", self.prefix)
    }
}
