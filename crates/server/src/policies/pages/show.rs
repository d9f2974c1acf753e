//! One policy: what it says, the computers that hold or refuse it, and everything that was done to it and under it.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::check::{Checked, PolicyStanding};
use brevet_api::rest::grant::{RevokeAll, RevokedAll};
use brevet_api::rest::policy::{OnComputer, PolicyState, StoredPolicy};
use brevet_core::policy::{Policy, Scope, Validity};
use brevet_core::{toml_text, words};
use serde::Deserialize;

use super::list::{says, standing};
use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::definitions::formed::Formed as _;
use crate::definitions::pages::checked;
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;

#[derive(Template)]
#[template(path = "policies/show.html")]
struct Show {
    shell: Shell,
    seen: String,
    may_change: bool,
    /// The break-glass that it belongs to: that alone changes it.
    glass: Option<String>,
    may_revoke: bool,
    /// Whether its fixed validity can be started anew.
    renews: bool,
    says: String,
    applications: Vec<String>,
    checked: Checked,
    standing: Option<PolicyStanding>,
    /// Grants that are open now.
    open: u64,
    toml: String,
    it: StoredPolicy,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let (seen, it): (String, StoredPolicy) = visitor.read_tagged(&format!("/policies/{}", part(&id))).await?;
    let (checked, mut standing, open) = tokio::try_join!(
        checked::<Policy>(&visitor, it.content.clone(), Some(it.id.as_str())),
        standing(&visitor, std::iter::once(it.id.as_str())),
        open_grants(&visitor, it.id.as_str()),
    )?;
    let standing = standing.remove(it.id.as_str());
    let glass = crate::break_glass::of_policy(&it.content.name).map(str::to_owned);
    page(&Show {
        shell: visitor.shell(Place::Policies, it.content.name.clone()),
        seen,
        may_change: visitor.may(Action::ChangePolicy) && glass.is_none(),
        glass,
        may_revoke: visitor.may(Action::Revoke),
        renews: matches!(it.content.validity, Validity::Fixed { .. }),
        says: says(&it, standing.as_ref()),
        applications: words::applications(&it.content),
        checked,
        standing,
        open,
        toml: toml_text::shown(&it.content.clone().file()).unwrap_or_else(|why| format!("# {why}\n")),
        it,
    })
}

/// How many grants would be revoked, where they may.
async fn open_grants(visitor: &Visitor, id: &str) -> Outcome<u64> {
    if !visitor.may(Action::Revoke) {
        return Ok(0);
    }
    let body = RevokeAll {
        user: None,
        computer: None,
        policy: Some(id.to_owned()),
        comment: String::new(),
        now: false,
        dry_run: true,
        limit: Some(1),
    };
    Ok(match visitor.change::<_, RevokedAll>(axum::http::Method::POST, "/grants/revoke", None, &body).await? {
        Made::Now(found) => found.left.saturating_add(u64::try_from(found.items.len()).unwrap_or(0)),
        Made::Proposed(_) => 0,
    })
}

/// What the list of its computers can be ordered by.
const ON_COMPUTERS: &[By] =
    &[By::text("name", "Computer"), By::text("state", "State"), By::number("version", "Version"), By::moment("since", "Since")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "policies/computers.html")]
struct Computers {
    shell: Shell,
    id: String,
    version: u64,
    standing: Option<PolicyStanding>,
    page: Page<OnComputer>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
}

pub(super) async fn computers(visitor: Visitor, Path(id): Path<String>, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let of = format!("/policies/{}", part(&id));
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let asked = format!("{of}/computers{}", query([by, order, ("cursor", &chosen.cursor)]));
    let (it, (found, wrong)): (StoredPolicy, (Page<OnComputer>, _)) = tokio::try_join!(visitor.read(&of), visitor.chosen(&asked))?;
    let mut standing = standing(&visitor, std::iter::once(it.id.as_str())).await?;
    page(&Computers {
        shell: visitor.shell(Place::Policies, it.content.name),
        version: it.version,
        standing: standing.remove(it.id.as_str()),
        id: it.id.to_string(),
        page: found,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new(format!("{of}/computers"), ON_COMPUTERS, (&chosen.sort, "name"), &[by]),
        name: chosen.name,
        wrong,
    })
}

impl Computers {
    /// Where a version stands, in words.
    #[expect(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "as templates call it")]
    const fn state_words(&self, state: &PolicyState) -> &'static str {
        match state {
            PolicyState::Sent => "on its way",
            PolicyState::Applied => "in force",
            PolicyState::Refused => "refused",
        }
    }
}

impl Show {
    fn users(&self) -> Vec<String> {
        entries(&self.it.content.users, "everybody")
    }

    fn computers(&self) -> Vec<String> {
        entries(&self.it.content.computers, "every computer")
    }
}

/// So many names are shown; all of them are in the TOML.
const MOST_NAMES: usize = 100;

/// A scope, an entry each.
fn entries(scope: &Scope, all: &'static str) -> Vec<String> {
    match scope {
        Scope::All => vec![all.into()],
        Scope::Named(names) => {
            let more = names.len().saturating_sub(MOST_NAMES);
            let more = (more > 0).then(|| format!("and {more} more"));
            names.iter().take(MOST_NAMES).cloned().chain(more).collect()
        }
    }
}
