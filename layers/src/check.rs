//! Compares what the crates import with what they may.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    graph::Graph,
    imports::{Import, Module, Source},
    rules::{Allowed, Rules},
    tree::Workspace,
};

/// Every violation of the rules, in words.
pub(crate) fn violations(workspace: &Workspace, rules: &Rules) -> Vec<String> {
    let mut found = between_crates(workspace, rules);
    let mut known = rules.known();
    for (name, sources) in workspace.crates.values().flat_map(|it| &it.trees) {
        match Modules::of(sources) {
            Ok(modules) => found.extend(modules.violations(name, &rules.layers(name), &mut known)),
            Err(error) => found.push(error),
        }
    }
    for (from, to) in &known {
        found.extend(to.iter().map(|to| {
            format!(
                "allowed.txt lists {from} -> {to} under known, but nothing imports that any more: remove the line"
            )
        }));
    }
    found
}

fn between_crates(workspace: &Workspace, rules: &Rules) -> Vec<String> {
    let mut product = Graph::default();
    let mut tests = Graph::default();
    let mut both = Graph::default();
    for (name, it) in &workspace.crates {
        for dependency in &it.dependencies {
            product.add(name, dependency, it.manifest.as_str());
            both.add(name, dependency, it.manifest.as_str());
        }
        for dependency in &it.dev_dependencies {
            let place = format!("{}, dev-dependencies", it.manifest);
            tests.add(name, dependency, place.as_str());
            both.add(name, dependency, place);
        }
    }
    let names: BTreeSet<_> = workspace.crates.keys().map(String::as_str).collect();
    let listed = rules.between_crates();
    let mut found = not_allowed(&product, &listed);
    found.extend(not_allowed(&tests, &rules.of_tests()));
    found.extend(cycles("", &both));
    found.extend(differences("", &names, &listed));
    let unknown = rules.layered().filter(|name| !names.contains(name));
    let words = |name| format!("allowed.txt has layers of {name}, which is no crate");
    found.extend(unknown.map(words));
    found
}

/// Names without a line in the rules, and lines for names that do not exist.
fn differences(prefix: &str, names: &BTreeSet<&str>, listed: &Allowed) -> Vec<String> {
    let unlisted = names.iter().filter(|name| !listed.contains_key(**name));
    let outdated = listed.keys().filter(|name| !names.contains(name.as_str()));
    let unlisted = unlisted.map(|name| format!("{prefix}{name} has no line in allowed.txt"));
    let outdated = outdated.map(|name| {
        format!("allowed.txt has a line for {prefix}{name}, which does not exist: remove the line")
    });
    unlisted.chain(outdated).collect()
}

/// The arrows that the rules do not allow.
fn not_allowed(graph: &Graph, allowed: &Allowed) -> Vec<String> {
    let forbidden = graph
        .arrows()
        .filter(|(from, to, _)| !allowed.get(*from).is_some_and(|may| may.contains(*to)));
    forbidden
        .map(|(from, to, place)| format!("{place}: {from} may not import from {to}"))
        .collect()
}

fn cycles(prefix: &str, graph: &Graph) -> Vec<String> {
    let words = |cycle: Vec<(&str, &str)>| {
        let names: Vec<_> = cycle.iter().map(|(name, _)| *name).collect();
        let places: Vec<_> = cycle.iter().map(|(_, place)| *place).collect();
        format!(
            "{prefix}{{{}}} import from each other in a cycle: {}",
            names.join(", "),
            places.join(", ")
        )
    };
    graph.cycles().into_iter().map(words).collect()
}

/// The modules of a crate and what they import.
struct Modules {
    all: BTreeSet<Module>,
    imports: Vec<(String, Import)>,
    /// The paths of the names that a module imports or re-exports.
    names: BTreeMap<(Module, String), Vec<String>>,
}

impl Modules {
    fn of(sources: &[Source]) -> Result<Self, String> {
        let mut all = BTreeSet::from([Vec::new()]);
        let mut tests = Vec::new();
        let mut imports = Vec::new();
        for source in sources {
            let found = source.find()?;
            all.insert(source.module.clone());
            all.extend(found.inline);
            tests.extend(found.tests);
            let place = |line| format!("{}:{line}", source.name);
            let placed = found.imports.into_iter();
            imports.extend(placed.map(|import| (place(import.line), import)));
        }
        let in_tests = |module: &Module| tests.iter().any(|test| module.starts_with(test));
        all.retain(|module| !in_tests(module));
        imports.retain(|(_, import)| !in_tests(&import.from));
        let named = imports.iter().filter_map(|(_, import)| {
            let name = import.name.clone()?;
            Some(((import.from.clone(), name), import.path.clone()))
        });
        let names = named.collect();
        Ok(Self {
            all,
            imports,
            names,
        })
    }

    fn violations(&self, name: &str, layers: &Allowed, known: &mut Allowed) -> Vec<String> {
        let mut found = Vec::new();
        for (parent, mut graph) in self.graphs() {
            if parent.is_empty() && !layers.is_empty() {
                found.extend(not_allowed(&graph, layers));
            }
            let prefix: String = [name.to_owned()]
                .into_iter()
                .chain(parent)
                .map(|part| format!("{part}::"))
                .collect();
            for (from, targets) in known.iter_mut() {
                if let Some(from) = from.strip_prefix(&prefix) {
                    targets.retain(|to| !graph.remove(from, to));
                }
            }
            found.extend(cycles(&prefix, &graph));
        }
        if !layers.is_empty() {
            found.extend(differences(&format!("{name}::"), &self.top(), layers));
            found.extend(self.through_root());
        }
        found
    }

    /// The top modules.
    fn top(&self) -> BTreeSet<&str> {
        let top = self.all.iter().filter_map(|module| match &module[..] {
            [top] => Some(top.as_str()),
            _ => None,
        });
        top.collect()
    }

    /// Imports inside the crate through a re-export of the root: they hide the layer.
    fn through_root(&self) -> Vec<String> {
        let by_root = self.imports.iter().filter(|(_, import)| {
            let first = import.path.first().cloned().unwrap_or_default();
            !import.from.is_empty() && self.names.contains_key(&(Vec::new(), first))
        });
        let words = by_root.map(|(place, import)| {
            let path = import.path.join("::");
            format!(
                "{place}: import crate::{path} from the module that defines it, not from the root"
            )
        });
        words.collect()
    }

    /// The arrows between the children of each module.
    fn graphs(&self) -> BTreeMap<Module, Graph> {
        let mut graphs: BTreeMap<Module, Graph> = BTreeMap::new();
        for (place, import) in &self.imports {
            let from = &import.from;
            let to = self.target(&import.path);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
                let parent = from.iter().take(common).cloned().collect();
                graphs.entry(parent).or_default().add(a, b, place.as_str());
            }
        }
        graphs
    }

    /// The module that defines the item at `path`, found through re-exports.
    fn target(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        for _ in 0..16 {
            let mut module = Vec::new();
            let mut rest = path.iter();
            let mut next = rest.next();
            while let Some(name) = next {
                module.push(name.clone());
                if !self.all.contains(&module) {
                    module.pop();
                    break;
                }
                next = rest.next();
            }
            let Some(original) =
                next.and_then(|name| self.names.get(&(module.clone(), name.clone())))
            else {
                return module;
            };
            path = original.iter().chain(rest).cloned().collect();
        }
        Vec::new()
    }
}
