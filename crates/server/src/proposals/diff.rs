//! Everything that four eyes guards, as it stands, and the difference between two moments. Ids and moments that come out otherwise
//! each time are left out; what is left must come out the same.

use std::collections::BTreeMap;

use brevet_api::rest::proposal::Difference;
use sea_orm::{ConnectionTrait, EntityTrait as _};
use serde_json::{Value, json};

use crate::definitions::{Snapshot, content};
use crate::http::failure::Outcome;
use crate::people::store as people;
use crate::store::entities::{person, setting, sign_in, token};

/// What is guarded, as it stands. The key finds the same thing at another moment.
#[derive(Debug, Default)]
pub struct Guarded(BTreeMap<String, Thing>);

#[derive(Debug, PartialEq)]
struct Thing {
    kind: &'static str,
    name: String,
    version: Option<u64>,
    renewal: u64,
    content: Value,
}

impl Guarded {
    /// Reads it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C) -> Outcome<Self> {
        let mut all = BTreeMap::new();
        for one in Snapshot::load(connection).await?.0 {
            let thing = Thing {
                kind: content::kind_name(one.content.kind()),
                name: one.content.name().to_owned(),
                version: Some(one.version),
                renewal: one.renewal,
                content: one.content.to_json()?,
            };
            all.insert(one.id, thing);
        }
        let mut names = BTreeMap::new();
        for row in person::Entity::find().all(connection).await? {
            names.insert(row.id.clone(), row.name.clone());
            let (id, name) = (row.id.clone(), row.name.clone());
            let mut shown = serde_json::to_value(people::shown(connection, row).await?)?;
            if let Some(fields) = shown.as_object_mut() {
                fields.remove("id");
                fields.remove("created");
            }
            all.insert(id, Thing::plain("person", name, shown));
        }
        for one in crate::sign_in::guarded(connection).await? {
            let name = names.get(&one.person).cloned().unwrap_or_default();
            all.insert(one.key, Thing::plain(one.kind, name, one.content));
        }
        for row in setting::Entity::find().all(connection).await?.into_iter().filter(|row| row.name != "version") {
            all.insert(format!("setting {}", row.name), Thing::plain("setting", row.name, json!({ "value": row.value })));
        }
        let whose = |id: &String| names.get(id).cloned().unwrap_or_default();
        for row in token::Entity::find().all(connection).await?.into_iter().filter(|row| !row.revoked) {
            let scopes: Value = serde_json::from_str(&row.scopes)?;
            let lives = row.expires.saturating_sub(row.created) / 1000;
            let said = json!({
                "person": whose(&row.person), "roles": row.roles, "scopes": scopes, "decides": row.decides, "lives_seconds": lives,
            });
            all.insert(row.id, Thing::plain("token", row.name, said));
        }
        for row in sign_in::Entity::find().all(connection).await?.into_iter().filter(|row| !row.used) {
            all.insert(row.hash, Thing::plain("sign_in", whose(&row.person), json!({ "person": whose(&row.person) })));
        }
        Ok(Self(all))
    }

    /// What has changed from here to there.
    #[must_use]
    pub fn until(&self, there: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        for (key, was) in &self.0 {
            match there.0.get(key) {
                // Links that ended by themselves are nobody's change.
                None if was.kind == "sign_in" => {}
                None => all.push(difference("deleted", Some(was), None)),
                Some(is) if is.renewal != was.renewal => all.push(difference("renewed", Some(was), Some(is))),
                Some(is) if is.content != was.content => all.push(difference("changed", Some(was), Some(is))),
                // A new version alone follows from something else that is in here.
                Some(_) => {}
            }
        }
        let new = there.0.iter().filter(|(key, _)| !self.0.contains_key(*key));
        all.extend(new.map(|(_, is)| difference("created", None, Some(is))));
        all.sort_by(|a, b| (&a.kind, &a.name, &a.change).cmp(&(&b.kind, &b.name, &b.change)));
        all
    }
}

impl Thing {
    const fn plain(kind: &'static str, name: String, content: Value) -> Self {
        Self { kind, name, version: None, renewal: 0, content }
    }
}

fn difference(change: &str, before: Option<&Thing>, after: Option<&Thing>) -> Difference {
    let named = after.or(before);
    Difference {
        kind: named.map_or_else(String::new, |thing| thing.kind.into()),
        name: named.map_or_else(String::new, |thing| thing.name.clone()),
        change: change.into(),
        version: before.and_then(|thing| thing.version),
        before: before.map(|thing| thing.content.clone()),
        after: after.map(|thing| thing.content.clone()),
    }
}
