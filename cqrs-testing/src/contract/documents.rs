//! Guarantees of the [`Documents`] port.

use cqrs_core::{
    model::{Checkpoint, KeyRange, Offset, PartitionId, Slices},
    ports::{CommitError, Document, DocumentWrite, Documents, Partitions, UnitOfWork},
};

use super::fixture::{claimed, fenced};

const VIEW: &str = "balances";

fn write(key: &str, version: u64, body: Option<&str>) -> DocumentWrite {
    DocumentWrite::new(
        key.to_owned(),
        version,
        body.map(|body| body.as_bytes().to_vec()),
    )
}

async fn save<S: Documents>(store: &S, writes: &[DocumentWrite]) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    match store.save_in(&mut transaction, VIEW, writes).await {
        Ok(()) => store.commit(transaction).await,
        Err(error) => {
            store.rollback(transaction).await?;
            Err(error.into())
        }
    }
}

async fn load<S: Documents>(store: &S, key: &str) -> Option<Document> {
    let mut transaction = store.begin().await.expect("begins");
    let mut documents = store
        .load_in(&mut transaction, VIEW, &[key.to_owned()])
        .await
        .expect("loads");
    store.rollback(transaction).await.expect("rolls back");
    assert_eq!(
        documents.get(key),
        store.document(VIEW, key).await.expect("reads").as_ref()
    );
    documents.remove(key)
}

async fn clear<S: Documents>(store: &S) {
    let mut transaction = store.begin().await.expect("begins");
    let cleared = store.clear_in(&mut transaction, VIEW).await;
    cleared.expect("clears");
    store.commit(transaction).await.expect("commits");
}

fn body(document: &Document) -> serde_json::Value {
    serde_json::from_slice(&document.body).expect("JSON")
}

/// A document is created, changed, removed and created again.
pub async fn documents_are_written_changed_and_removed<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    store.prepare_view(VIEW).await.expect("prepares again");
    assert_eq!(load(&store, "a").await, None);
    save(
        &store,
        &[write("a", 0, Some(r#"{"n":1}"#)), write("b", 0, Some("2"))],
    )
    .await
    .expect("saves");
    let a = load(&store, "a").await.expect("is there");
    assert_eq!(body(&a), serde_json::json!({"n": 1}));
    save(&store, &[write("a", a.version, Some("[3]"))])
        .await
        .expect("saves");
    let changed = load(&store, "a").await.expect("is there");
    assert!(changed.version > a.version);
    assert_eq!(body(&changed), serde_json::json!([3]));
    save(&store, &[write("a", changed.version, None)])
        .await
        .expect("removes");
    assert_eq!(load(&store, "a").await, None);
    clear(&store).await;
    assert_eq!(load(&store, "b").await, None);
}

#[track_caller]
fn assert_conflict(result: &Result<(), CommitError>, of: &str) {
    assert!(
        matches!(result, Err(CommitError::DocumentConflict(conflict)) if conflict.key == of),
        "{result:?}"
    );
}

/// Two writers that read the same version cannot both commit. The one that fails writes nothing.
pub async fn one_of_two_writers_of_a_document_commits<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    save(&store, &[write("a", 0, Some("1"))])
        .await
        .expect("saves");
    let seen = load(&store, "a").await.expect("is there").version;
    save(&store, &[write("a", seen, Some("2"))])
        .await
        .expect("the first");
    assert_conflict(
        &save(
            &store,
            &[write("a", seen, Some("3")), write("b", 0, Some("3"))],
        )
        .await,
        "a",
    );
    assert_conflict(&save(&store, &[write("a", seen, None)]).await, "a");
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 2);
    assert_eq!(load(&store, "b").await, None);
    assert_conflict(&save(&store, &[write("gone", 1, Some("1"))]).await, "gone");
}

/// Two writers that found no document cannot both create it.
pub async fn one_of_two_creators_of_a_document_commits<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let create = |body: &'static str| {
        let store = store.clone();
        tokio::spawn(async move { save(&store, &[write("a", 0, Some(body))]).await })
    };
    let (one, two) = (create("1"), create("2"));
    let one = one.await.expect("no panic");
    let two = two.await.expect("no panic");
    assert_ne!(one.is_ok(), two.is_ok());
    assert_conflict(if one.is_ok() { &two } else { &one }, "a");
}

/// A writer that read a document cannot change the one that was created in its place after a removal, or after the view was
/// cleared.
pub async fn a_document_that_is_created_again_has_a_new_version<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let created = async || {
        let created = [write("a", 0, Some("1"))];
        save(&store, &created).await.expect("creates");
        load(&store, "a").await.expect("is there").version
    };
    let mut seen = vec![created().await];
    for cleared in [false, true] {
        if cleared {
            clear(&store).await;
        } else {
            let removed = [write("a", seen[0], None)];
            save(&store, &removed).await.expect("removes");
        }
        let again = created().await;
        for old in &seen {
            assert!(again > *old, "{again} after {old}");
            let late = save(&store, &[write("a", *old, Some("2"))]).await;
            assert_conflict(&late, "a");
            assert_conflict(&save(&store, &[write("a", *old, None)]).await, "a");
        }
        seen.push(again);
    }
}

/// The removal of a document that was not there, and is not there, succeeds. It conflicts if the document was there, or is.
pub async fn an_absent_document_can_be_removed<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let removed = [write("a", 0, None), write("b", 0, Some("1"))];
    save(&store, &removed).await.expect("removes");
    assert_eq!(load(&store, "a").await, None);
    assert_conflict(&save(&store, &[write("a", 1, None)]).await, "a");
    assert_conflict(&save(&store, &[write("b", 0, None)]).await, "b");
    assert_eq!(body(&load(&store, "b").await.expect("is there")), 1);
}

/// Pages follow each other without gaps, ordered by the bytes of the keys.
pub async fn documents_are_paged_in_key_order<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let mut keys = ["b", "a", "Z", "ä", "a b", "10", "9", "_", ""];
    save(&store, &keys.map(|key| write(key, 0, Some("1"))))
        .await
        .expect("saves");
    keys.sort_unstable();
    let mut found = Vec::new();
    while let Some((last, _)) = {
        let keys = KeyRange::all();
        let keys = found.last().map_or(keys.clone(), |last| keys.after(last));
        let page = store.documents(VIEW, &keys, 3).await.expect("reads");
        found.extend(page.iter().map(|(key, _)| key.clone()));
        page.into_iter().next_back()
    } {
        assert_eq!(found.last(), Some(&last));
    }
    assert_eq!(found, keys);
}

/// A range has the keys between its bounds, by the order of their bytes, whatever characters the bounds have.
pub async fn documents_are_found_by_a_range_of_keys<S: Documents>(store: S) {
    const OTHER: &str = "statements";
    store.prepare_view(VIEW).await.expect("prepares");
    store.prepare_view(OTHER).await.expect("prepares");
    let highest = char::MAX
        .to_string()
        .repeat(DocumentWrite::MAX_KEY_BYTES / 4);
    let keys = [
        "",
        "\u{1}",
        "a",
        "a\u{1}",
        "a/1",
        "a/2",
        "a/2\u{10ffff}",
        "a/3",
        "a\u{d7ff}",
        "a\u{e000}",
        "b",
        "ä",
        &highest,
    ];
    save(&store, &keys.map(|key| write(key, 0, Some("1"))))
        .await
        .expect("saves");
    let bounds = [
        "",
        "\0",
        "a",
        "a\0b",
        "a/",
        "a/2",
        "a\u{d7ff}",
        "b",
        "c",
        "\u{10ffff}",
        &highest,
    ];
    let mut ranges = vec![KeyRange::all()];
    for bound in bounds {
        ranges.push(KeyRange::prefix(bound));
        ranges.push(KeyRange::all().after(bound));
        ranges.push(KeyRange::prefix("a/").after(bound));
        ranges.extend(bounds.map(|before| KeyRange::between(bound, before)));
    }
    for range in ranges {
        let found = store.documents(VIEW, &range, 100).await.expect("reads");
        let found = Vec::from_iter(found.iter().map(|(key, _)| key.as_str()));
        let expected = Vec::from_iter(keys.into_iter().filter(|key| range.contains(key)));
        assert_eq!(found, expected, "{range:?}");
        let first = store.documents(VIEW, &range, 2).await.expect("reads");
        assert_eq!(first.len(), expected.len().min(2), "{range:?}");
        let other = store.documents(OTHER, &range, 100).await.expect("reads");
        assert_eq!(other, [], "{range:?}");
    }
}

/// Before [`Documents::prepare_view`] a view has no documents; reading it is not an error.
pub async fn a_view_that_never_ran_has_no_documents<S: Documents>(store: S) {
    let document = store.document("never_ran", "key").await.expect("reads");
    assert_eq!(document, None);
    let page = store.documents("never_ran", &KeyRange::all(), 10).await;
    assert_eq!(page.expect("reads"), []);
}

/// The documents of a fenced runner are rolled back with its checkpoint.
pub async fn a_document_commits_with_its_checkpoint_or_not_at_all<S: Documents + Partitions>(
    store: S,
) {
    store.prepare_view(VIEW).await.expect("prepares");
    let partition = PartitionId::Log(Slices::ALL);
    let first = claimed(&store, VIEW, &partition).await;
    let attempt = async |epoch, text| batch(&store, &partition, epoch, text).await;
    attempt(first.epoch, "1").await.expect("commits");
    let second = claimed(&store, VIEW, &partition).await;
    fenced(&attempt(first.epoch, "2").await);
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 1);
    attempt(second.epoch, "3").await.expect("commits");
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 3);
}

async fn batch<S: Documents + Partitions>(
    store: &S,
    partition: &PartitionId,
    epoch: u64,
    text: &str,
) -> Result<(), CommitError> {
    let seen = load(store, "a")
        .await
        .map_or(0, |document| document.version);
    let from = store.checkpoint(VIEW, partition).await?;
    let mut transaction = UnitOfWork::begin(store).await?;
    let next = Checkpoint::new(Offset::new(1), None);
    store
        .advance_in(&mut transaction, VIEW, partition, epoch, from, next)
        .await?;
    store
        .save_in(&mut transaction, VIEW, &[write("a", seen, Some(text))])
        .await?;
    store.commit(transaction).await
}

async fn load_in<S: Documents>(
    store: &S,
    transaction: &mut S::Transaction,
    key: &str,
) -> Option<Document> {
    let loaded = store.load_in(transaction, VIEW, &[key.to_owned()]).await;
    loaded.expect("loads").remove(key)
}

/// A transaction loads the documents that it has saved, changed and removed itself.
pub async fn a_transaction_loads_what_it_has_saved<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let mut transaction = store.begin().await.expect("begins");
    let mut seen = 0;
    for text in ["1", "2", "3"] {
        let saved = [write("a", seen, Some(text))];
        let saved = store.save_in(&mut transaction, VIEW, &saved).await;
        saved.expect("saves over its own write");
        let a = load_in(&store, &mut transaction, "a").await;
        let a = a.expect("is there");
        assert_eq!(body(&a), text.parse::<u64>().expect("a number"));
        assert!(a.version > seen);
        seen = a.version;
    }
    let removed = [write("a", seen, None)];
    let removed = store.save_in(&mut transaction, VIEW, &removed).await;
    removed.expect("removes its own document");
    assert_eq!(load_in(&store, &mut transaction, "a").await, None);
    let again = [write("a", 0, Some("4"))];
    let again = store.save_in(&mut transaction, VIEW, &again).await;
    again.expect("creates it again");
    store.commit(transaction).await.expect("commits");
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 4);
}

/// Of two saves of a document at one version the second one conflicts, also in one transaction.
pub async fn a_transaction_saves_once_at_a_version<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    save(&store, &[write("old", 0, Some("1"))])
        .await
        .expect("saves");
    let old = load(&store, "old").await.expect("is there").version;
    for (key, seen) in [("new", 0), ("old", old)] {
        let mut transaction = store.begin().await.expect("begins");
        let first = [write(key, seen, Some("2"))];
        let first = store.save_in(&mut transaction, VIEW, &first).await;
        first.expect("saves");
        let second = [write(key, seen, Some("3"))];
        let second = match store.save_in(&mut transaction, VIEW, &second).await {
            Ok(()) => store.commit(transaction).await,
            Err(error) => Err(error.into()),
        };
        assert_conflict(&second, key);
    }
    assert_eq!(body(&load(&store, "old").await.expect("is there")), 1);
    assert_eq!(load(&store, "new").await, None);
}

/// The steps of a transaction take effect in their order: a document that is saved after the view was cleared stays, and one
/// that was saved before is removed.
pub async fn a_view_is_cleared_at_its_place_in_the_transaction<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let first = [write("a", 0, Some("1")), write("b", 0, Some("1"))];
    save(&store, &first).await.expect("saves");
    let mut transaction = store.begin().await.expect("begins");
    let before = [write("before", 0, Some("1"))];
    let before = store.save_in(&mut transaction, VIEW, &before).await;
    before.expect("saves");
    let cleared = store.clear_in(&mut transaction, VIEW).await;
    cleared.expect("clears");
    for key in ["a", "before"] {
        assert_eq!(load_in(&store, &mut transaction, key).await, None, "{key}");
    }
    let after = [write("a", 0, Some("2"))];
    let after = store.save_in(&mut transaction, VIEW, &after).await;
    after.expect("saves");
    store.commit(transaction).await.expect("commits");
    let page = store
        .documents(VIEW, &KeyRange::all(), 10)
        .await
        .expect("reads");
    let page = page.iter().map(|(key, found)| (&**key, body(found)));
    assert_eq!(Vec::from_iter(page), [("a", serde_json::json!(2))]);
}
