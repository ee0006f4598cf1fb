//! The walls of the house: which room may know which.

use std::fs;
use std::path::Path;

/// Rooms and what their files must not name.
const WALLS: &[(&str, &[&str])] = &[
    (
        "src/domain",
        &["crate::", "actix", "tokio", "sqlx", "reqwest", "rand::", "std::time::Instant"],
    ),
    (
        "src/channel",
        &["crate::actor", "crate::ledger", "crate::web", "crate::daemon", "actix", "sqlx"],
    ),
    (
        "src/ledger",
        &["crate::actor", "crate::channel", "crate::web", "crate::daemon", "actix", "reqwest"],
    ),
    ("src/actor", &["crate::web", "crate::cli", "crate::daemon", "crate::simulator", "sqlx"]),
    ("src/web", &["crate::cli", "crate::daemon", "crate::simulator", "sqlx", "actix::"]),
    (
        "src/simulator",
        &["crate::domain", "crate::channel", "crate::ledger", "crate::actor", "crate::web"],
    ),
    ("src/cli", &["sqlx", "actix::"]),
];

#[test]
fn no_room_knows_what_it_must_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for (room, forbidden) in WALLS {
        visit(&root.join(room), &mut |file, text| {
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in *forbidden {
                    if names(code, word) {
                        broken.push(format!("{}:{}: {word}", file.display(), number + 1));
                    }
                }
            }
        });
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whether code names a path; `actix` alone must not match `actix_web`.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !inside(before) && (word.ends_with(':') || !inside(after))
    })
}

#[test]
fn actix_context_stays_in_the_actor_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    visit(&root.join("src"), &mut |file, text| {
        let inside = file.starts_with(root.join("src/actor"));
        if !inside && (text.contains("actix::prelude") || text.contains("actix::Actor")) {
            broken.push(file.display().to_string());
        }
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            look(&path, &fs::read_to_string(&path).expect("text"));
        }
    }
}
