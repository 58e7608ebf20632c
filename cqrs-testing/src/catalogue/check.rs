//! Compares the code with the file, and writes what is new.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Catalogue, Listed,
    consumers::{broken, find},
    file::{self, File},
    line::{Line, Lines},
    messages, published, schemas,
    settings::{Mode, Settings},
    stored::{Judge, Older, Verdict},
    subject::Subject,
    withdraw::{Withdrawal, withdraw},
};

impl Catalogue {
    /// Returns what else to do, or why the check fails.
    pub(super) fn run(&self, settings: &Settings) -> Result<String, String> {
        let fail = |problems: &[String]| format!("{}:\n- {}", self.file, problems.join("\n- "));
        let mut file = File::read(&self.folder, &self.file)?;
        let subjects = self.subjects().map_err(|wrong| fail(&wrong))?;
        let withdrawn = match &settings.mode {
            Mode::Withdraw(key, shape) => {
                let own: Vec<_> = subjects.iter().map(|(_, subject)| subject).collect();
                withdraw(key, shape.as_deref(), &own, &file, settings.ci)
                    .map_err(|wrong| fail(&[wrong]))?
            }
            _ => Withdrawal::default(),
        };
        if !withdrawn.lines.is_empty() {
            file.add(withdrawn.lines)?;
        }
        let verdict = self.judge(&subjects, &file.lines)?;
        if !verdict.refused.is_empty() {
            return Err(fail(&verdict.refused));
        }
        let schemas = self.new_schemas(&subjects);
        let broken = self.broken_schemas(&schemas);
        if !broken.is_empty() {
            return Err(fail(&broken));
        }
        if verdict.new.is_empty() && schemas.is_empty() {
            return Ok(withdrawn.report);
        }
        let news = self.news(&verdict, &schemas);
        if !settings.accepts() {
            return Err(format!("{news}{}", settings.how_to_write()));
        }
        file.add(verdict.new)?;
        schemas
            .iter()
            .try_for_each(|(path, text)| file::write(&self.folder.join(path), text))?;
        Ok(news)
    }

    fn subjects(&self) -> Result<Vec<(&Listed, Subject)>, Vec<String>> {
        let mut wrong = self.wrong.clone();
        let ids: Vec<_> = self.enums.iter().map(|listed| listed.id).collect();
        wrong.extend(self.samples.of_others(&ids));
        let categories: Vec<_> = self.enums.iter().map(|listed| listed.category).collect();
        for Older { key, .. } in &self.older {
            if !categories.contains(&key.category.as_str()) {
                wrong.push(messages::older_of_another(key));
            }
        }
        let mut subjects = Vec::new();
        for listed in &self.enums {
            match (listed.subject)(&self.samples.of(listed.id)) {
                Ok(subject) => subjects.push((listed, subject)),
                Err(errors) => wrong.extend(errors),
            }
        }
        if wrong.is_empty() {
            Ok(subjects)
        } else {
            Err(wrong)
        }
    }

    fn judge(&self, subjects: &[(&Listed, Subject)], all: &[Line]) -> Result<Verdict, String> {
        let mut verdict = Verdict::default();
        let contracts = self
            .contracts
            .iter()
            .map(|pattern| find(&self.folder, pattern));
        let contracts = contracts.collect::<Result<Vec<_>, _>>()?.concat();
        for (listed, subject) in subjects {
            let lines = Lines::of(subject.category, all);
            let older = self
                .older
                .iter()
                .filter(|older| older.key.category == subject.category);
            let older: Vec<_> = older.cloned().collect();
            Judge::new(subject, &lines, &self.metadata, &mut verdict).judge(&older);
            // As the next run finds the file.
            let all: Vec<_> = all.iter().chain(&verdict.new).cloned().collect();
            let lines = Lines::of(subject.category, &all);
            if listed.published {
                published::judge(subject, &lines, &mut verdict);
            }
            let broken = contracts
                .iter()
                .flat_map(|contract| broken(contract, subject, &lines));
            verdict.refused.extend(broken);
        }
        let listed = |category: &str| subjects.iter().any(|(it, _)| it.category == category);
        let mut gone: Vec<_> = all.iter().map(|line| line.key.category.as_str()).collect();
        gone.sort_unstable();
        gone.dedup();
        gone.retain(|category| !listed(category));
        verdict
            .refused
            .extend(gone.into_iter().map(messages::category_gone));
        Ok(verdict)
    }

    /// The schemas that differ from their files, with their paths.
    fn new_schemas(&self, subjects: &[(&Listed, Subject)]) -> Vec<(PathBuf, String)> {
        let Some(folder) = &self.schemas else {
            return Vec::new();
        };
        let published = subjects.iter().filter(|(listed, _)| listed.published);
        let types = published.flat_map(|(_, subject)| subject.types.values());
        let files = types.map(|current| {
            let path = Path::new(folder).join(schemas::file_name(current));
            (path, schemas::text(current))
        });
        files
            .filter(|(path, text)| !file::has(&self.folder.join(path), text))
            .collect()
    }

    /// Schemas of older schema versions in which a merge has left its marks. The others are written again.
    fn broken_schemas(&self, new: &[(PathBuf, String)]) -> Vec<String> {
        let Some(folder) = &self.schemas else {
            return Vec::new();
        };
        let folder = Path::new(folder);
        let files = fs::read_dir(self.folder.join(folder)).into_iter().flatten();
        let mut broken: Vec<_> = files
            .flatten()
            .filter(|file| file::has_marks(&file.path()))
            .map(|file| folder.join(file.file_name()))
            .filter(|path| new.iter().all(|(written, _)| written != path))
            .map(|path| messages::broken_schema(&path))
            .collect();
        broken.sort();
        broken
    }

    /// What the files lack.
    fn news(&self, verdict: &Verdict, schemas: &[(PathBuf, String)]) -> String {
        let mut text = String::new();
        if !verdict.new.is_empty() {
            text.push_str(&format!("{} gets new lines:\n", self.file));
        }
        for line in &verdict.new {
            text.push_str(&format!("+ {}\n", line.content()));
        }
        for note in &verdict.notes {
            text.push_str(&format!("- {note}\n"));
        }
        for (path, _) in schemas {
            let gets = if file::has_marks(&self.folder.join(path)) {
                "has the marks of a merge conflict, and is written again"
            } else {
                "gets a new schema"
            };
            text.push_str(&format!("{} {gets}.\n", path.display()));
        }
        text
    }
}
