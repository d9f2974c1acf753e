//! Whom the policies of a set mean, as small numbers: a user's own are found once for each launch.
//!
//! A number stands for everybody, a user, an OS group, a user group, or a long list of these that several policies may share.

use std::collections::{BTreeMap, BTreeSet};

use crate::application::{Fact, Side};
use crate::document::PolicyDocument;
use crate::policy::Scope;
use crate::user::Member;

/// Everybody.
const ALL: u32 = 0;
/// Those whom a deny names in a way that this computer cannot resolve: it may be anybody.
const IN_DOUBT: u32 = 1;
/// Entries that a policy may name before they are taken together under one number.
const FEW: usize = 4;

/// Whose policies are looked at.
pub(super) enum Whom {
    /// Those that name one of these, sorted.
    These(Vec<u32>),
    /// All: of this user's groups nothing is known, and that counts for a deny.
    Anyone,
}

/// Who is meant by which number.
#[derive(Debug)]
pub(super) struct People {
    users: BTreeMap<String, Vec<u32>>,
    os_groups: BTreeMap<String, u32>,
    /// The lists that a number is in.
    lists: BTreeMap<u32, Vec<u32>>,
    user_groups: BTreeMap<(String, Vec<String>), u32>,
    named: BTreeMap<String, u32>,
    known_lists: BTreeMap<Vec<u32>, u32>,
    next: u32,
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            users: BTreeMap::new(),
            os_groups: BTreeMap::new(),
            lists: BTreeMap::new(),
            user_groups: BTreeMap::new(),
            named: BTreeMap::new(),
            known_lists: BTreeMap::new(),
            next: IN_DOUBT + 1,
        }
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }

    /// The numbers that a policy is filed under for one side.
    pub(super) fn meant(&mut self, document: &PolicyDocument, side: Side) -> Vec<u32> {
        let Scope::Named(entries) = &document.policy.users else { return vec![ALL] };
        let mut numbers = BTreeSet::new();
        let mut in_doubt = false;
        for entry in entries {
            if let Some(group) = entry.strip_prefix("group:") {
                match document.user_groups.get(group) {
                    Some(members) => {
                        numbers.insert(self.user_group(group, members));
                    }
                    None => in_doubt = true,
                }
            } else if let Some(group) = entry.strip_prefix("os-group:") {
                numbers.insert(self.os_group(group));
            } else {
                numbers.insert(self.user(entry));
            }
        }
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        if numbers.len() > FEW {
            numbers = vec![self.list(numbers)];
        }
        numbers.extend((in_doubt && side == Side::Deny).then_some(IN_DOUBT));
        numbers
    }

    fn user(&mut self, name: &str) -> u32 {
        if let Some(number) = self.named.get(name) {
            return *number;
        }
        let number = self.take_number();
        self.named.insert(name.to_owned(), number);
        self.users.entry(name.to_owned()).or_default().push(number);
        number
    }

    fn os_group(&mut self, name: &str) -> u32 {
        if let Some(number) = self.os_groups.get(name) {
            return *number;
        }
        let number = self.take_number();
        self.os_groups.insert(name.to_owned(), number);
        number
    }

    fn user_group(&mut self, name: &str, members: &[String]) -> u32 {
        let known = (name.to_owned(), members.to_vec());
        if let Some(number) = self.user_groups.get(&known) {
            return *number;
        }
        let number = self.take_number();
        self.user_groups.insert(known, number);
        for member in members.iter().collect::<BTreeSet<_>>() {
            self.users.entry(member.clone()).or_default().push(number);
        }
        number
    }

    fn list(&mut self, numbers: Vec<u32>) -> u32 {
        if let Some(number) = self.known_lists.get(&numbers) {
            return *number;
        }
        let list = self.take_number();
        for number in &numbers {
            self.lists.entry(*number).or_default().push(list);
        }
        self.known_lists.insert(numbers, list);
        list
    }

    /// What only building needed is let go.
    pub(super) fn finish(mut self) -> Self {
        (self.user_groups, self.named, self.known_lists) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        self
    }

    /// The numbers that mean this user for certain.
    pub(super) fn certain(&self, member: &Member) -> Vec<u32> {
        let mut numbers = vec![ALL];
        numbers.extend(self.users.get(&member.user.name).into_iter().flatten());
        if let Fact::Known(groups) = &member.groups {
            numbers.extend(groups.iter().filter_map(|group| self.os_groups.get(group)));
        }
        let lists: Vec<u32> = numbers.iter().filter_map(|number| self.lists.get(number)).flatten().copied().collect();
        numbers.extend(lists);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Those that may mean this user, where doubt counts; `certain` are theirs for certain.
    pub(super) fn possible(member: &Member, certain: &[u32]) -> Whom {
        if member.groups.known().is_none() {
            return Whom::Anyone;
        }
        let mut numbers = certain.to_vec();
        let place = numbers.partition_point(|number| *number < IN_DOUBT);
        numbers.insert(place, IN_DOUBT);
        Whom::These(numbers)
    }
}
