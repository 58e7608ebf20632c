//! 64-bit FNV-1a, a hash that never changes: safe to store.
//!
//! Source: Fowler, Noll, Vo, <http://www.isthe.com/chongo/tech/comp/fnv/>.

use std::hash::Hasher;

use fnv::FnvHasher;

use crate::model::number::Slices;

/// The hash of `bytes`, the same on every platform. It does not protect against deliberate collisions.
pub(crate) fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = FnvHasher::default();
    bytes.into_iter().for_each(|byte| hash.write_u8(byte));
    hash.finish()
}

/// The slice of a name.
pub(crate) fn slice_of_bytes(bytes: impl IntoIterator<Item = u8>) -> u16 {
    let hash = fnv1a(bytes);
    let folded = (hash >> 32) ^ hash;
    u16::try_from(folded % u64::from(Slices::COUNT)).expect("a remainder of 1,024 fits 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_the_published_test_vectors() {
        assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
    }
}
