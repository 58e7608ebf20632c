//! Guarantees of the [`Documents`] port.

use cqrs_core::{
    CommitError,
    model::{Checkpoint, Offset, PartitionId, Slices},
    ports::{Checkpoints, Document, DocumentWrite, Documents, UnitOfWork},
};

use super::fixture::fenced;

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
    let mut transaction = store.begin().await.expect("begins");
    store
        .clear_in(&mut transaction, VIEW)
        .await
        .expect("clears");
    store.commit(transaction).await.expect("commits");
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

/// Pages follow each other without gaps, ordered by the bytes of the keys.
pub async fn documents_are_paged_in_key_order<S: Documents>(store: S) {
    store.prepare_view(VIEW).await.expect("prepares");
    let mut keys = ["b", "a", "Z", "ä", "a b", "10", "9", "_"];
    save(&store, &keys.map(|key| write(key, 0, Some("1"))))
        .await
        .expect("saves");
    keys.sort_unstable();
    let mut found = Vec::new();
    while let Some((last, _)) = {
        let page = store
            .documents(VIEW, found.last().map(String::as_str), 3)
            .await
            .expect("reads");
        found.extend(page.iter().map(|(key, _)| key.clone()));
        page.into_iter().next_back()
    } {
        assert_eq!(found.last(), Some(&last));
    }
    assert_eq!(found, keys);
}

/// Before [`Documents::prepare_view`] a view has no documents; reading it is not an error.
pub async fn a_view_that_never_ran_has_no_documents<S: Documents>(store: S) {
    let document = store.document("never_ran", "key").await.expect("reads");
    assert_eq!(document, None);
    let page = store.documents("never_ran", None, 10).await;
    assert_eq!(page.expect("reads"), []);
}

/// The documents of a fenced runner are rolled back with its checkpoint.
pub async fn a_document_commits_with_its_checkpoint_or_not_at_all<S: Documents + Checkpoints>(
    store: S,
) {
    store.prepare_view(VIEW).await.expect("prepares");
    let partition = PartitionId::Log(Slices::ALL);
    let first = store.claim(VIEW, &partition).await.expect("claims");
    let attempt = async |epoch, text| batch(&store, &partition, epoch, text).await;
    attempt(first.epoch, "1").await.expect("commits");
    let second = store.claim(VIEW, &partition).await.expect("claims");
    fenced(&attempt(first.epoch, "2").await);
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 1);
    attempt(second.epoch, "3").await.expect("commits");
    assert_eq!(body(&load(&store, "a").await.expect("is there")), 3);
}

async fn batch<S: Documents + Checkpoints>(
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
