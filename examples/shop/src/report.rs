//! The table at the end of a run.

use std::{fmt, time::Duration};

use crate::{
    books::Books,
    order::{Reason, State},
    rebuild::Rebuilt,
};

/// How many orders were placed and settled, and how long that took. Orders that an earlier, killed run placed do not
/// count as placed.
#[derive(Debug, Default)]
pub struct Served {
    pub placed: u64,
    pub placing_time: Duration,
    pub settled: u64,
    pub settling_time: Duration,
}

/// The results of a run.
#[derive(Debug, Default)]
pub struct Report {
    pub served: Served,
    /// Events recorded while the customers were served.
    pub events: u64,
    pub all_events: u64,
    /// `None` if the run was interrupted, or the audit found something wrong.
    pub rebuilt: Option<Rebuilt>,
}

impl Report {
    /// The table.
    pub fn table(&self, setup: &str, books: &Books) -> String {
        let Served {
            placed,
            placing_time,
            settled,
            settling_time,
        } = self.served;
        let mut rows = vec![("set-up", setup.to_owned())];
        rows.extend(orders(books));
        rows.extend([
            (
                "placed in this run",
                with_rate(placed, "orders", placing_time),
            ),
            (
                "settled in this run",
                with_rate(settled, "orders", settling_time),
            ),
            (
                "events in this run",
                with_rate(self.events, "events", settling_time),
            ),
            ("events in all", self.all_events.to_string()),
            ("placed to settled", latency(books)),
        ]);
        rows.extend(self.rebuilt.iter().flat_map(rebuilt));
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, value): &(&str, String)| format!("  {name:<width$}  {value}");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn rebuilt(rebuilt: &Rebuilt) -> [(&'static str, String); 3] {
    let Rebuilt {
        from_logs,
        from_topics,
        views,
        documents,
        differences,
    } = rebuilt;
    let equal = match differences.len() {
        0 => "all equal to before".to_owned(),
        views => format!("{views} views differ"),
    };
    let topics = with_rate(from_topics.events, "events", from_topics.took);
    [
        (
            "rebuilt",
            format!("{documents} documents of {views} views, {equal}"),
        ),
        (
            "- from own logs",
            with_rate(from_logs.events, "events", from_logs.took),
        ),
        ("- from topics", topics),
    ]
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
            "out of stock",
            format!(
                "{}, money refunded or never taken",
                failed(Reason::OutOfStock)
            ),
        ),
        (
            "card declined",
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

/// How long orders took, by the times of their events.
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
    fn the_table_shows_the_results() {
        let report = Report {
            served: Served {
                placed: 100,
                placing_time: Duration::from_secs(2),
                ..Served::default()
            },
            ..Report::default()
        };
        let table = report.table("test", &books(100));
        assert!(table.contains("100, 99 (99.0 %) completed"), "{table}");
        assert!(table.contains("out of stock         1 (1.0 %)"), "{table}");
        assert!(table.contains("100 orders in 2.0 s, 50/s"), "{table}");
        assert!(table.contains("p50 51 ms, p99 100 ms"), "{table}");
    }

    #[test]
    fn a_run_without_orders_has_a_table_too() {
        assert!(
            Report::default()
                .table("test", &Books::default())
                .contains("p50 -, p99 -")
        );
    }
}
