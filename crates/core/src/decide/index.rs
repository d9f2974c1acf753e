//! Where to look first: for one launch, the few policies of a large set that can possibly match or come near.
//!
//! The index only ever leaves out what the plain evaluation would answer with a plain no at its first condition; whatever it keeps is
//! evaluated in full. So two keys that fall together cost time and never change an answer, and keys are kept as bare hashes.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher};

use super::whom::Whom;
use crate::application::{Fact, Facts, Rule};
use crate::document::PolicyDocument;
use crate::policy::Applications;

/// What a rule is filed under: the first condition of it that is asked, since a no there ends its evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shelf {
    Hash,
    File,
    Folder,
    /// A folder with what is below it.
    Below,
    Executable,
    Product,
    Vendor,
    Store,
    /// Every rule that asks for a package first: looked at where the package is unknown.
    AnyPackage,
    /// The same for store ids.
    AnyStore,
    /// Nothing identifies the application before it is looked at: all applications, a list that is not there.
    Loose,
    /// A list with conditions of its own before it: it cannot match by them, but come near.
    Near,
}

fn key(shelf: Shelf, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    shelf.hash(&mut hasher);
    hasher.write(bytes);
    hasher.finish()
}

/// One filing: whom the policy may mean, and the policy's place in the order in which candidates are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Posting {
    whom: u32,
    rank: u32,
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Passed(u64);

impl Hasher for Passed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |all, byte| all.rotate_left(8) ^ u64::from(*byte));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Candidates by what a launch is of and by whom.
#[derive(Debug, Default)]
pub(super) struct Index {
    shelves: HashMap<u64, Box<[Posting]>, BuildHasherDefault<Passed>>,
}

/// Builds an `Index`.
#[derive(Default)]
pub(super) struct Filing(BTreeMap<u64, Vec<Posting>>);

impl Filing {
    /// Files a place in the order under every key of a rule and for every one whom it may mean.
    pub(super) fn file(&mut self, keys: &[u64], whom: &[u32], rank: u32) {
        for key in keys {
            self.0.entry(*key).or_default().extend(whom.iter().map(|whom| Posting { whom: *whom, rank }));
        }
    }

    pub(super) fn finish(self) -> Index {
        let shelves = self.0.into_iter().map(|(key, mut postings)| {
            postings.sort_unstable();
            postings.dedup();
            (key, postings.into_boxed_slice())
        });
        Index { shelves: shelves.collect() }
    }
}

/// A rule of a policy, a list's taken for the list, with what it is filed under.
pub(super) struct Filed<'a> {
    /// The rule that would match.
    pub rule: &'a Rule,
    pub keys: Vec<u64>,
}

/// Every way in which a policy may match or come near.
pub(super) fn filed(document: &PolicyDocument) -> Option<Vec<Filed<'_>>> {
    let Applications::Rules(rules) = &document.policy.applications else { return None };
    let mut out = Vec::new();
    for rule in rules {
        let Some(name) = &rule.list else {
            out.push(Filed { rule, keys: keys_of(rule) });
            continue;
        };
        if *rule != (Rule { list: Some(name.clone()), ..Rule::default() }) {
            out.push(Filed { rule, keys: vec![key(Shelf::Near, b"")] });
        }
        match document.lists.get(name) {
            None => out.push(Filed { rule, keys: loose() }),
            Some(inner) => out.extend(inner.iter().map(|each| Filed { rule: each, keys: keys_of(each) })),
        }
    }
    Some(out)
}

/// The shelf for what any application may match.
pub(super) fn loose() -> Vec<u64> {
    vec![key(Shelf::Loose, b"")]
}

/// In the order in which `conditions::of` asks.
fn keys_of(rule: &Rule) -> Vec<u64> {
    let of = |shelf, text: &str| vec![key(shelf, text.as_bytes())];
    if rule.list.is_some() {
        return loose();
    }
    if rule.component.is_some() {
        // A polkit action is never an application: it matches nothing, whichever side asks.
        return Vec::new();
    }
    if let Some(hash) = &rule.hash {
        return vec![key(Shelf::Hash, hash.as_bytes())];
    }
    if let Some(file) = &rule.file {
        return of(Shelf::File, file);
    }
    if let Some(folder) = &rule.folder {
        return of(if rule.subfolders { Shelf::Below } else { Shelf::Folder }, folder);
    }
    if let Some(name) = &rule.executable {
        return of(Shelf::Executable, name);
    }
    let unknown = |any, shelf, text: &str| vec![key(shelf, text.as_bytes()), key(any, b"")];
    match (&rule.product, &rule.vendor, &rule.store) {
        (Some(product), _, _) => unknown(Shelf::AnyPackage, Shelf::Product, product),
        (None, Some(vendor), _) => unknown(Shelf::AnyPackage, Shelf::Vendor, vendor),
        (None, None, Some(store)) => unknown(Shelf::AnyStore, Shelf::Store, store),
        (None, None, None) => loose(),
    }
}

/// The keys under which everything is filed that may match an application.
pub(super) fn keys_for(facts: &Facts) -> Vec<u64> {
    let mut out = Vec::with_capacity(32);
    out.push(key(Shelf::Loose, b""));
    out.push(key(Shelf::Hash, facts.sha256.as_bytes()));
    let path = facts.path.as_bytes();
    out.push(key(Shelf::Executable, path.rsplit(|b| *b == b'/').next().unwrap_or_default()));
    for (at, name) in facts.names.iter().enumerate() {
        if !facts.names.iter().take(at).any(|before| before == name) {
            keys_for_path(name.as_bytes(), &mut out);
        }
    }
    if !facts.names.contains(&facts.path) {
        keys_for_path(path, &mut out);
    }
    match &facts.package {
        Fact::Known(Some(package)) => {
            out.push(key(Shelf::Product, package.name.as_bytes()));
            out.extend(package.vendor.as_ref().map(|vendor| key(Shelf::Vendor, vendor.as_bytes())));
        }
        Fact::Known(None) => {}
        Fact::Unknown(_) => out.push(key(Shelf::AnyPackage, b"")),
    }
    match &facts.store {
        Fact::Known(Some(id)) => out.push(key(Shelf::Store, id.as_bytes())),
        Fact::Known(None) => {}
        Fact::Unknown(_) => out.push(key(Shelf::AnyStore, b"")),
    }
    out
}

/// The key under which stands what can only come near.
pub(super) fn near() -> u64 {
    key(Shelf::Near, b"")
}

fn keys_for_path(path: &[u8], out: &mut Vec<u64>) {
    out.push(key(Shelf::File, path));
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let mut parent = None;
    for at in slashes {
        let folder = if at == 0 { b"/" } else { path.get(..at).unwrap_or_default() };
        let below = key(Shelf::Below, folder);
        if !out.contains(&below) {
            out.push(below);
        }
        parent = Some(folder);
    }
    out.extend(parent.map(|folder| key(Shelf::Folder, folder)));
}

impl Index {
    /// Candidates in their order, each once.
    pub(super) fn candidates(&self, keys: &[u64], whom: &Whom) -> Candidates<'_> {
        let mut runs = Vec::new();
        for postings in keys.iter().filter_map(|key| self.shelves.get(key)) {
            match whom {
                Whom::Anyone => runs.extend(postings.chunk_by(|a, b| a.whom == b.whom)),
                Whom::These(ids) if postings.len() <= ids.len() => {
                    runs.extend(postings.chunk_by(|a, b| a.whom == b.whom).filter(|run| is_of(run, ids)));
                }
                Whom::These(ids) => runs.extend(ids.iter().map(|id| of(postings, *id)).filter(|run| !run.is_empty())),
            }
        }
        Candidates { runs, last: None }
    }
}

fn is_of(run: &[Posting], ids: &[u32]) -> bool {
    run.first().is_some_and(|first| ids.binary_search(&first.whom).is_ok())
}

fn of(postings: &[Posting], whom: u32) -> &[Posting] {
    let start = postings.partition_point(|posting| posting.whom < whom);
    let rest = postings.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|posting| posting.whom == whom)).unwrap_or_default()
}

/// Sorted runs, merged as far as somebody asks.
pub(super) struct Candidates<'a> {
    runs: Vec<&'a [Posting]>,
    last: Option<u32>,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let first = |run: &&[Posting]| run.first().map_or(u32::MAX, |posting| posting.rank);
            let (at, run) = self.runs.iter().enumerate().min_by_key(|(_, run)| first(run))?;
            let rank = first(run);
            match run.get(1..) {
                Some(rest) if !rest.is_empty() => {
                    if let Some(run) = self.runs.get_mut(at) {
                        *run = rest;
                    }
                }
                Some(_) | None => {
                    self.runs.swap_remove(at);
                }
            }
            if self.last != Some(rank) {
                self.last = Some(rank);
                return Some(rank);
            }
        }
    }
}
