//! Generates orders and deliveries from a seed, so that a restarted run places the same orders.

use std::collections::BTreeMap;

use crate::order::Line;

/// Each block of this many orders has its own [`SKUS`] products, so that no stock gets a long history.
const BLOCK: u64 = 500;
const SKUS: u64 = 10;
const CUSTOMERS: u64 = 200;

/// The share of the ordered pieces that is in stock. Too little for all, so that some orders fail.
const IN_STOCK_PERCENT: u64 = 92;

/// The `n`-th order's id.
pub fn order_id(run: &str, n: u64) -> String {
    format!("{run}-{n}")
}

/// The content of the `n`-th order. About one in twelve exceeds the limit of its card.
pub fn line(seed: u64, n: u64) -> Line {
    let product = n % SKUS;
    let quantity = 1 + draw(seed, n, 0) % 5;
    let price = 500 + product * 9_400 / (SKUS - 1);
    Line {
        customer: format!("customer-{}", draw(seed, n, 1) % CUSTOMERS),
        sku: format!("sku-{}", n / BLOCK * SKUS + product),
        quantity: u32::try_from(quantity).unwrap_or(1),
        cents: quantity * price,
    }
}

/// The deliveries for this many orders: sku and quantity.
pub fn deliveries(seed: u64, orders: u64) -> Vec<(String, u32)> {
    let mut ordered: BTreeMap<String, u64> = BTreeMap::new();
    for Line { sku, quantity, .. } in (0..orders).map(|n| line(seed, n)) {
        *ordered.entry(sku).or_default() += u64::from(quantity);
    }
    let in_stock = |pieces: u64| (pieces * IN_STOCK_PERCENT / 100).max(1);
    ordered
        .into_iter()
        .map(|(sku, pieces)| (sku, u32::try_from(in_stock(pieces)).unwrap_or(u32::MAX)))
        .collect()
}

/// A pseudorandom number that depends only on its arguments: SplitMix64.
///
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
fn draw(seed: u64, n: u64, what: u64) -> u64 {
    let mut z = seed.wrapping_add((n * 2 + what + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::LIMIT_CENTS;

    #[test]
    fn an_order_is_always_the_same() {
        assert_eq!(line(1, 7), line(1, 7));
        assert!((0..100).any(|n| line(1, n) != line(2, n)));
    }

    #[test]
    fn five_to_ten_percent_of_the_cards_are_declined() {
        for seed in 0..5 {
            let declined = (0..2_000)
                .filter(|&n| line(seed, n).cents > LIMIT_CENTS)
                .count();
            assert!(
                (100..=200).contains(&declined),
                "{declined} of 2000 with seed {seed}"
            );
        }
    }

    #[test]
    fn deliveries_have_every_product_but_too_little_of_it() {
        let deliveries = deliveries(1, 2_000);
        assert_eq!(deliveries.len(), 40);
        let ordered: u32 = (0..2_000).map(|n| line(1, n).quantity).sum();
        let delivered: u32 = deliveries.iter().map(|(_, pieces)| pieces).sum();
        assert!(delivered < ordered && delivered > ordered * 9 / 10);
    }
}
