//! Guarantees of [`EventStore::search_log`].

use cqrs_core::{
    EventStore, ExpectedVersion, Position, RecordedEvent,
    model::{Category, Slices},
    ports::{Append, LogSearch},
};

use super::fixture::{account, append, event, read_all, stream};

/// A search by names that were put together at run time finds what was asked for and nothing else, in both directions.
pub async fn the_log_is_searched_in_both_directions<S: EventStore>(store: S) {
    let ids = ["2025-7", "2026-1", "2026-10", "2026%", "2026_1", "é-1"];
    for round in 0..3 {
        for (category, id) in ["order", "orders"]
            .into_iter()
            .zip(ids.iter().cycle().skip(round))
        {
            let events = vec![event("Placed", "1"), event("Paid", "2")];
            let append = Append::new(stream(category, id), ExpectedVersion::Any, events);
            store.append(append).await.expect("appends");
        }
        for id in ids {
            let append = append(&stream("order", id), ExpectedVersion::Any, 1);
            store.append(append).await.expect("appends");
        }
    }
    let every = read_all(&store, &[], Slices::ALL, 100).await;
    let middle = every[every.len() / 2].position;
    let selections: [(&[&str], &[&str]); 5] = [
        (&[], &[]),
        (&["order"], &[]),
        (&["orders", "order"], &["Placed"]),
        (&[], &["Paid", "Happened", "Unheard"]),
        (&["unheard"], &[]),
    ];
    for (categories, types) in selections {
        for prefix in ["", "2026-1", "2026%", "2026_", "é", "e", "2026-1000"] {
            let category = |name: &&str| Category::new(*name).expect("valid");
            let wanted = |event: &&RecordedEvent| {
                let category = event.stream.category().as_str();
                (categories.is_empty() || categories.contains(&category))
                    && (types.is_empty() || types.contains(&&*event.event_type))
                    && event.stream.id().starts_with(prefix)
            };
            for ranged in [
                |search: LogSearch, _| search,
                |search: LogSearch, middle| search.before(middle),
                |search: LogSearch, middle| search.after(middle),
            ] {
                let search = |search: LogSearch| {
                    let search = search.types(types.iter().copied()).id_prefix(prefix);
                    ranged(search.categories(categories.iter().map(category)), middle)
                };
                let (first, last) = (LogSearch::oldest_first, LogSearch::newest_first);
                let range = search(first(0));
                let in_range = |event: &&RecordedEvent| {
                    event.position > range.after
                        && range.before.is_none_or(|before| event.position < before)
                };
                let expected = every.iter().filter(wanted).filter(in_range);
                for limit in [0, 1, 5, 1_000] {
                    let found = store.search_log(&search(first(limit))).await;
                    let from_start = Vec::from_iter(expected.clone().take(limit).cloned());
                    assert_eq!(found.expect("searches"), from_start, "{range:?}");
                    let found = store.search_log(&search(last(limit))).await;
                    let from_end = Vec::from_iter(expected.clone().rev().take(limit).cloned());
                    assert_eq!(found.expect("searches"), from_end, "{range:?}");
                }
            }
        }
    }
}

/// A search goes on at the last event that it has found, until it finds nothing.
pub async fn a_search_goes_on_where_it_ended<S: EventStore>(store: S) {
    for id in ["a", "b", "c"] {
        let appended = append(&account(id), ExpectedVersion::Any, 3);
        store.append(appended).await.expect("appends");
    }
    let mut every = read_all(&store, &[], Slices::ALL, 100).await;
    let two = every[0].payload.len() * 2;
    let smallest = LogSearch::newest_first(10).bytes(0);
    let found = store.search_log(&smallest).await.expect("searches");
    assert_eq!(found, every[8..], "at least one");
    for prefix in ["", "b"] {
        let mut found = Vec::new();
        let mut after = Position::START;
        loop {
            let search = LogSearch::oldest_first(100).bytes(two).id_prefix(prefix);
            let page = store.search_log(&search.after(after)).await;
            let page = page.expect("searches");
            assert!(page.len() <= 2, "its bytes end it");
            let Some(last) = page.last() else { break };
            after = last.position;
            found.extend(page);
        }
        every.retain(|event| event.stream.id().starts_with(prefix));
        assert_eq!(found, every);

        let (mut found, mut search) = (Vec::new(), LogSearch::newest_first(100).bytes(two));
        search = search.id_prefix(prefix);
        loop {
            let page = store.search_log(&search).await.expect("searches");
            assert!(page.len() <= 2, "its bytes end it");
            let Some(last) = page.last() else { break };
            search = search.before(last.position);
            found.extend(page);
        }
        found.reverse();
        assert_eq!(found, every);
    }
}
