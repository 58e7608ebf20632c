//! Read models: typed documents, read by key and page by page, an index, and a rebuild. In memory, nothing to install.
//!
//! ```sh
//! cargo run -p read-model
//! ```

use cqrs_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
enum BookEvent {
    Bought { title: String, author: String },
    Lent { reader: String },
}
impl Event for BookEvent {
    const CATEGORY: &'static str = "book";
}

/// The write side accepts everything: this example is about the read side.
#[derive(Default)]
struct Book;
impl Aggregate for Book {
    type Command = BookEvent;
    type Event = BookEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, event: BookEvent, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }
    fn apply(&mut self, _: BookEvent) {}
}

/// A document for each book, under the id of its stream.
struct Shelf;
#[derive(Default, Serialize, Deserialize)]
struct Entry {
    title: String,
    reader: Option<String>,
}
impl View for Shelf {
    const NAME: &'static str = "shelf";
    type Events = BookEvent;
    type Document = Entry;

    fn keys(&self, event: &Envelope<BookEvent>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(&self, _: &str, entry: Option<Entry>, event: &Envelope<BookEvent>) -> Option<Entry> {
        let mut entry = entry.unwrap_or_default();
        match &event.event {
            BookEvent::Bought { title, .. } => entry.title.clone_from(title),
            BookEvent::Lent { reader } => entry.reader = Some(reader.clone()),
        }
        Some(entry)
    }
}

/// An index: a view whose key is the value that you search for. Pages are in key order. On PostgreSQL you can index the
/// table of the documents instead: see `examples/bank-account`.
struct ByAuthor;
type Ids = Vec<String>;
impl View for ByAuthor {
    const NAME: &'static str = "by_author";
    type Events = BookEvent;
    type Document = Ids;

    fn keys(&self, event: &Envelope<BookEvent>) -> DocumentKeys {
        match &event.event {
            BookEvent::Bought { author, .. } => author.as_str().into(),
            BookEvent::Lent { .. } => DocumentKeys::none(),
        }
    }
    fn apply(&self, _: &str, ids: Option<Ids>, event: &Envelope<BookEvent>) -> Option<Ids> {
        Some([ids.unwrap_or_default(), vec![event.id().to_owned()]].concat())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryEventStore::default();
    let books = store.repository::<Book>();
    let bought = |title: &str, author: &str| BookEvent::Bought {
        title: title.to_owned(),
        author: author.to_owned(),
    };
    books.execute("b1", bought("Emma", "Austen")).await?;
    books.execute("b2", bought("Ulysses", "Joyce")).await?;
    books.execute("b3", bought("Persuasion", "Austen")).await?;
    let reader = "ada".to_owned();
    books.execute("b2", BookEvent::Lent { reader }).await?;
    // A service runs its views until it stops; this program runs each until it has handled the whole log.
    Runner::over_log(&store, Shelf)?.catch_up().await?;
    Runner::over_log(&store, ByAuthor)?.catch_up().await?;

    let shelf = ReadModel::<Shelf, _>::new(&store);
    let entry = shelf.get("b2").await?.unwrap_or_default();
    println!("{}: lent to {:?}", entry.title, entry.reader);

    // The last key of a page is where the next page begins.
    let by_author = ReadModel::<ByAuthor, _>::new(&store);
    let mut last = None;
    while let [(author, ids)] = by_author.page(last.as_deref(), 1).await?.as_slice() {
        println!("{author}: {}", ids.join(", "));
        last = Some(author.clone());
    }

    // A view that has changed is rebuilt from the events.
    shelf.reset("rebuild").await?;
    println!("reset: {} books", shelf.page(None, 9).await?.len());
    Runner::over_log(&store, Shelf)?.catch_up().await?;
    println!("rebuilt: {} books", shelf.page(None, 9).await?.len());
    Ok(())
}
