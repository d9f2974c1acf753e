//! What runs before there is a library must not call one.

use std::path::Path;
use std::process::Command;

/// All that is compiled here may refer to: the C library's own entry, and what no path leads to because nothing here panics.
const KNOWN: [&str; 2] = ["_start", "rust_eh_personality"];
/// Functions of `core` that are complete in themselves.
const PURE: [&str; 3] = ["4core3str8converts9from_utf8", "c_str", "panic_cannot_unwind"];

#[test]
fn nothing_of_a_library_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("early.o");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-name", "brevet_early", "--crate-type", "lib", "--emit", "obj", "-C", "opt-level=3"]);
    let compiled = rustc.arg("-o").arg(&object).arg(&source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let listed = Command::new("nm").arg("--undefined-only").arg(&object).output().unwrap();
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = listed.split_whitespace().filter(|word| *word != "U").collect();
    assert!(names.contains(&"_start"), "{names:?}");
    for name in names {
        assert!(KNOWN.contains(&name) || PURE.iter().any(|pure| name.contains(pure)), "{name} is called before there is a library");
    }
}
