//! A set of policies made ready for many decisions: the same answers as `decide`, without looking at policies that cannot matter.
//!
//! Nothing here judges a policy: what the index leaves over is judged by the plain evaluation's own functions, in an order in which the
//! first that fits is the one that decides. A property test holds both forms against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::evaluate::{allowed_by, by_grant, denied_by, refused_at_once, refused_by, target_of};
use super::fit::{self, Stage, Unfit};
use super::index::{Filing, Index, filed, keys_for, loose, near};
use super::rights::Rights;
use super::validity::begins_in;
use super::whom::{People, Whom};
use super::{Decision, Denied, Fixed, GrantView, Held, Launch, Refusal, Standing};
use crate::application::{Side, Specificity, specificity};
use crate::document::PolicyDocument;
use crate::id::PolicyId;
use crate::policy::{Applications, Mode, Validity};
use crate::time::Timestamp;
use crate::user::Member;

/// A set of policies, compiled. Cloning it is cheap where it stands in an `Arc`; a change of any policy compiles the set anew.
#[derive(Debug)]
pub struct Policies {
    documents: Box<[Arc<PolicyDocument>]>,
    /// Places in `documents`, by id.
    by_id: Box<[u32]>,
    people: People,
    /// What lets run or ask, and the order of `allowing`.
    allow: Index,
    allowing: Box<[Allowing]>,
    /// What denies, and the order of `denying`.
    deny: Index,
    denying: Box<[u32]>,
    /// For each number of `people`, the enabled policy with the lowest id that names it and does not deny.
    first_naming: BTreeMap<u32, u32>,
    /// The numbers of `people` that an enabled policy names which asks for the content of a file.
    content: BTreeSet<u32>,
}

/// One way in which a policy may let something run: by rules of one specificity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Allowing {
    mode: Mode,
    specificity: Specificity,
    rights: u32,
    /// Place in `by_id`.
    by_id: u32,
}

/// A launch with what the indexes are asked for.
struct Wanted<'a> {
    launch: &'a Launch,
    standing: &'a Standing,
    keys: Vec<u64>,
    certain: Whom,
}

/// What came nearest so far: of two that came equally near, the lower place.
#[derive(Default)]
struct Nearest(Option<(u32, Unfit)>);

impl Nearest {
    fn take(&mut self, place: u32, unfit: Unfit) {
        if unfit.stage <= Stage::Users {
            return;
        }
        let nearer = self.0.as_ref().is_none_or(|(other, best)| match (unfit.stage, unfit.held).cmp(&(best.stage, best.held)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => place < *other,
            std::cmp::Ordering::Greater => true,
        });
        if nearer {
            self.0 = Some((place, unfit));
        }
    }
}

impl Policies {
    /// Makes a set ready. Ids are unique in a set; of two with the same id, grants follow the first.
    #[must_use]
    pub fn compile(documents: Vec<Arc<PolicyDocument>>) -> Self {
        let mut by_id: Vec<u32> = (0..).take(documents.len()).collect();
        let document = |place: &u32| documents.get(usize::try_from(*place).unwrap_or(usize::MAX));
        by_id.sort_by(|a, b| document(a).map(|d| &d.id).cmp(&document(b).map(|d| &d.id)));
        let ordered: Vec<(u32, &PolicyDocument)> =
            (0..).zip(by_id.iter().filter_map(document)).filter(|(_, d)| d.policy.enabled).map(|(place, d)| (place, &**d)).collect();

        let mut people = People::new();
        let (allow, allowing, first_naming) = file_allowing(&ordered, &mut people);
        let (deny, denying) = file_denying(&ordered, &mut people);
        let asking = ordered.iter().map(|(_, document)| *document).filter(|document| asks_for_content(document));
        let content = asking.flat_map(|document| people.meant(document, side_of(document))).collect();
        let by_id = by_id.into_boxed_slice();
        let (people, documents) = (people.finish(), documents.into_boxed_slice());
        Self { by_id, people, allow, allowing, deny, denying, first_naming, content, documents }
    }

    /// Whether the content of a file may matter to what a user runs. If not, every decision and explanation for them is the
    /// same whatever digest the file has, and where it is not root's alone and of no package, nothing allows it.
    #[must_use]
    pub fn may_rest_on_content(&self, member: &Member) -> bool {
        match People::possible(member, &self.people.certain(member)) {
            Whom::Anyone => !self.content.is_empty(),
            Whom::These(numbers) => numbers.iter().any(|number| self.content.contains(number)),
        }
    }

    /// The documents, in the order in which they were given.
    #[must_use]
    pub fn documents(&self) -> &[Arc<PolicyDocument>] {
        &self.documents
    }

    /// The policy of an id.
    #[must_use]
    pub fn find(&self, id: &PolicyId) -> Option<&Arc<PolicyDocument>> {
        let place = self.by_id.partition_point(|place| self.documents.get(at(*place)).is_some_and(|document| document.id < *id));
        self.documents.get(at(*self.by_id.get(place)?)).filter(|document| document.id == *id)
    }

    fn at(&self, place: u32) -> Option<&PolicyDocument> {
        self.documents.get(at(*self.by_id.get(at(place))?)).map(|document| &**document)
    }

    /// Decides one launch: what `decide` would answer for these documents, where each is held with what `fixed` says of it.
    /// `fixed` is asked for policies that may matter only, and more than once.
    pub fn decide(&self, fixed: impl Fn(&PolicyDocument) -> Fixed, grants: &[GrantView], launch: &Launch, standing: &Standing) -> Decision {
        if let Some(refusal) = refused_at_once(launch, standing) {
            return Decision::Refuse(refusal);
        }
        let wanted = self.wanted(launch, standing);
        let hold = |document| Held { document, fixed: fixed(document) };
        let find = |id: &PolicyId| self.find(id).map(|document| hold(document));
        let mut nearest = Nearest::default();
        let allowed = by_grant(find, grants, launch, standing).or_else(|| self.by_policy(hold, &wanted, &mut nearest));
        // INVARIANT: nothing is allowed past this line that a deny matches.
        if let Some(denied) = self.denied_for(hold, &wanted, target_of(allowed.as_ref(), launch)) {
            return Decision::Refuse(denied.refusal);
        }
        allowed.unwrap_or_else(|| Decision::Refuse(self.nearest(hold, &wanted, nearest)))
    }

    /// The deny that matches a launch, for whom and as whom it runs already: what a decision over the denies of the set alone would say.
    #[must_use]
    pub fn denied(&self, fixed: impl Fn(&PolicyDocument) -> Fixed, launch: &Launch, standing: &Standing) -> Option<Denied> {
        let hold = |document| Held { document, fixed: fixed(document) };
        self.denied_for(hold, &self.wanted(launch, standing), target_of(None, launch))
    }

    /// Milliseconds from a moment until the next deny of the set begins that does not hold then; `None` where none does within the next
    /// two weeks. Until it, time alone lets no deny match anything more.
    #[must_use]
    pub fn next_denial(&self, wall: Timestamp) -> Option<u64> {
        let mut next = None;
        let mut hours = BTreeSet::new();
        for document in self.denying.iter().filter_map(|place| self.at(*place)) {
            let validity = &document.policy.validity;
            // Of ten thousand that open with the office, one is looked at.
            let seen = matches!(validity, Validity::Recurring { days, start, end, zone } if !hours.insert((days, start, end, zone)));
            if let Some(begins) = (!seen).then(|| begins_in(validity, wall)).flatten() {
                next = Some(next.map_or(begins, |found: u64| found.min(begins)));
            }
        }
        next
    }

    fn wanted<'a>(&self, launch: &'a Launch, standing: &'a Standing) -> Wanted<'a> {
        Wanted { launch, standing, keys: keys_for(&launch.facts), certain: Whom::These(self.people.certain(&launch.member)) }
    }

    /// The first that fits in the order of mode, specificity, rights and id.
    fn by_policy<'a>(
        &'a self,
        hold: impl Fn(&'a PolicyDocument) -> Held<'a>,
        wanted: &Wanted<'_>,
        nearest: &mut Nearest,
    ) -> Option<Decision> {
        for rank in self.allow.candidates(&wanted.keys, &wanted.certain) {
            let Some(allowing) = self.allowing.get(at(rank)) else { continue };
            let Some(document) = self.at(allowing.by_id) else { continue };
            let held = hold(document);
            match fit::allows(&held, wanted.launch, wanted.standing) {
                // One that fits by a wider rule than it is tried for has its turn later.
                Ok(fit) if fit.matched.specificity == allowing.specificity => return allowed_by(allowing.mode, &held, fit),
                Ok(_) => {}
                Err(unfit) => nearest.take(allowing.by_id, unfit),
            }
        }
        None
    }

    fn denied_for<'a>(&'a self, hold: impl Fn(&'a PolicyDocument) -> Held<'a>, wanted: &Wanted<'_>, target: &str) -> Option<Denied> {
        if self.denying.is_empty() {
            return None;
        }
        let Whom::These(certain) = &wanted.certain else { return None };
        let possible = People::possible(&wanted.launch.member, certain);
        let mut in_doubt = None;
        for rank in self.deny.candidates(&wanted.keys, &possible) {
            let Some(document) = self.denying.get(at(rank)).and_then(|place| self.at(*place)) else { continue };
            let held = hold(document);
            match fit::denies(document, held.fixed, wanted.launch, target, wanted.standing.wall) {
                Ok(denial) if denial.names_user => return Some(Denied { refusal: denied_by(document, denial), certain: true }),
                Ok(denial) => in_doubt = in_doubt.or(Some((document, denial))),
                Err(_) => {}
            }
        }
        in_doubt.map(|(document, denial)| Denied { refusal: denied_by(document, denial), certain: false })
    }

    /// The refusal where nothing allows; the candidates were seen by `by_policy` already.
    fn nearest<'a>(&'a self, hold: impl Fn(&'a PolicyDocument) -> Held<'a>, wanted: &Wanted<'_>, mut nearest: Nearest) -> Refusal {
        let lists = self.allow.candidates(&[near()], &wanted.certain);
        let lists = lists.filter_map(|rank| self.allowing.get(at(rank))).map(|allowing| allowing.by_id);
        let Whom::These(certain) = &wanted.certain else { return refused_by(None, wanted.launch, wanted.standing) };
        // Of those whose rules are for other applications altogether, the first speaks.
        let first = certain.iter().filter_map(|number| self.first_naming.get(number)).min().copied();
        for place in lists.chain(first) {
            if let Some(document) = self.at(place)
                && let Err(unfit) = fit::allows(&hold(document), wanted.launch, wanted.standing)
            {
                nearest.take(place, unfit);
            }
        }
        let found = nearest.0.and_then(|(place, unfit)| Some((self.at(place)?, unfit)));
        refused_by(found, wanted.launch, wanted.standing)
    }
}

/// Which way doubt about its users counts.
fn side_of(document: &PolicyDocument) -> Side {
    if document.policy.mode == Mode::Deny { Side::Deny } else { Side::Allow }
}

/// Whether a rule of it has a digest, its exceptions' and its lists' too.
fn asks_for_content(document: &PolicyDocument) -> bool {
    let own = match &document.policy.applications {
        Applications::All => &[],
        Applications::Rules(rules) => rules.as_slice(),
    };
    let mut rules = own.iter().chain(&document.policy.exceptions).chain(document.lists.values().flatten());
    rules.any(|rule| rule.hash.is_some())
}

/// A place as an index. No set has 2³² policies.
fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Every way in which the policies that do not deny may allow, in the order in which they are tried.
fn file_allowing(ordered: &[(u32, &PolicyDocument)], people: &mut People) -> (Index, Box<[Allowing]>, BTreeMap<u32, u32>) {
    let of_side: Vec<_> = ordered.iter().filter(|(_, document)| document.policy.mode != Mode::Deny).copied().collect();
    let mut rights: Vec<Rights> = of_side.iter().map(|(_, document)| Rights::of(&document.policy)).collect();
    rights.sort_unstable();
    rights.dedup();
    let mut first_naming = BTreeMap::new();
    let mut ways = Vec::new();
    for (by_id, document) in of_side {
        let whom = people.meant(document, Side::Allow);
        for number in &whom {
            first_naming.entry(*number).or_insert(by_id);
        }
        let place = rights.partition_point(|other| *other < Rights::of(&document.policy));
        let way = |specificity| {
            let rights = u32::try_from(place).unwrap_or(u32::MAX);
            Allowing { mode: document.policy.mode, specificity, rights, by_id }
        };
        match filed(document) {
            None => ways.push((way(Specificity::All), loose(), whom)),
            Some(rules) => ways.extend(rules.into_iter().map(|filed| (way(specificity(filed.rule)), filed.keys, whom.clone()))),
        }
    }
    ways.sort_unstable();
    let mut filing = Filing::default();
    let mut order: Vec<Allowing> = Vec::new();
    for (way, keys, whom) in ways {
        if order.last() != Some(&way) {
            order.push(way);
        }
        filing.file(&keys, &whom, u32::try_from(order.len().saturating_sub(1)).unwrap_or(u32::MAX));
    }
    (filing.finish(), order.into_boxed_slice(), first_naming)
}

/// Every policy that denies, by id.
fn file_denying(ordered: &[(u32, &PolicyDocument)], people: &mut People) -> (Index, Box<[u32]>) {
    let mut filing = Filing::default();
    let mut order = Vec::new();
    for (by_id, document) in ordered.iter().filter(|(_, document)| document.policy.mode == Mode::Deny) {
        let rank = u32::try_from(order.len()).unwrap_or(u32::MAX);
        order.push(*by_id);
        let whom = people.meant(document, Side::Deny);
        match filed(document) {
            None => filing.file(&loose(), &whom, rank),
            Some(rules) => rules.iter().for_each(|filed| filing.file(&filed.keys, &whom, rank)),
        }
    }
    (filing.finish(), order.into_boxed_slice())
}
