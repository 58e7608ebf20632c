//! Compares what the crates import with what they may.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    graph::Graph,
    imports::{Import, Module},
    rules::{Allowed, Rules},
    tree::{Crate, Workspace},
};

/// Every violation of the rules, in words.
pub(crate) fn violations(workspace: &Workspace, rules: &Rules) -> Vec<String> {
    let mut found = between_crates(workspace, &rules.between_crates());
    let mut known = rules.known();
    for (name, files) in &workspace.crates {
        match Modules::of(files) {
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

fn between_crates(workspace: &Workspace, allowed: &Allowed) -> Vec<String> {
    let mut graph = Graph::default();
    for (name, files) in &workspace.crates {
        for dependency in &files.dependencies {
            graph.add(name, dependency, format!("{name}/Cargo.toml"));
        }
    }
    let mut found = not_allowed(&graph, allowed);
    found.extend(cycles("", &graph));
    found
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
    fn of(files: &Crate) -> Result<Self, String> {
        let mut all = BTreeSet::from([Vec::new()]);
        let mut tests = Vec::new();
        let mut imports = Vec::new();
        for source in &files.sources {
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
            found.extend(self.unlisted(name, layers));
            found.extend(self.through_root());
        }
        found
    }

    /// Top modules without a line in the rules.
    fn unlisted(&self, name: &str, layers: &Allowed) -> Vec<String> {
        let top = self.all.iter().filter_map(|module| match &module[..] {
            [top] if !layers.contains_key(top) => Some(top),
            _ => None,
        });
        top.map(|top| format!("{name}::{top} has no line in allowed.txt"))
            .collect()
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
