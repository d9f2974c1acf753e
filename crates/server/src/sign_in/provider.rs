//! The provider of single sign-on (OpenID Connect): code flow with PKCE, state and nonce. It says who somebody is; whether they come in is
//! decided in `identity`.
//!
//! It is asked at the first sign-in, not at the start: a provider that is away keeps nobody from anything else.

use std::time::Duration;

use brevet_core::time::{Length, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenClaims, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::clock;
use crate::config::OpenId;
use crate::http::failure::{Failure, Outcome};

/// The provider answers within this, or is away.
const LONGEST: Duration = Duration::from_secs(10);
/// No answer of it has more.
const MOST: usize = 1 << 20;
/// What it says of itself is asked for again after this.
const KNOWN_FOR: Length = Length::from_hours(1);

/// Where the provider leads back to.
pub(super) const BACK: &str = "/sign-in/single/back";

/// What it says of itself, and since when that is known here.
#[derive(Default)]
pub(super) struct Known(tokio::sync::Mutex<Option<(Timestamp, CoreProviderMetadata)>>);

/// Every claim beside those that the standard names.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Ready = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

#[derive(Debug, thiserror::Error)]
enum Asking {
    #[error("it does not answer")]
    Http(#[from] reqwest::Error),
    #[error("it answers with more than 1 MiB")]
    TooLarge,
    #[error("its answer cannot be read")]
    Answer(#[from] axum::http::Error),
}

/// What is kept between leaving for the provider and coming back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Left {
    state: String,
    nonce: String,
    verifier: String,
}

/// The provider is away, or says what it must not: said in general, and exactly in the log.
fn away(what: &str, error: impl std::fmt::Display) -> Failure {
    tracing::warn!(%error, "single sign-on: {what}");
    Failure::new(brevet_api::rest::Code::Unavailable)
        .because(format!("single sign-on does not work now: {what}"))
        .hint("sign in another way; the server's log says more")
}

fn http(config: &OpenId) -> Outcome<reqwest::Client> {
    // A redirect could lead anywhere.
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(LONGEST);
    if let Some(ca) = &config.ca {
        let pem = std::fs::read(ca).map_err(|error| away("openid.ca cannot be read", error))?;
        let certificate = reqwest::Certificate::from_pem(&pem).map_err(|error| away("openid.ca is no certificate", error))?;
        builder = builder.tls_certs_merge([certificate]);
    }
    builder.build().map_err(|error| away("no connection can be made", error))
}

async fn call(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Asking> {
    let (parts, body) = request.into_parts();
    let asked = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let mut answer = asked.send().await?;
    let mut built = axum::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        built = built.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            return Err(Asking::TooLarge);
        }
    }
    Ok(built.body(body)?)
}

async fn known(app: &App, config: &OpenId, anew: bool) -> Outcome<CoreProviderMetadata> {
    let mut known = app.sign_in.provider.0.lock().await;
    let now = app.clock.now();
    if let Some((since, metadata)) = known.as_ref().filter(|(since, _)| !anew && since.plus(KNOWN_FOR) > now) {
        tracing::trace!(%since, "the provider is known");
        return Ok(metadata.clone());
    }
    let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|error| away("openid.issuer is no address", error))?;
    let client = http(config)?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &|request| call(client.clone(), request)).await;
    let metadata = metadata.map_err(|error| away("the provider does not say how it works", error))?;
    *known = Some((now, metadata.clone()));
    Ok(metadata)
}

/// Where to send the browser, and what is kept until it comes back.
pub(super) async fn leave(app: &App, config: &OpenId) -> Outcome<(String, Left)> {
    let metadata = known(app, config, false).await?;
    let left = Left { state: clock::secret()?, nonce: clock::secret()?, verifier: clock::secret()? };
    let verifier = PkceCodeVerifier::new(left.verifier.clone());
    let back = RedirectUrl::new(format!("{}{BACK}", app.url)).map_err(Failure::internal)?;
    let client = ready(config, metadata, None).set_redirect_uri(back);
    let (state, nonce) = (left.state.clone(), left.nonce.clone());
    let mut asked = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    for scope in &config.scopes {
        asked = asked.add_scope(Scope::new(scope.clone()));
    }
    Ok((asked.url().0.to_string(), left))
}

impl Left {
    /// Whether this is the browser's way back from where it was sent.
    pub fn is_from(&self, state: &str) -> bool {
        crate::http::signed_in::hash(&self.state) == crate::http::signed_in::hash(state)
    }
}

/// What the provider says of whoever came back: every claim, of the signed token first.
pub(super) async fn claims(app: &App, config: &OpenId, left: Left, code: String) -> Outcome<Map<String, Value>> {
    let metadata = known(app, config, false).await?;
    let secret = config.secret().map_err(|error| away("openid.client_secret_file cannot be read", error))?;
    let client = http(config)?;
    let ask = |request| call(client.clone(), request);
    let back = RedirectUrl::new(format!("{}{BACK}", app.url)).map_err(Failure::internal)?;
    let ready_now = ready(config, metadata, Some(&secret)).set_redirect_uri(back);
    let asked = ready_now.exchange_code(AuthorizationCode::new(code)).map_err(|error| away("the provider has no tokens", error))?;
    let tokens = asked.set_pkce_verifier(PkceCodeVerifier::new(left.verifier)).request_async(&ask).await;
    let tokens = tokens.map_err(|error| away("the provider gave no token", error))?;
    let nonce = Nonce::new(left.nonce);
    let claims = match verified(&ready_now, &tokens, &nonce) {
        Ok(claims) => claims,
        // Its keys may have changed since they were asked for.
        Err(_) => verified(&ready(config, known(app, config, true).await?, Some(&secret)), &tokens, &nonce)
            .map_err(|error| away("what the provider signed is not right", error))?,
    };
    let subject = claims.subject().clone();
    // What is not in the token itself it says to whoever has the other one.
    let mut all = Map::new();
    if let Ok(asked) = ready_now.user_info(tokens.access_token().clone(), Some(subject)) {
        let more: Result<UserInfoClaims<Others, CoreGenderClaim>, _> = asked.request_async(&ask).await;
        all = object(serde_json::to_value(more.map_err(|error| away("the provider does not say more of the person", error))?)?);
    }
    all.extend(object(serde_json::to_value(claims)?));
    Ok(all)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn ready(config: &OpenId, metadata: CoreProviderMetadata, secret: Option<&str>) -> Ready {
    let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
    Ready::from_provider_metadata(metadata, ClientId::new(config.client_id.clone()), secret)
}

/// The claims of the token, if it is signed by the provider, for this server, for this sign-in, and not over.
fn verified(client: &Ready, tokens: &Tokens, nonce: &Nonce) -> Result<IdTokenClaims<Others, CoreGenderClaim>, String> {
    let token = tokens.extra_fields().id_token().ok_or("it has no identity token")?;
    token.claims(&client.id_token_verifier(), nonce).cloned().map_err(|error| error.to_string())
}
