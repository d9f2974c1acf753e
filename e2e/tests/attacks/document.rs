//! `docs/attacks.md` names tests: each of them is there.

use std::fs;
use std::path::Path;

/// The file that a name in the table means.
fn file(name: &str) -> String {
    match name.split_once('/') {
        Some(("attacks", rest)) => format!("e2e/tests/attacks/{rest}"),
        Some(("e2e", rest)) => format!("e2e/tests/e2e/{rest}"),
        _ => format!("crates/{name}"),
    }
}

#[test]
fn every_test_that_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let (mut named, mut missing) = (0, Vec::new());
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let mut text = String::new();
        for word in row.split([' ', ',', ';', '(', ')', ':', '`', '|']).filter(|w| !w.is_empty()) {
            let word = word.trim_end_matches('.');
            if word.ends_with(".rs") && word.contains('/') && !row.contains(&format!("`{word}`")) && !row.contains(&format!("(`{word}`)")) {
                let path = root.join(file(word));
                text = fs::read_to_string(&path).unwrap_or_default();
                if text.is_empty() {
                    missing.push(format!("{}", path.display()));
                }
            } else if row.contains(&format!("::{word}")) && word.contains('_') {
                named += 1;
                if !text.contains(&format!("fn {word}(")) {
                    missing.push(format!("{word} in {row}"));
                }
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(named > 90, "only {named} tests are named");
}
