//! With how many computers what a policy or a rule says is: those that are enrolled, as far as whoever reads it sees them.

use std::collections::HashSet;

use brevet_core::policy::Scope;
use brevet_core::words::{self, Counted};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::content::{Content, Snapshot};
use crate::access::Reach;
use crate::app::App;
use crate::http::failure::Outcome;
use crate::store::entities::computer;

/// Names of computers that something is for, whether they are there or not; `None` for every one.
pub type Meant<'a> = Option<HashSet<&'a str>>;

/// Those that a policy or a rule is for.
#[must_use]
pub fn meant<'a>(content: &'a Content, all: &'a Snapshot) -> Meant<'a> {
    let scope = match content {
        Content::Policy(policy) => &policy.computers,
        Content::Autonomous(rule) => &rule.computers,
        Content::Group(_) | Content::List(_) => return Some(HashSet::new()),
    };
    let Scope::Named(entries) = scope else { return None };
    let members = |entry: &'a String| match entry.strip_prefix("group:") {
        Some(group) => members(all, group),
        None => std::slice::from_ref(entry),
    };
    Some(entries.iter().flat_map(members).map(String::as_str).collect())
}

fn members<'a>(all: &'a Snapshot, group: &str) -> &'a [String] {
    all.group(group).and_then(|group| group.computers.as_deref()).unwrap_or_default()
}

/// More names are not asked for one by one.
const FEW: usize = 1000;

/// Computers that are enrolled and within reach: of those that are meant, or all of them where these are many.
pub struct Enrolled {
    /// Their names.
    pub names: HashSet<String>,
    whole: bool,
}

impl Enrolled {
    /// Reads them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(app: &App, reach: &Reach, meant: &[Meant<'_>]) -> Outcome<Self> {
        use computer::Column as K;
        let of_few: Meant<'_> = meant.iter().try_fold(HashSet::new(), |mut together, names| {
            together.extend(names.as_ref()?);
            (together.len() <= FEW).then_some(together)
        });
        let few = of_few.map(|names| K::Name.is_in(names));
        let there = computer::Entity::find().select_only().column(K::Name).filter(K::State.eq("enrolled")).filter(reach.within(K::Id));
        let names = there.filter(Condition::all().add_option(few)).into_tuple::<String>().all(&app.store.pool).await?;
        Ok(Self { names: names.into_iter().collect(), whole: *reach == Reach::All })
    }

    /// What it says, in one sentence; empty for what says nothing. Computers that it is for must be among those that were read.
    #[must_use]
    pub fn summary(&self, content: &Content, all: &Snapshot) -> String {
        let of_group = |group: &str| {
            let members: HashSet<&String> = members(all, group).iter().collect();
            members.into_iter().filter(|name| self.names.contains(*name)).count()
        };
        let counted = Counted { all: self.names.len(), of_group: &of_group, whole: self.whole };
        match content {
            Content::Policy(policy) => words::brief_counted(policy, &counted),
            Content::Autonomous(rule) => words::autonomous_counted(rule, &counted),
            Content::Group(_) | Content::List(_) => String::new(),
        }
    }
}
