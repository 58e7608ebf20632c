//! The one table at the end.

use std::{fmt, time::Duration};

use crate::{
    books::Books,
    order::{Reason, State},
    rebuild::Rebuilt,
};

/// What a run was like.
#[derive(Debug, Default)]
pub struct Report {
    pub setup: &'static str,
    /// Placed in this run; others may have been placed before it was killed.
    pub placed: u64,
    pub placing: Duration,
    /// Settled in this run.
    pub settled: u64,
    pub settling: Duration,
    /// Events recorded in this run, and in all.
    pub events: u64,
    pub all_events: u64,
    /// `None`: interrupted before.
    pub rebuilt: Option<Rebuilt>,
}

impl Report {
    /// The lines of the table.
    pub fn table(&self, books: &Books) -> String {
        let mut rows = vec![("set-up", self.setup.to_owned())];
        rows.extend(orders(books));
        rows.extend([
            (
                "placed in this run",
                with_rate(self.placed, "orders", self.placing),
            ),
            (
                "settled in this run",
                with_rate(self.settled, "orders", self.settling),
            ),
            (
                "events in this run",
                with_rate(self.events, "events", self.settling),
            ),
            ("events in all", self.all_events.to_string()),
            ("placed to settled", latency(books)),
            ("rebuilt by replay", self.rebuild()),
        ]);
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, value): &(&str, String)| format!("  {name:<width$}  {value}");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn rebuild(&self) -> String {
        let Some(rebuilt) = &self.rebuilt else {
            return "not tried".to_owned();
        };
        let equal = match rebuilt.differences.len() {
            0 => "all equal".to_owned(),
            views => format!("{views} views differ"),
        };
        let rate = with_rate(rebuilt.events, "events", rebuilt.took);
        format!(
            "{rate} into {} documents of {} views, {equal}",
            rebuilt.documents, rebuilt.views
        )
    }
}

fn orders(books: &Books) -> [(&'static str, String); 3] {
    let all = books.orders.len();
    let count = |state| {
        books
            .orders
            .values()
            .filter(|order| order.state == state)
            .count()
    };
    let share = |count: usize| format!("{count} ({:.1} %)", percent(count, all));
    let failed = |reason| share(count(State::Closed(reason)));
    let completed = count(State::Completed);
    [
        ("orders", format!("{all}, {} completed", share(completed))),
        (
            "failed for stock",
            format!(
                "{}, money refunded or never taken",
                failed(Reason::OutOfStock)
            ),
        ),
        (
            "failed for money",
            format!(
                "{}, goods released or never reserved",
                failed(Reason::CardDeclined)
            ),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn percent(count: usize, all: usize) -> f64 {
    count as f64 * 100.0 / all.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "shown as a whole number")]
fn with_rate(count: u64, what: &str, took: Duration) -> String {
    if count == 0 {
        return format!("0 {what}");
    }
    let rate = count as f64 / took.as_secs_f64().max(0.001);
    format!("{count} {what} in {:.1} s, {rate:.0}/s", took.as_secs_f64())
}

/// How long orders took, by the clocks of the store.
fn latency(books: &Books) -> String {
    let orders = books.orders.values();
    let settled =
        orders.filter_map(|order| Some(order.settled_at?.saturating_sub(order.placed_at)));
    let mut took: Vec<u64> = settled.collect();
    took.sort_unstable();
    let at = |percent: usize| {
        Millis(
            took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)))
                .copied(),
        )
    };
    format!("p50 {}, p99 {}", at(50), at(99))
}

struct Millis(Option<u64>);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(millis) => write!(f, "{millis} ms"),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Line, OrderSummary};

    fn books(orders: u64) -> Books {
        let mut books = Books::default();
        for n in 1..=orders {
            let line = Line {
                customer: "ada".into(),
                sku: "tea".into(),
                quantity: 1,
                cents: 1,
            };
            let state = if n == 1 {
                State::Closed(Reason::OutOfStock)
            } else {
                State::Completed
            };
            let order = OrderSummary {
                line,
                state,
                placed_at: 1_000,
                settled_at: Some(1_000 + n),
            };
            books.orders.insert(n.to_string(), order);
        }
        books
    }

    #[test]
    fn the_table_tells_what_happened() {
        let report = Report {
            setup: "test",
            placed: 100,
            placing: Duration::from_secs(2),
            ..Report::default()
        };
        let table = report.table(&books(100));
        assert!(table.contains("100, 99 (99.0 %) completed"), "{table}");
        assert!(table.contains("failed for stock     1 (1.0 %)"), "{table}");
        assert!(table.contains("100 orders in 2.0 s, 50/s"), "{table}");
        assert!(table.contains("p50 51 ms, p99 100 ms"), "{table}");
    }

    #[test]
    fn a_run_without_orders_has_a_table_too() {
        assert!(
            Report::default()
                .table(&Books::default())
                .contains("p50 -, p99 -")
        );
    }
}
