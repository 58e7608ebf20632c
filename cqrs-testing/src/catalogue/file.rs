//! The file of a catalogue: text, one line for each fact, sorted, and lines are only ever added.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use super::{
    key::Key,
    line::{Line, WORDS},
};

const HEADER: &str = "# Every event that may be stored, in every shape that it ever had. Lines are only added, by the test that checks them:
# `CQRS_CATALOGUE=accept cargo test`. Never change or remove one. See the page \"Change an event\" of cqrs.
";

/// The lines of the file, which does not need to exist.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    name: String,
    pub(super) lines: Vec<Line>,
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(format!(
                    "{name} cannot be read: {error}.\n  Correct the path, which begins at the crate, or the permissions of the file."
                ));
            }
        };
        // Editors may have changed the ends of lines, also to those of old systems.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if let Some(number) = text.lines().position(is_mark) {
            return Err(format!(
                "{name} has the marks of a merge conflict, the first in line {}.\n  Keep the lines of both sides and remove the \
                 marks: the order of the lines does not matter. Then run the test again.",
                number + 1
            ));
        }
        let mut lines = Vec::new();
        for (index, text) in text.lines().enumerate() {
            if is_a_line_behind_a_mark(text) {
                return Err(taken_out(name, index + 1, text));
            }
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let line = Line::parse(text).ok_or_else(|| changed(name, index + 1, text))?;
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let name = name.to_owned();
        Ok(Self { path, name, lines })
    }

    /// As the test has it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds lines and writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, lines: impl IntoIterator<Item = Line>) -> Result<(), String> {
        for line in lines {
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
        let mut texts: Vec<_> = self.lines.iter().map(ToString::to_string).collect();
        texts.sort_by(|one, other| natural(one).cmp(&natural(other)));
        write(&self.path, &format!("{HEADER}{}\n", texts.join("\n")))
    }
}

/// Writes a file as a whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| replace(path, text));
    written.map_err(|error| {
        format!(
            "{} cannot be written: {error}.\n  Correct the path, which begins at the crate, or the permissions of its folder.",
            path.display()
        )
    })
}

/// Writes another file beside it, which takes its name. No two writers have the same one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    for number in 0_u32.. {
        let new = path.with_extension(format!("{}-{number}.new", process::id()));
        let mut file = match fs::File::create_new(&new) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            drop(fs::remove_file(&new));
        }
        return written;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Whether a file has this text, whatever its ends of lines.
pub(super) fn has(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|own| own.lines().eq(text.lines()))
}

/// Whether a merge has left its marks in a file that is written from the code.
pub(super) fn has_marks(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_mark))
}

pub(super) fn is_mark(line: &str) -> bool {
    ["<<<<<<<", "|||||||", "=======", ">>>>>>>"]
        .iter()
        .any(|mark| line.starts_with(mark))
}

/// Whether a comment has the form of a line.
fn is_a_line_behind_a_mark(text: &str) -> bool {
    let Some(content) = text.strip_prefix('#') else {
        return false;
    };
    let mut words = content.trim_start_matches(['#', ' ', '\t']).split(' ');
    let is_key = words.next().and_then(Key::parse).is_some();
    is_key && words.next().is_some_and(|word| WORDS.contains(&word))
}

fn taken_out(name: &str, number: usize, text: &str) -> String {
    format!(
        "line {number} of {name} is taken out by a `#`: {text}\n  Lines are only added. Remove the `#`, and run the test again."
    )
}

fn changed(name: &str, number: usize, text: &str) -> String {
    format!(
        "line {number} of {name} was changed by hand: {text}\n  Lines are only added. Restore it, for example with \
         `git checkout {name}`, and run the test again."
    )
}

/// Sorts by the name of the event type, then by its schema version as a number.
fn natural(line: &str) -> (&str, u32, &str) {
    let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (name, version) = key.rsplit_once('@').unwrap_or((key, ""));
    (name, version.parse().unwrap_or_default(), rest)
}
