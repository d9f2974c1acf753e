//! Hostile bytes for everything that parses: mutations of kept examples, until a time is over, the same ones from the same seed.
//!
//! A target is a function over bytes that must return, whatever they are, and may assert what holds of whatever was accepted.
//! It runs on the stable toolchain and is not guided by coverage; `README.md` says what that needs.

mod mutate;
pub mod targets;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Random;

/// Longest input that is made.
const LONGEST: usize = 64 * 1024;

/// Something that parses, and must withstand anything.
pub type Target = fn(&[u8]);

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Examples that were kept.
    pub corpus: usize,
    /// Inputs that were tried.
    pub inputs: u64,
}

/// The examples of a target, sorted by name.
///
/// # Errors
/// When the folder or a file of it cannot be read.
pub fn corpus(name: &str) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths = std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(&path).map(|bytes| (path, bytes))).collect()
}

/// Tries every example, then mutations of them for so long. An input that ends the process is first written to `failing`,
/// so that it can be kept.
///
/// # Errors
/// When the corpus cannot be read or an input not be noted.
pub fn run(name: &str, target: Target, seed: u64, length: Duration, failing: &Path) -> std::io::Result<Run> {
    let examples = corpus(name)?;
    let mut inputs = 0;
    for (_, example) in &examples {
        attempt(target, example, failing)?;
        inputs += 1;
    }
    let mut random = Random::new(seed);
    let begun = Instant::now();
    while begun.elapsed() < length {
        for _ in 0..32 {
            let input = mutate::mutated(&mut random, &examples, LONGEST);
            attempt(target, &input, failing)?;
            inputs += 1;
        }
    }
    Ok(Run { corpus: examples.len(), inputs })
}

/// Runs a target on one input and keeps the input where the target panics.
fn attempt(target: Target, input: &[u8], failing: &Path) -> std::io::Result<()> {
    if let Err(panic) = std::panic::catch_unwind(|| target(input)) {
        std::fs::write(failing, input)?;
        std::panic::resume_unwind(panic);
    }
    Ok(())
}
