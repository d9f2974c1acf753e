//! Runs the policy corpus of `policies/corpus`: readable files that say what must come out of a decision.

use brevet_core::corpus;
use std::path::Path;

#[test]
fn every_decision_of_the_corpus_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/corpus");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 8, "the corpus is missing in {}", folder.display());

    let mut wrong = Vec::new();
    let mut trials = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let corpus = corpus::parse(&text).unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display()));
        for tried in corpus::run(&corpus) {
            trials += 1;
            if !tried.differences.is_empty() {
                wrong.push(format!("{}: {}\n    {}", path.file_name().unwrap().display(), tried.name, tried.differences.join("\n    ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {trials} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(trials >= 80, "only {trials} trials");
}
