//! The documents keep their word: every test they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_promise_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests(&root.join(folder), &mut known);
    }
    let promises = fs::read_to_string(root.join("docs/SEMANTICS.md")).expect("docs/SEMANTICS.md");
    let rows: Vec<&str> = promises.lines().filter(|line| line.starts_with("| ")).collect();
    let mut broken = Vec::new();
    for row in rows.iter().filter(|row| !row.starts_with("| promise")) {
        let proof = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named = names(proof);
        if named.is_empty() {
            broken.push(format!("no test: {row}"));
        }
        for name in named {
            let exists = match name.strip_suffix('*') {
                Some(start) => known.iter().any(|test| test.starts_with(start)),
                None => known.contains(name),
            };
            if !exists {
                broken.push(format!("no such test: {name}"));
            }
        }
    }
    assert!(rows.len() > 20 && broken.is_empty(), "{broken:#?}");
}

/// Words in backticks that are no paths.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|word| !word.contains('/')).collect()
}

fn tests(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests(&path, known);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let functions = text.split("fn ").skip(1);
            known.extend(
                functions.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned),
            );
        }
    }
}
