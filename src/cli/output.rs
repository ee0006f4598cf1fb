//! What commands print: data to standard output, talk to standard error.

use std::io::Write;

use serde_json::Value;

/// A line of talk, for people.
pub(super) fn talk(line: &str) {
    // There is nobody to tell that nobody listens.
    let _deaf = writeln!(std::io::stderr().lock(), "{line}");
}

/// Data as it is.
pub(super) fn data(text: &str) {
    // A reader that has gone (`… | head`) wants no more.
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

/// JSON, indented.
pub(super) fn json(value: &Value) {
    data(&format!("{value:#}"));
}

/// A table with aligned columns; with no rows, a word of talk instead.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], nothing: &str) {
    if rows.is_empty() {
        return talk(nothing);
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    data(&line(&head.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>()));
    for row in rows {
        data(&line(row));
    }
}

/// A field of JSON as a cell: text without quotes, nothing for null, lists with commas.
pub(super) fn cell(value: &Value, path: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    match value.pointer(&pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// Rows of a list answer, one cell per path.
pub(super) fn rows(list: &Value, paths: &[&str]) -> Vec<Vec<String>> {
    let items = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| paths.iter().map(|path| cell(item, path)).collect()).collect()
}
