//! Passkeys (WebAuthn): the device asks for its PIN, finger or face, so a passkey is two factors in one. Only this console's own address
//! can use them, which is what protects from imitated sign-in pages.
//!
//! INVARIANT: every challenge is answered once; its state is kept here and taken away with the answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_core::digest::Fields;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};
use serde::Serialize;
use serde_json::Value;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyAuthentication, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use crate::app::App;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::passkey as row;

/// A person has so many at most.
pub(super) const MOST: usize = 20;

/// What the browser is asked, and what is kept until it answers.
pub(super) struct Challenge {
    pub options: Value,
    pub state: String,
}

/// Why an answer is not right: never more than that it is not.
fn wrong(error: &WebauthnError) -> Failure {
    tracing::debug!(%error, "a passkey's answer was refused");
    Failure::new(brevet_api::rest::Code::Invalid).because("the passkey's answer is not right, or came too late")
}

/// Whether they can be used at this address: browsers want a name, not a number.
pub(super) fn possible(app: &App) -> bool {
    with(app).is_ok()
}

fn with(app: &App) -> Outcome<Webauthn> {
    let no = || Failure::new(brevet_api::rest::Code::WrongState).because("passkeys need a console whose address is a name");
    let origin = Url::parse(&app.url).map_err(|_| no())?;
    let host = origin.domain().ok_or_else(no)?.to_owned();
    let built = WebauthnBuilder::new(&host, &origin).and_then(|builder| builder.rp_name("Brevet").build());
    built.map_err(|_| no())
}

/// What an authenticator knows a person by: nothing that says who they are.
fn handle(person: &str) -> Uuid {
    let digest = Fields::new("brevet passkey handle 1").text(person).finish();
    let bytes: Vec<u8> = digest.as_bytes().iter().take(16).copied().collect();
    Uuid::from_slice(&bytes).unwrap_or_default()
}

fn asked<C: Serialize, S: Serialize>(challenge: &C, state: &S) -> Outcome<Challenge> {
    let mut options = serde_json::to_value(challenge)?;
    let options = options.get_mut("publicKey").map(Value::take).unwrap_or_default();
    Ok(Challenge { options, state: serde_json::to_string(state)? })
}

/// All of a person's.
pub(super) async fn of<C: ConnectionTrait>(connection: &C, person: &str) -> Outcome<Vec<Passkey>> {
    let rows = row::Entity::find().filter(row::Column::Person.eq(person)).all(connection).await?;
    rows.iter().map(|row| Ok(serde_json::from_str(&row.content)?)).collect()
}

/// Asks for a new one; a device that has one of theirs already makes no second.
pub(super) async fn ask_new(app: &App, person: &str, name: &str) -> Outcome<Challenge> {
    let known = of(&app.store.pool, person).await?.iter().map(|key| key.cred_id().clone()).collect();
    let started = with(app)?.start_passkey_registration(handle(person), name, name, Some(known));
    let (challenge, state) = started.map_err(|error| wrong(&error))?;
    let mut asked = asked(&challenge, &state)?;
    // Where a device can find it without a name being typed first, it shall.
    if let Some(selection) = asked.options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".into(), "preferred".into());
    }
    Ok(asked)
}

/// The new one, as it is kept: its name at the authenticator, and its content.
pub(super) fn answer_new(app: &App, state: &str, answer: &str) -> Outcome<(String, String)> {
    let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).map_err(|_| unreadable())?;
    let state: PasskeyRegistration = serde_json::from_str(state)?;
    let key = with(app)?.finish_passkey_registration(&answer, &state).map_err(|error| wrong(&error))?;
    Ok((URL_SAFE_NO_PAD.encode(key.cred_id()), serde_json::to_string(&key)?))
}

fn unreadable() -> Failure {
    Failure::new(brevet_api::rest::Code::Invalid).because("what the browser said of the passkey cannot be read")
}

/// Asks whoever it is.
pub(super) fn ask_anybody(app: &App) -> Outcome<Challenge> {
    let (challenge, state) = with(app)?.start_discoverable_authentication().map_err(|error| wrong(&error))?;
    asked(&challenge, &state)
}

/// Asks for one of a person's.
pub(super) async fn ask(app: &App, person: &str) -> Outcome<Challenge> {
    let keys = of(&app.store.pool, person).await?;
    let (challenge, state) = with(app)?.start_passkey_authentication(&keys).map_err(|error| wrong(&error))?;
    asked(&challenge, &state)
}

/// Whose passkey an answer is by, if it is right; its counter moves on with the change.
pub(super) async fn answer_anybody(change: &Change, state: &str, answer: &str) -> Outcome<row::Model> {
    let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| unreadable())?;
    let state: DiscoverableAuthentication = serde_json::from_str(state)?;
    let webauthn = with(&change.app)?;
    let (who, credential) = webauthn.identify_discoverable_authentication(&answer).map_err(|error| wrong(&error))?;
    let row = row::Entity::find().filter(row::Column::Credential.eq(URL_SAFE_NO_PAD.encode(credential))).one(change.tx()).await?;
    // One that was removed here may still be on the device.
    let row = row.filter(|row| handle(&row.person) == who).ok_or_else(|| wrong(&WebauthnError::CredentialNotFound))?;
    let mut key: Passkey = serde_json::from_str(&row.content)?;
    let done = webauthn.finish_discoverable_authentication_v2(&answer, state, DiscoverableKey::from(&key));
    used(change, row, &mut key, &done.map_err(|error| wrong(&error))?).await
}

/// The same for a person who is known already.
pub(super) async fn answer(change: &Change, person: &str, state: &str, answer: &str) -> Outcome<row::Model> {
    let answer: PublicKeyCredential = serde_json::from_str(answer).map_err(|_| unreadable())?;
    let state: PasskeyAuthentication = serde_json::from_str(state)?;
    let done = with(&change.app)?.finish_passkey_authentication(&answer, &state).map_err(|error| wrong(&error))?;
    let credential = URL_SAFE_NO_PAD.encode(done.cred_id());
    let row = row::Entity::find().filter(row::Column::Credential.eq(credential)).one(change.tx()).await?;
    let row = row.filter(|row| row.person == person).ok_or_else(|| wrong(&WebauthnError::CredentialNotFound))?;
    let mut key: Passkey = serde_json::from_str(&row.content)?;
    used(change, row, &mut key, &done).await
}

async fn used(change: &Change, row: row::Model, key: &mut Passkey, done: &AuthenticationResult) -> Outcome<row::Model> {
    // INVARIANT: the device asked who it is; a mere touch is no second factor.
    if !done.user_verified() {
        return Err(wrong(&WebauthnError::UserNotVerified));
    }
    key.update_credential(done);
    row::Entity::update_many()
        .col_expr(row::Column::Content, Expr::value(serde_json::to_string(key)?))
        .col_expr(row::Column::LastUsed, Expr::value(change.now.millis()))
        .filter(row::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    Ok(row)
}
