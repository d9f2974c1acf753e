//! Enrolment: a secret is exchanged for an identity, once or as often as its token allows.

use axum::extract::State;
use brevet_api::agent::{Enrol, Enrolled};
use brevet_api::rest::Code;
use brevet_core::file::Group;
use brevet_core::id::ComputerId;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _};

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::definitions::write::{self, Reason};
use crate::definitions::{Content, Kind, Snapshot};
use crate::documents::publish::publish;
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::hash;
use crate::store::Change;
use crate::store::entities::{computer, enrolment_token, instance, journal, trust};

pub(super) async fn enrol(State(app): State<App>, Body(body): Body<Enrol>) -> Outcome<Json<Enrolled>> {
    let mut change = Change::begin(&app).await?;
    let token = take(&change, &body.secret).await?;
    let computer = clock::id(ComputerId::new, change.now)?;
    let name = unique_name(&change, &body.hostname).await?;
    add(&change, &computer, &name, &body).await?;
    join_groups(&change, &token, &name, (computer.as_str(), &name)).await?;
    let said = serde_json::json!({
        "name": name, "hostname": body.hostname, "platform": body.platform, "version": body.version, "enrolment_token": token.id,
        "transport_key": body.transport_key, "journal_key": body.journal_key, "incarnation": body.incarnation,
    });
    let mut event = NewEvent::new("computer.enrolled", format!("computer {name:?} enrolled"), &said)?;
    event.computer = Some((computer.to_string(), name.clone()));
    record(&change, By::Computer(computer.as_str(), &name), event).await?;
    publish(&mut change).await?;
    let trust = trust::Entity::find().order_by_desc(trust::Column::Version).one(change.tx()).await?;
    let trust = trust.ok_or_else(|| Failure::internal("there is no trust document"))?;
    change.commit().await?;
    Ok(Json(Enrolled {
        computer,
        name,
        instance: app.instance.clone(),
        root: app.root.clone(),
        trust: serde_json::from_str(&trust.envelope)?,
        ca: Some(app.authority.pem.clone()),
    }))
}

/// Uses a token up by one. Only its hash is compared, so that time tells nothing about it.
async fn take(change: &Change, secret: &str) -> Outcome<enrolment_token::Model> {
    let refused = || {
        Failure::new(Code::Unauthenticated).because("the enrolment token is unknown, expired, revoked or used up").hint("ask for a new one")
    };
    let hashed = hash(secret).to_string();
    let taken = enrolment_token::Entity::update_many()
        .col_expr(enrolment_token::Column::Used, Expr::col(enrolment_token::Column::Used).add(1))
        .filter(enrolment_token::Column::Hash.eq(&hashed))
        .filter(enrolment_token::Column::Revoked.eq(false))
        .filter(enrolment_token::Column::Expires.gt(change.now.millis()))
        .filter(Expr::col(enrolment_token::Column::Used).lt(Expr::col(enrolment_token::Column::Uses)))
        .exec(change.tx())
        .await?;
    if taken.rows_affected != 1 {
        return Err(refused());
    }
    enrolment_token::Entity::find().filter(enrolment_token::Column::Hash.eq(hashed)).one(change.tx()).await?.ok_or_else(refused)
}

/// The host's name in plain characters, with a number where it is taken.
async fn unique_name(change: &Change, hostname: &str) -> Outcome<String> {
    let plain: String = hostname.chars().take(200).map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' }).collect();
    let plain = if plain.is_empty() || plain == "all" { "computer".to_owned() } else { plain };
    for n in 1..10_000u32 {
        let name = if n == 1 { plain.clone() } else { format!("{plain}-{n}") };
        if computer::Entity::find().filter(computer::Column::NameKey.eq(&name)).one(change.tx()).await?.is_none() {
            return Ok(name);
        }
    }
    Err(Failure::new(Code::NameTaken).because(format!("too many computers are called {plain:?}")))
}

async fn add(change: &Change, id: &ComputerId, name: &str, body: &Enrol) -> Outcome<()> {
    let instance = instance::Entity::find().one(change.tx()).await?.ok_or_else(|| Failure::internal("no instance"))?;
    let short = |text: &str| text.chars().take(500).collect::<String>();
    let row = computer::ActiveModel {
        id: Set(id.to_string()),
        name: Set(name.into()),
        name_key: Set(name.into()),
        hostname: Set(short(&body.hostname)),
        platform: Set(short(&body.platform)),
        agent_version: Set(short(&body.version)),
        state: Set("enrolled".into()),
        because: Set(None),
        transport_key: Set(body.transport_key.clone().into()),
        journal_key: Set(body.journal_key.clone().into()),
        enrolled: Set(change.now.millis()),
        last_contact: Set(change.now.millis()),
        lost: Set(false),
        epoch: Set(instance.epoch),
        sent: Set(0),
        held: Set(0),
        held_trust: Set(instance.trust_version),
        manifest: Set(String::new()),
        incarnation: Set(body.incarnation.to_string()),
        stream: Set(None),
        facts: Set(None),
        facts_at: Set(None),
        os: Set(None),
        kernel: Set(None),
        broker_version: Set(None),
        clock_ahead: Set(None),
    };
    computer::Entity::insert(row).exec(change.tx()).await?;
    let chain = brevet_core::journal::Chain::new(id.clone(), body.incarnation.clone());
    let row = journal::ActiveModel {
        computer: Set(id.to_string()),
        incarnation: Set(body.incarnation.to_string()),
        seq: Set(0),
        head: Set(chain.head.to_string()),
        signed_head: Set(String::new()),
        begun: Set(change.now.millis()),
    };
    journal::Entity::insert(row).exec(change.tx()).await?;
    Ok(())
}

/// Adds the computer to the groups that the token names and that still are there.
async fn join_groups(change: &Change, token: &enrolment_token::Model, name: &str, by: (&str, &str)) -> Outcome<()> {
    let groups: Vec<String> = serde_json::from_str(&token.groups)?;
    for group in groups {
        let all = Snapshot::load(change.tx()).await?;
        let Some(old) = all.named(Kind::Group, &group) else { continue };
        if let Content::Group(Group { name: group, computers: Some(computers), users: None }) = &old.content {
            let mut computers = computers.clone();
            if !computers.iter().any(|member| member == name) {
                computers.push(name.to_owned());
            }
            let next = Content::Group(Group { name: group.clone(), computers: Some(computers), users: None });
            if next != old.content {
                write::replace(change, By::Computer(by.0, by.1), old, next, Reason::Changed).await?;
            }
        }
    }
    Ok(())
}
