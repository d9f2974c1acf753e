//! `brevetctl person`: who signs in, with which roles, and which OS users they are.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::person::{Enabled, NewPerson, NoOsUser, OsUser, Person as Item, Role, Roles, Scopes, SignIn};
use brevet_api::rest::sign_in::{Credential, Credentials, NewIdentity, SignedIn};
use clap::Subcommand;
use reqwest::Method;

use crate::cli::Session;
use crate::client;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{fields, mark, moment, shown, word};
use crate::stored::{self, Named};

/// What to do with persons.
#[derive(Subcommand)]
pub enum Person {
    /// List persons
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a person
    Show {
        /// Name or id
        person: String,
    },
    /// Make a person
    Create {
        /// Unique
        name: String,
        /// owner, administrator, approver or auditor; may be given again
        #[arg(long = "role", value_name = "ROLE", value_parser = parse_role)]
        roles: Vec<Role>,
        /// A role only for the computers of a group; may be given again [default: for every computer]
        #[arg(long = "scope", value_name = "ROLE=GROUP", value_parser = parse_scope)]
        scopes: Vec<(Role, String)>,
        /// An OS user that they are; may be given again
        #[arg(long = "os-user", value_name = "USER")]
        os_users: Vec<String>,
    },
    /// Give a person exactly these roles
    Roles {
        /// Name or id
        person: String,
        /// owner, administrator, approver or auditor
        #[arg(value_name = "ROLE", value_parser = parse_role)]
        roles: Vec<Role>,
        /// A role only for the computers of a group; may be given again [default: for every computer]
        #[arg(long = "scope", value_name = "ROLE=GROUP", value_parser = parse_scope)]
        scopes: Vec<(Role, String)>,
    },
    /// Let a person sign in again
    Enable {
        /// Name or id
        person: String,
    },
    /// Let a person no longer sign in; their tokens stop working
    Disable {
        /// Name or id
        person: String,
    },
    /// Remove a person for good: their tokens and sign-ins end; events keep their name, which nobody gets again
    Remove {
        /// Name or id
        person: String,
    },
    /// Record which OS user a person is, so that they cannot decide on their own requests
    Link {
        /// Name or id
        person: String,
        /// The OS user's name
        user: String,
        /// Only on this computer
        #[arg(long)]
        computer: Option<String>,
    },
    /// Take such a record back
    Unlink {
        /// Name or id
        person: String,
        /// The OS user's name
        user: String,
        /// Only on this computer
        #[arg(long)]
        computer: Option<String>,
    },
    /// Record that a person has no OS user (another owner does this)
    NoOsUser {
        /// Name or id
        person: String,
        /// on or off
        #[arg(value_parser = ["on", "off"], default_value = "on")]
        none: String,
    },
    /// Make a one-time sign-in link
    SignIn {
        /// Name or id
        person: String,
    },
    /// List where a person is signed in to the console
    SignedIn {
        /// Name or id
        person: String,
        #[command(flatten)]
        rows: Listing,
    },
    /// Sign a person out of the console: everywhere, or in one browser
    SignOut {
        /// Name or id
        person: String,
        /// Only here: an id that `person signed-in` shows
        id: Option<String>,
    },
    /// Show what a person signs in with; never the secret
    Credentials {
        /// Name or id
        person: String,
    },
    /// Take away what a person signs in with; they are signed out everywhere
    RemoveCredential {
        /// Name or id
        person: String,
        /// password, app, or a passkey's id
        which: String,
    },
    /// Record who a person is at the single sign-on
    Identity {
        /// Name or id
        person: String,
        /// The provider's own name for them, its claim `sub`
        subject: String,
    },
    /// Take that back: they are signed out everywhere
    NoIdentity {
        /// Name or id
        person: String,
    },
}

/// # Errors
/// When it is none of the four.
pub fn parse_role(text: &str) -> std::result::Result<Role, String> {
    serde_json::from_value(text.into()).map_err(|_| "a role is owner, administrator, approver or auditor".into())
}

/// # Errors
/// When it is not a role other than owner, `=` and a group.
pub fn parse_scope(text: &str) -> std::result::Result<(Role, String), String> {
    let (role, group) = text.split_once('=').ok_or("write ROLE=GROUP, such as approver=webservers")?;
    let role = parse_role(role)?;
    if role == Role::Owner {
        return Err("an owner's rights are not about computers and cannot be narrowed".into());
    }
    if group.is_empty() { Err("which group? write ROLE=GROUP, such as approver=webservers".into()) } else { Ok((role, group.to_owned())) }
}

/// All groups of each role.
#[must_use]
pub fn scopes(pairs: Vec<(Role, String)>) -> Scopes {
    let mut groups: std::collections::BTreeMap<Role, Vec<String>> = std::collections::BTreeMap::new();
    for (role, group) in pairs {
        groups.entry(role).or_default().push(group);
    }
    let mut scopes = Scopes::default();
    for (role, groups) in groups {
        scopes.set(role, groups);
    }
    scopes
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Person) -> Result<()> {
    let client = session.client()?;
    let print = |item: &Item| session.output.print(item, describe);
    match command {
        Person::List { rows } => rows.print(session, &["persons"], &PageQuery::default(), &COLUMNS),
        Person::Show { person } => print(&client.get(&["persons", &person])?),
        Person::Create { name, roles, scopes: narrowed, os_users } => {
            let os_users = os_users.into_iter().map(|user| OsUser { user, computer: None }).collect();
            print(&client.post(&["persons"], &NewPerson { name, roles, scopes: scopes(narrowed), os_users })?)
        }
        Person::Roles { person, roles, scopes: narrowed } => {
            if roles.is_empty() {
                session.output.confirm(&format!("take every role from '{}'", shown(&person)))?;
            }
            print(&client.put_all(&["persons", &person, "roles"], &Roles { roles, scopes: scopes(narrowed) })?)
        }
        Person::Enable { person } => print(&client.send_body(Method::PUT, &["persons", &person, "enabled"], &Enabled { enabled: true })?),
        Person::Disable { person } => {
            session.output.confirm(&format!("disable '{}'; they cannot sign in, and their tokens stop working", shown(&person)))?;
            print(&client.send_body(Method::PUT, &["persons", &person, "enabled"], &Enabled { enabled: false })?)
        }
        Person::Remove { person } => {
            let found: Named = client.get(&["persons", &person])?;
            let ends = "their tokens and sign-ins end for good, and nobody gets their name again";
            session.output.confirm(&format!("remove '{}'; {ends}", shown(&found.name)))?;
            client.delete(&["persons", &found.id], &())?;
            stored::done(session, "removed", &found.id, &found.name)
        }
        Person::Link { person, user, computer } => print(&client.post(&["persons", &person, "os-users"], &OsUser { user, computer })?),
        Person::Unlink { person, user, computer } => {
            let query: Vec<(&str, String)> = computer.into_iter().map(|computer| ("computer", computer)).collect();
            let response = client.delete(&["persons", &person, "os-users", &user], &query)?;
            if response.status() == reqwest::StatusCode::NO_CONTENT {
                return print(&client.get(&["persons", &person])?);
            }
            print(&client::read(response)?)
        }
        Person::NoOsUser { person, none } => {
            print(&client.send_body(Method::PUT, &["persons", &person, "no-os-user"], &NoOsUser { no_os_user: none == "on" })?)
        }
        Person::SignIn { person } => {
            let link: SignIn = client.post_empty(&["persons", &person, "sign-in"])?;
            if !link.sign_in.starts_with("https://") {
                return Err(CtlError::Answer("the sign-in link is not an https address".into()));
            }
            session.output.print(&link, |link| format!("{}\n", shown(&link.sign_in)))
        }
        Person::SignedIn { person, rows } => rows.print(session, &["persons", &person, "sign-ins"], &PageQuery::default(), &SIGNED_IN),
        Person::SignOut { person, id } => {
            let found: Named = client.get(&["persons", &person])?;
            match &id {
                Some(id) => client.delete(&["persons", &found.id, "sign-ins", id], &())?,
                None => client.delete(&["persons", &found.id, "sign-ins"], &())?,
            };
            stored::done(session, "signed out", id.as_deref().unwrap_or(&found.id), &found.name)
        }
        Person::Credentials { person } => {
            session.output.print(&client.get::<Credentials>(&["persons", &person, "credentials"])?, describe_credentials)
        }
        Person::RemoveCredential { person, which } => {
            let found: Named = client.get(&["persons", &person])?;
            session.output.confirm(&format!("take '{}' from '{}'; they are signed out everywhere", shown(&which), shown(&found.name)))?;
            client.delete(&["persons", &found.id, "credentials", &which], &())?;
            stored::done(session, "removed", &which, &found.name)
        }
        Person::Identity { person, subject } => {
            let has: Credentials = client.send_body(Method::PUT, &["persons", &person, "identity"], &NewIdentity { subject })?;
            session.output.print(&has, describe_credentials)
        }
        Person::NoIdentity { person } => {
            let found: Named = client.get(&["persons", &person])?;
            client.delete(&["persons", &found.id, "identity"], &())?;
            stored::done(session, "unlinked", &found.id, &found.name)
        }
    }
}

/// Each role, with the groups that it is narrowed to.
#[must_use]
pub fn roles(roles: &[Role], scopes: &Scopes) -> String {
    let narrowed = |role: &Role| scopes.each().find(|(narrowed, _)| narrowed == role).map(|(_, groups)| shown(&groups.join(", ")));
    let one = |role: &Role| narrowed(role).map_or_else(|| word(role), |groups| format!("{} ({groups})", word(role)));
    roles.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn os_users(item: &Item) -> String {
    let named = |user: &OsUser| match &user.computer {
        Some(computer) => format!("{} on {}", shown(&user.user), shown(computer)),
        None => shown(&user.user),
    };
    if item.no_os_user { "has none".into() } else { item.os_users.iter().map(named).collect::<Vec<_>>().join(", ") }
}

/// What an approver still lacks.
fn cannot_decide(item: &Item) -> String {
    if !item.roles.contains(&Role::Approver) || item.no_os_user || !item.os_users.is_empty() {
        return String::new();
    }
    let name = shown(&item.name);
    format!(
        "not yet: nobody recorded which OS user they are; an owner does: brevetctl person link '{name}' USER, or: brevetctl person no-os-user '{name}'"
    )
}

const SIGNED_IN: Columns<SignedIn> = Columns { headings: &["id", "how", "since", "seen", "ends", "address", "browser"], row: signed_in };

fn signed_in(item: &SignedIn) -> Vec<String> {
    let moments = [item.since, item.seen, item.ends].map(moment);
    [item.id.to_string(), item.way.words().to_owned()]
        .into_iter()
        .chain(moments)
        .chain([shown(&item.address), shown(&item.browser)])
        .collect()
}

fn describe_credentials(item: &Credentials) -> String {
    let set_up = |one: &Option<Credential>| one.as_ref().map_or_else(|| "none".into(), |one| format!("since {}", moment(one.since)));
    let passkeys: Vec<String> = item.passkeys.iter().map(|key| format!("{} ({})", shown(&key.name), key.id)).collect();
    let identity = item.identity.as_ref().map(|one| format!("{} at {}", shown(&one.subject), shown(&one.issuer)));
    fields(&[
        ("password", set_up(&item.password)),
        ("app", set_up(&item.app)),
        ("recovery codes", item.recovery_codes.to_string()),
        ("passkeys", if passkeys.is_empty() { "none".into() } else { passkeys.join(", ") }),
        ("single sign-on", identity.unwrap_or_else(|| "none".into())),
        ("suffices", if item.suffice() { "yes" } else { "no: they need a link each time" }.into()),
    ])
}

const COLUMNS: Columns<Item> = Columns { headings: &["name", "roles", "enabled", "id", "os users"], row };

fn row(item: &Item) -> Vec<String> {
    vec![shown(&item.name), roles(&item.roles, &item.scopes), mark(item.enabled).into(), item.id.to_string(), os_users(item)]
}

fn describe(item: &Item) -> String {
    fields(&[
        ("person", shown(&item.name)),
        ("id", item.id.to_string()),
        ("roles", roles(&item.roles, &item.scopes)),
        ("enabled", if item.enabled { "yes" } else { "no" }.into()),
        ("removed", mark(item.removed).into()),
        ("os users", os_users(item)),
        ("decides", cannot_decide(item)),
        ("created", moment(item.created)),
    ])
}
