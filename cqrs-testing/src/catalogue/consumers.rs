//! What consumers read must still be written, now and in every event that may be published again.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    compare::Problem,
    contract_file::{CategoryReads, Contract, TypeReads},
    line::Lines,
    reads::Reads,
    subject::Subject,
};

/// The contracts in the folders that match `pattern`, in which `*` stands for any name of a folder.
///
/// # Errors
/// When no folder matches, or a file is no contract.
pub(super) fn find(folder: &Path, pattern: &str) -> Result<Vec<Contract>, String> {
    let mut folders = vec![folder.to_owned()];
    for part in Path::new(pattern).components() {
        let part = part.as_os_str();
        folders = folders
            .iter()
            .flat_map(|folder| inside(folder, part.to_str()))
            .collect();
    }
    folders.retain(|folder| folder.is_dir());
    if folders.is_empty() {
        return Err(format!(
            "no folder matches `.contracts({pattern:?})`.\n  Correct the path: it begins at the crate."
        ));
    }
    let mut files: Vec<_> = folders.iter().flat_map(|folder| entries(folder)).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "json"));
    files.sort();
    files.iter().map(|file| Contract::read(file)).collect()
}

fn inside(folder: &Path, part: Option<&str>) -> Vec<PathBuf> {
    match part {
        Some("*") => entries(folder),
        Some(name) => vec![folder.join(name)],
        None => Vec::new(),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// What a consumer reads and does not get.
pub(super) fn broken(
    contract: &Contract,
    subject: &Subject,
    lines: &Lines<'_>,
) -> BTreeSet<String> {
    let reads = contract
        .reads
        .iter()
        .filter(|reads| reads.category == subject.category);
    reads
        .flat_map(|reads| broken_by(&contract.consumer, reads, subject, lines))
        .collect()
}

fn broken_by(
    consumer: &str,
    reads: &CategoryReads,
    subject: &Subject,
    lines: &Lines<'_>,
) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    let category = &reads.category;
    for (event_type, read) in &reads.types {
        let name = format!("{category}/{event_type}");
        let Some(current) = subject.types.get(event_type.as_str()) else {
            broken.insert(format!(
                "`{consumer}` reads {name}: no longer written.\n  Keep the event type, or change the consumer first."
            ));
            continue;
        };
        let before = broken.len();
        // A partial consumer reads newer events as they are, if it can. Any other waits for newer code.
        if reads.every_type && current.key.schema_version > read.schema_version {
            broken.insert(format!(
                "`{consumer}` reads every event type of {category}, and {name} only up to schema version {}: it would wait in front of \
                 schema version {} for ever.\n  Let the consumer take over the upcasters of the owner first, or let its enum be `PARTIAL`.",
                read.schema_version, current.key.schema_version
            ));
            continue;
        }
        if current.key.schema_version >= read.schema_version {
            let problems = read
                .payload
                .problems_with_events(&current.reads, &current.payloads);
            broken.extend(problems.iter().map(|problem| {
                let problem = found(consumer, &name, problem);
                format!("{problem}.\n  Keep the field, or change the consumer first.")
            }));
        }
        if broken.len() == before {
            broken.extend(stored(consumer, event_type, read, subject, lines));
        }
    }
    let unread = subject
        .types
        .keys()
        .filter(|own| !reads.types.contains_key(**own));
    broken.extend(passed_over(consumer, reads, subject, lines));
    if reads.every_type {
        broken.extend(unread.map(|own| {
            format!(
                "`{consumer}` reads every event type of {category}, but not {category}/{own}: it would park the streams with one.\n  Let its enum \
                 be `PARTIAL`, or have the type."
            )
        }));
    }
    broken
}

/// What a consumer does not get in events that are stored already.
fn stored(
    consumer: &str,
    event_type: &str,
    read: &TypeReads,
    subject: &Subject,
    lines: &Lines<'_>,
) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    let unknown = Reads::any();
    for (line, payload, _) in lines.events() {
        let key = &line.key;
        if key.event_type != event_type || key.schema_version < read.schema_version {
            continue;
        }
        let mut shapes = lines.shapes();
        let kinds = shapes.find(|(shape, _)| shape.key == *key && shape.shape == line.shape);
        let kinds = kinds.map_or(&unknown, |(_, kinds)| kinds);
        for problem in read.payload.problems_with_events(kinds, [payload]) {
            let found = found(consumer, &key.name(), &problem);
            let found = found.replace("no longer written", "not written");
            broken.insert(format!(
                "{found} in stored events of schema version {}.\n  Let the consumer take over the upcasters of the owner: `const \
                 UPCASTERS: &'static [Upcaster] = {}::UPCASTERS;`, or give the field a default.",
                key.schema_version, subject.name
            ));
        }
    }
    broken
}

/// Older events of another type, which become what the consumer reads if it has the upcasters.
fn passed_over(
    consumer: &str,
    reads: &CategoryReads,
    subject: &Subject,
    lines: &Lines<'_>,
) -> BTreeSet<String> {
    let does = if reads.every_type {
        "parks the streams with"
    } else {
        "passes over"
    };
    // Only a partial enum can have ignored types.
    let or = |event_type: &str| {
        if reads.every_type {
            "let its enum be `PARTIAL`".to_owned()
        } else {
            format!("list {event_type:?} in `IGNORED`")
        }
    };
    let mut broken = BTreeSet::new();
    for (line, _, read_as) in lines.events() {
        let key = &line.key;
        let upcasts = match reads.types.get(&key.event_type) {
            Some(read) => read.schema_version > key.schema_version,
            None => reads.upcasts.contains(&key.event_type),
        };
        if upcasts || reads.ignores.contains(&key.event_type) {
            continue;
        }
        let parts = read_as.iter().map(|part| &part.event_type);
        for part in parts.filter(|part| **part != key.event_type) {
            if reads.types.contains_key(part) {
                broken.insert(format!(
                    "`{consumer}` reads {}/{part}, but {does} stored events {key}, which become one.\n  Let the consumer take over the \
                     upcasters of the owner, or {}.",
                    reads.category,
                    or(&key.event_type)
                ));
            }
        }
        // A type that is still written is named already.
        let is_older = !subject.types.contains_key(key.event_type.as_str());
        let becomes_another = read_as
            .iter()
            .any(|part| reads.types.contains_key(&part.event_type));
        if reads.every_type
            && is_older
            && !becomes_another
            && !reads.types.contains_key(&key.event_type)
        {
            broken.insert(format!(
                "`{consumer}` reads every event type of {}, but parks the streams with stored events {key}.\n  Let the consumer take over \
                 the upcasters of the owner, or {}.",
                reads.category,
                or(&key.event_type)
            ));
        }
    }
    broken
}

fn found(consumer: &str, name: &str, Problem { path, kind, what }: &Problem) -> String {
    format!("`{consumer}` reads {name}{path} ({kind}): {what}")
}
