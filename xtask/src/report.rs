//! `tidy --report`: the longest functions and files of each crate and the functions with the most
//! arguments. Facts to look at, not limits: what a limit cannot know is whether a function is long
//! because it is a table.

use crate::Tree;
use crate::tests_found::fn_name;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many of each are shown.
const WORST_COUNT: usize = 5;

/// One function's size.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Function {
    place: String,
    name: String,
    lines: usize,
    arguments: usize,
}

/// What is measured of one crate.
#[derive(Default)]
struct Sizes {
    files: Vec<(usize, String)>,
    functions: Vec<Function>,
}

/// What is longest, crate by crate; tests are left out.
#[must_use]
pub fn report(tree: &Tree) -> String {
    let mut crates: BTreeMap<String, Sizes> = BTreeMap::new();
    for (path, file) in tree.rust().filter(|(path, _)| is_product(path)) {
        let code = without_tests(&file.code);
        let name = path.split("/src/").next().unwrap_or(path).to_owned();
        let sizes = crates.entry(name).or_default();
        sizes.files.push((code.lines().count(), path.to_owned()));
        sizes.functions.extend(functions_of(path, code));
    }
    let mut out = String::new();
    for (name, Sizes { files, functions }) in crates {
        let _ = writeln!(out, "{name}");
        section(&mut out, "files, lines without tests", files);
        section(
            &mut out,
            "functions, lines",
            functions.iter().map(|f| (f.lines, f.to_string())).collect(),
        );
        section(
            &mut out,
            "functions, arguments",
            functions.iter().map(|f| (f.arguments, f.to_string())).collect(),
        );
    }
    out
}

/// True for sources that are not tests, nor suites for them.
fn is_product(path: &str) -> bool {
    let tests = ["/tests.rs", "/tests/", "/suite/", "/suite.rs", "/conformance/"];
    path.contains("/src/") && !tests.iter().any(|part| path.contains(part))
}

fn section(out: &mut String, title: &str, mut items: Vec<(usize, String)>) {
    let _ = writeln!(out, "  {title}");
    items.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    for (size, what) in items.into_iter().take(WORST_COUNT) {
        let _ = writeln!(out, "  {size:>6}  {what}");
    }
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.place, self.name)
    }
}

/// The code up to the file's test module, which stands last.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |at| &code[..at])
}

fn functions_of(path: &str, code: &str) -> Vec<Function> {
    let starts: Vec<usize> =
        std::iter::once(0).chain(code.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let named = code.lines().enumerate().filter_map(|(index, line)| Some((index, fn_name(line)?)));
    named
        .map(|(index, name)| {
            let rest = &code[starts[index]..];
            let lines = rest[..body_end(rest)].lines().count();
            Function {
                place: format!("{path}:{}", index + 1),
                name,
                lines,
                arguments: arguments_of(rest),
            }
        })
        .collect()
}

/// Where the body of the function that `rest` begins with ends; at the semicolon when it has none.
fn body_end(rest: &str) -> usize {
    let (mut braces, mut brackets) = (0i32, 0i32);
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' if braces <= 1 => return at + 1,
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The number of arguments without `self`.
fn arguments_of(rest: &str) -> usize {
    let after = rest.split_once("fn ").map_or("", |(_, after)| after);
    let open = argument_list(after).unwrap_or(after.len());
    let (mut depth, mut parts) = (0i32, vec![String::new()]);
    let mut previous = ' ';
    for letter in after[open..].chars().skip(1) {
        match letter {
            '(' | '[' | '<' | '{' => depth += 1,
            '>' if previous == '-' => {}
            ')' if depth == 0 => break,
            ')' | ']' | '>' | '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        previous = letter;
        parts.last_mut().unwrap_or(&mut String::new()).push(letter);
    }
    parts
        .iter()
        .map(|part| part.trim_matches([',', ' ', '\n']))
        .filter(|part| !part.is_empty() && !is_self(part))
        .count()
}

/// Where the argument list opens: the first parenthesis outside the generics.
fn argument_list(after: &str) -> Option<usize> {
    let mut depth = 0i32;
    let mut previous = ' ';
    for (at, letter) in after.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if previous != '-' => depth -= 1,
            '(' if depth == 0 => return Some(at),
            _ => {}
        }
        previous = letter;
    }
    None
}

fn is_self(part: &str) -> bool {
    let bare = part.trim_start_matches('&').trim_start();
    let bare = if bare.starts_with('\'') {
        bare.split_once(' ').map_or(bare, |(_, rest)| rest)
    } else {
        bare
    };
    let bare = bare.strip_prefix("mut ").unwrap_or(bare);
    bare == "self" || bare.starts_with("self:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(source: &str) -> Vec<(String, usize, usize)> {
        functions_of("a.rs", &crate::masked::masked(source))
            .into_iter()
            .map(|f| (f.name, f.lines, f.arguments))
            .collect()
    }

    #[test]
    fn lines_and_arguments_are_counted() {
        let source = "fn a(&'x mut self, b: Vec<(u8, u8)>, c: impl Fn(u8) -> u8) {\n  if x { y }\n}\nfn d() -> [u8; 2];\nfn e<F: Fn(u8, u8) -> u8>(f: F) { \"}\" }\n";
        let expect = [("a".to_owned(), 3, 2), ("d".to_owned(), 1, 0), ("e".to_owned(), 1, 1)];
        assert_eq!(measured(source), expect);
    }

    #[test]
    fn the_report_leaves_tests_out_and_shows_the_worst_first() {
        let source = "fn short() {}\nfn long() {\n\n\n}\n#[cfg(test)]\nmod tests {\n fn longest() {\n\n\n\n\n }\n}\n";
        let text = report(&Tree::of(&[("crates/x/src/a.rs", source)]));
        assert!(text.find("long").unwrap() < text.find("short").unwrap(), "{text}");
        assert!(text.starts_with("crates/x\n") && !text.contains("longest\n"), "{text}");
    }
}
