//! What a source file imports: its `use` declarations, and every other path in it that begins inside the crate.

use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module by its path from the root of its crate.
pub(crate) type Module = Vec<String>;

/// A source file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The module it holds.
    pub(crate) module: Module,
    /// Its name in messages.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// A path from the root of the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The module in which it is written.
    pub(crate) from: Module,
    /// The path.
    pub(crate) path: Vec<String>,
    /// The name that a `use` gives it; `None` for a path in code.
    pub(crate) name: Option<String>,
    /// Its line.
    pub(crate) line: usize,
}

/// The imports and modules found in a file.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The imports, those of tests left out.
    pub(crate) imports: Vec<Import>,
    /// Modules whose code is inside the file.
    pub(crate) inline: Vec<Module>,
    /// Modules in other files that exist only for tests.
    pub(crate) tests: Vec<Module>,
}

impl Source {
    /// Finds the imports.
    pub(crate) fn find(&self) -> Result<Found, String> {
        let tokens: TokenStream = self
            .text
            .parse()
            .map_err(|error| format!("{}: {error}", self.name))?;
        let mut found = Found::default();
        Scan {
            module: self.module.clone(),
            found: &mut found,
        }
        .items(tokens);
        Ok(found)
    }
}

type Tokens = Peekable<proc_macro2::token_stream::IntoIter>;

struct Scan<'a> {
    module: Module,
    found: &'a mut Found,
}

impl Scan<'_> {
    fn items(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(attribute)) =
                        tokens.next_if(|next| matches!(next, TokenTree::Group(_)))
                        && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
                    {
                        self.skip(&mut tokens);
                    }
                }
                // A `$crate` path is imported where the macro is called. A variable of a macro is not a path.
                TokenTree::Punct(punct) if punct.as_char() == '$' => {
                    tokens.next_if(|next| matches!(next, TokenTree::Ident(_)));
                }
                // `pub(crate)`
                TokenTree::Ident(word) if word == "pub" => {
                    tokens.next_if(|next| is_group(next, Delimiter::Parenthesis));
                }
                // `+ use<'a>` names what a type captures.
                TokenTree::Ident(word)
                    if word == "use" && !tokens.peek().is_some_and(|next| is_punct(next, '<')) =>
                {
                    let line = word.span().start().line;
                    for (path, name) in use_tree(&mut tokens, &[]) {
                        self.import(&path, Some(name), line);
                    }
                }
                TokenTree::Ident(word) if word == "mod" => self.module(&mut tokens),
                TokenTree::Ident(word) if begins_inside(&word.to_string()) => {
                    let line = word.span().start().line;
                    let mut path = vec![word.to_string()];
                    while let Some(next) = after_colons(&mut tokens) {
                        path.push(next);
                    }
                    if path.len() > 1 {
                        self.import(&path, None, line);
                    }
                }
                TokenTree::Group(group) => self.items(group.stream()),
                _ => {}
            }
        }
    }

    /// `mod name { .. }` is scanned as a module of its own.
    fn module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        let Some(TokenTree::Group(body)) = tokens.next_if(|next| is_group(next, Delimiter::Brace))
        else {
            return;
        };
        self.module.push(name.to_string());
        self.found.inline.push(self.module.clone());
        self.items(body.stream());
        self.module.pop();
    }

    /// Skips an item that exists only for tests.
    fn skip(&mut self, tokens: &mut Tokens) {
        let mut is_use = false;
        let mut is_module = false;
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(word) if is_module => {
                    let mut module = self.module.clone();
                    module.push(word.to_string());
                    self.found.tests.push(module);
                    is_module = false;
                }
                TokenTree::Ident(word) if word == "use" => is_use = true,
                TokenTree::Ident(word) if word == "mod" => is_module = true,
                TokenTree::Punct(punct) if punct.as_char() == ';' => return,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => {
                    return;
                }
                _ => {}
            }
        }
    }

    /// Records a path, unless it begins in another crate.
    fn import(&mut self, path: &[String], name: Option<String>, line: usize) {
        let Some(path) = self.absolute(path) else {
            return;
        };
        self.found.imports.push(Import {
            from: self.module.clone(),
            path,
            name,
            line,
        });
    }

    /// The path from the root of the crate; `None` when it begins elsewhere.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        let ups = path.iter().filter(|name| *name == "super").count();
        base.truncate(base.len().saturating_sub(ups));
        let rest = path.iter().filter(|name| !begins_inside(name));
        base.extend(rest.cloned());
        Some(base)
    }
}

fn begins_inside(name: &str) -> bool {
    matches!(name, "crate" | "self" | "super")
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

/// The name after `::`, if they come next.
fn after_colons(tokens: &mut Tokens) -> Option<String> {
    if !skip_colons(tokens) {
        return None;
    }
    let name = tokens.next_if(|next| matches!(next, TokenTree::Ident(_)))?;
    Some(name.to_string())
}

fn skip_colons(tokens: &mut Tokens) -> bool {
    let mut ahead = tokens.clone();
    let colons = [ahead.next(), ahead.next()];
    let both = colons
        .iter()
        .all(|token| token.as_ref().is_some_and(|token| is_punct(token, ':')));
    if both {
        *tokens = ahead;
    }
    both
}

/// The paths of a `use` up to its `;` or `,`, each with the name that it gets.
fn use_tree(tokens: &mut Tokens, prefix: &[String]) -> Vec<(Vec<String>, String)> {
    let mut path = prefix.to_vec();
    let mut name = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => break,
            TokenTree::Punct(punct) if punct.as_char() == '*' => name = Some("*".to_owned()),
            TokenTree::Ident(word) if word == "as" => name = tokens.next().map(|it| it.to_string()),
            // `a::{self}` is `a`; at the beginning `self` counts.
            TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(group) => {
                let mut inner = group.stream().into_iter().peekable();
                let mut found = Vec::new();
                while inner.peek().is_some() {
                    found.extend(use_tree(&mut inner, &path));
                }
                tokens.next_if(|next| is_punct(next, ';') || is_punct(next, ','));
                return found;
            }
            _ => {}
        }
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}
