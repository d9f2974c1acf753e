//! The hash tree of RFC 6962, section 2.1 (RFC 9162 has the same): over leaves in their order, growing at its end.
//!
//! A node of level `l` and index `i` stands over the `2^l` leaves from `i · 2^l` on; there are only whole ones. What is not whole is
//! folded from whole ones, the last two first.

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// The hash of a leaf.
#[must_use]
pub fn leaf(data: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// The hash of a node over two.
#[must_use]
pub fn node(left: Digest, right: Digest) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes()).finalize().into())
}

/// Whole nodes, beside one another from left to right, as one; the hash of nothing where there are none.
#[must_use]
pub fn fold(nodes: &[Digest]) -> Digest {
    nodes.iter().rev().copied().reduce(|right, left| node(left, right)).unwrap_or_else(|| Digest::of(b""))
}

/// A whole node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Over `2^level` leaves.
    pub level: u32,
    /// Its number in its level.
    pub index: u64,
}

/// A tree at its growing end: as many hashes as its size has bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    /// The whole nodes of `wholes(0, size)`.
    wholes: Vec<Digest>,
}

impl Tree {
    /// One that was kept; `None` where these hashes are not as many as this size has.
    #[must_use]
    pub fn kept(size: u64, wholes: Vec<Digest>) -> Option<Self> {
        (u64::from(size.count_ones()) == u64::try_from(wholes.len()).ok()?).then_some(Self { size, wholes })
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Its whole nodes from left to right, each smaller than the one before: what to keep of it.
    #[must_use]
    pub fn wholes(&self) -> &[Digest] {
        &self.wholes
    }

    /// Adds a leaf by its hash, and gives the nodes that became whole by it, without the leaf itself.
    pub fn push(&mut self, leaf: Digest) -> Vec<(Place, Digest)> {
        let mut made = Vec::new();
        let mut hash = leaf;
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.wholes.pop() else { break };
            hash = node(left, hash);
            made.push((Place { level, index: self.size >> level }, hash));
        }
        self.wholes.push(hash);
        self.size = self.size.saturating_add(1);
        made
    }

    /// The hash over all of it.
    #[must_use]
    pub fn root(&self) -> Digest {
        fold(&self.wholes)
    }
}

/// The whole nodes over the leaves from `from` (a multiple of the largest of them) up to `to`, from left to right.
#[must_use]
pub fn wholes(from: u64, to: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let mut at = from;
    while at < to {
        let level = to.saturating_sub(at).ilog2();
        places.push(Place { level, index: at >> level });
        at = at.saturating_add(1 << level);
    }
    places
}

/// The ranges of leaves whose hashes prove that a leaf is in a tree of `size`, the nearest first: `PATH` of section 2.1.1. Nothing where
/// there is no such leaf.
#[must_use]
pub fn path(leaf: u64, size: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let (mut from, mut to) = (0, if leaf < size { size } else { 0 });
    while to.saturating_sub(from) > 1 {
        // The largest power of two that is smaller than the number of leaves.
        let middle = from.saturating_add(1 << to.saturating_sub(from).saturating_sub(1).ilog2());
        if leaf < middle {
            ranges.push((middle, to));
            to = middle;
        } else {
            ranges.push((from, middle));
            from = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The root that a leaf and its path lead to, in a tree of this size (RFC 9162, section 2.1.3.2); `None` where such a tree has no such path.
#[must_use]
pub fn root_by(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size.saturating_sub(1), leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(*beside, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *beside);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `MTH` as section 2.1 defines it.
    fn defined(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [one] => *one,
            more => {
                let middle = (1..more.len()).rfind(|count| count.is_power_of_two()).unwrap();
                node(defined(&more[..middle]), defined(&more[middle..]))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    fn grown(leaves: &[Digest]) -> Tree {
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| drop(tree.push(*leaf)));
        tree
    }

    /// The leaves and roots that implementations of certificate transparency are held against.
    #[test]
    fn the_roots_are_those_that_others_have() {
        let known: [(&[u8], &str); 3] = [
            (&[], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (&[0], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (&[0x10], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ];
        assert_eq!(Tree::default().root().to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let mut tree = Tree::default();
        for (data, root) in known {
            drop(tree.push(leaf(data)));
            assert_eq!(tree.root().to_string(), format!("sha256:{root}"));
        }
        let rest: [&[u8]; 5] = [
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        rest.iter().for_each(|data| drop(tree.push(leaf(data))));
        assert_eq!(tree.root().to_string(), "sha256:5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn it_grows_as_it_is_defined_and_every_node_is_told_once() {
        let all = leaves(70);
        let mut tree = Tree::default();
        let mut told = std::collections::HashMap::new();
        for (count, leaf) in (1u64..).zip(&all) {
            for (place, hash) in tree.push(*leaf) {
                assert_eq!(told.insert(place, hash), None);
            }
            let until = usize::try_from(count).unwrap();
            assert_eq!(tree.root(), defined(&all[..until]), "{count}");
            assert_eq!(Tree::kept(count, tree.wholes().to_vec()).as_ref(), Some(&tree));
            assert_eq!(Tree::kept(count + 1, tree.wholes().to_vec()).is_some(), count.count_ones() == (count + 1).count_ones());
        }
        for (Place { level, index }, hash) in told {
            let (from, to) = (index << level, (index + 1) << level);
            assert_eq!(hash, defined(&all[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()]));
        }
    }

    proptest! {
        #[test]
        fn a_path_leads_to_the_root_and_no_other_does(size in 1u64..200, at in any::<prop::sample::Index>(), wrong in any::<prop::sample::Index>()) {
            let all = leaves(size);
            let index = u64::try_from(at.index(all.len())).unwrap();
            let range = |(from, to): (u64, u64)| &all[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
            let proof: Vec<Digest> = path(index, size).into_iter().map(|one| defined(range(one))).collect();
            for one in path(index, size) {
                let folded: Vec<Digest> = wholes(one.0, one.1).into_iter().map(|place| {
                    defined(range((place.index << place.level, (place.index + 1) << place.level)))
                }).collect();
                prop_assert_eq!(fold(&folded), defined(range(one)));
            }
            let root = grown(&all).root();
            let found = all[usize::try_from(index).unwrap()];
            prop_assert_eq!(root_by(found, index, size, &proof), Some(root));
            prop_assert_ne!(root_by(leaf(b"another"), index, size, &proof), Some(root));
            prop_assert_eq!(root_by(found, size, size, &proof), None);
            if size > 1 {
                let other = (index + 1) % size;
                prop_assert_ne!(root_by(found, other, size, &proof), Some(root));
                let mut bent = proof.clone();
                let place = wrong.index(bent.len());
                bent[place] = leaf(b"bent");
                prop_assert_ne!(root_by(found, index, size, &bent), Some(root));
                prop_assert_ne!(root_by(found, index, size, &proof[1..]), Some(root));
                let longer = [proof.as_slice(), &[root]].concat();
                prop_assert_eq!(root_by(found, index, size, &longer), None);
            }
        }
    }
}
