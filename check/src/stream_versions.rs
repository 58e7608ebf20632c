//! The last version of each stream, at some point of the log.

use crate::ids::StreamNumber;

/// Versions by the number of the stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamVersions(Vec<u32>);

impl StreamVersions {
    /// The last version of the stream; 0 if it has no event yet.
    pub(crate) fn get(&self, stream: StreamNumber) -> u32 {
        let version = self.0.get(stream.index());
        version.copied().unwrap_or_default()
    }

    /// Raises the version of the stream to this one. Returns the version before.
    pub(crate) fn raise(&mut self, stream: StreamNumber, version: u32) -> u32 {
        let index = stream.index();
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        let before = self.0[index];
        self.0[index] = before.max(version);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_is_kept() {
        let mut versions = StreamVersions::default();
        let before = [1, 2, 5, 3].map(|version| versions.raise(StreamNumber(9), version));
        assert_eq!(before, [0, 1, 2, 5]);
        assert_eq!(versions.get(StreamNumber(9)), 5);
        assert_eq!(versions.get(StreamNumber(10)), 0);
    }
}
