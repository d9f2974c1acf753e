//! Whoever is signed in to the console, and what they do: every page calls the routes of `/api/v1` from inside, so that a page can do
//! nothing that the API cannot, and passes the same checks, the same four eyes and the same limits.
//!
//! It never reaches the store for what a route gives.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::proposal::Proposal;
use brevet_api::rest::{Code, Page};
use brevet_core::digest::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use super::shell::{Place, Shell};
use super::{live, signed_out};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::failure::{Failure, Outcome, Said};
use crate::http::signed_in::{identify_signed_in, seen, session_secret};
use crate::store::entities::console_session;

/// What any answer of a route has at most; the largest page of a list is far below.
const MOST: usize = 32 << 20;

/// Where pages hear that there is something new.
pub(super) const LIVE: &str = "/live";

/// A call that a page makes for whoever is signed in. It comes from inside alone: nothing that is read from a connection can carry it.
#[derive(Clone)]
pub(crate) struct ForVisitor {
    actor: Actor,
    session: Digest,
}

impl ForVisitor {
    pub(crate) const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What its calls are counted by.
    pub(crate) const fn session(&self) -> Digest {
        self.session
    }
}

/// The routes of `/api/v1`, for calls from inside.
#[derive(Clone)]
pub(super) struct Inside(pub Router);

/// Who looks at a page.
pub(crate) struct Visitor {
    pub app: App,
    /// Who it is.
    pub actor: Actor,
    /// Where they are signed in.
    pub signed: console_session::Model,
    pub session: Digest,
    inside: Router,
    theme: &'static str,
    /// Whether they still have to set up what they sign in with.
    pub(super) invited: bool,
    said: Option<String>,
    path: String,
    news: String,
}

/// What became of a change.
pub(crate) enum Made<T> {
    /// It is made.
    Now(T),
    /// A second person has to confirm it first.
    Proposed(Box<Proposal>),
}

impl Visitor {
    /// Counts what a page does itself as a call, which those of the routes inside are by their guard.
    ///
    /// # Errors
    /// `rate_limited`, with when to try again.
    pub(crate) fn admit(&self) -> Outcome<()> {
        self.app.limits.admit_token(&self.app.config.limits, self.session)
    }

    /// Reads by a route, `path` from `/api/v1` on.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        Ok(self.read_tagged(path).await?.1)
    }

    /// The same with its ETag, as `If-Match` takes it.
    pub async fn read_tagged<T: DeserializeOwned>(&self, path: &str) -> Outcome<(String, T)> {
        let response = self.send(Method::GET, path, None, Body::empty()).await?;
        let tag = response.headers().get(header::ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok((tag, body(response).await?))
    }

    /// Reads what there may be none of, or what they may not know of.
    pub async fn find<T: DeserializeOwned>(&self, path: &str) -> Outcome<Option<T>> {
        match self.read(path).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if matches!(failure.code, Code::NotFound | Code::Forbidden) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads a list that was chosen by what somebody filled in: what is wrong with that is said, beside an empty list.
    pub async fn chosen<T: DeserializeOwned>(&self, path: &str) -> Outcome<(Page<T>, Option<String>)> {
        match self.read(path).await {
            Ok(page) => Ok((page, None)),
            Err(why) if matches!(why.code, Code::NotFound | Code::Malformed) => {
                Ok((Page { items: Vec::new(), next: None }, Some(why.words())))
            }
            Err(why) => Err(why),
        }
    }

    /// Changes by a route, with a body, and with the version that they saw where it is to be the one that is there.
    pub async fn change<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        seen: Option<&str>,
        with: &B,
    ) -> Outcome<Made<T>> {
        made(self.send(method, path, seen, Body::from(serde_json::to_vec(with)?)).await?).await
    }

    /// The same without a body.
    pub async fn act<T: DeserializeOwned>(&self, method: Method, path: &str, seen: Option<&str>) -> Outcome<Made<T>> {
        made(self.send(method, path, seen, Body::empty()).await?).await
    }

    /// Passes a route's answer on as it is: a download.
    pub async fn pass(&self, path: &str) -> Outcome<Response> {
        self.send(Method::GET, path, None, Body::empty()).await
    }

    async fn send(&self, method: Method, path: &str, seen: Option<&str>, body: Body) -> Outcome<Response> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(seen) = seen {
            request = request.header(header::IF_MATCH, seen);
        }
        let mut request = request.body(body).map_err(Failure::internal)?;
        request.extensions_mut().insert(ForVisitor { actor: self.actor.clone(), session: self.session });
        let mut response = self.inside.clone().oneshot(request).await.map_err(Failure::internal)?;
        if response.status().is_success() {
            return Ok(response);
        }
        match response.extensions_mut().remove::<Said>() {
            Some(said) => Err(said.into()),
            None => Err(Failure::internal(format!("{path} answered {} without a problem", response.status()))),
        }
    }

    /// Whether any of their roles may do this: what they may not is not offered.
    pub fn may(&self, action: Action) -> bool {
        self.actor.may(action)
    }

    /// What stands around each page.
    pub fn shell(&self, place: Place, title: impl Into<String>) -> Shell {
        Shell::new(self, place, title.into())
    }

    pub(super) const fn theme(&self) -> &'static str {
        self.theme
    }

    pub(super) fn said(&self) -> Option<&'static str> {
        super::said::words(self.said.as_deref()?)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What there was to tell when the page began to be made: everything up to there is on it.
    pub(super) fn news(&self) -> &str {
        &self.news
    }
}

async fn body<T: DeserializeOwned>(response: Response) -> Outcome<T> {
    let bytes = to_bytes(response.into_body(), MOST).await.map_err(Failure::internal)?;
    // 204 says nothing.
    let bytes = if bytes.is_empty() { "null".into() } else { bytes };
    Ok(serde_json::from_slice(&bytes)?)
}

async fn made<T: DeserializeOwned>(response: Response) -> Outcome<Made<T>> {
    if response.status() == StatusCode::ACCEPTED {
        return Ok(Made::Proposed(Box::new(body(response).await?)));
    }
    Ok(Made::Now(body(response).await?))
}

/// One part of an address, as a path takes it.
pub(crate) fn part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A query, from what was said of it; empty values say nothing.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    let text = query.finish();
    if text.is_empty() { text } else { format!("?{text}") }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let part = parts.headers.contains_key("hx-request");
        // Before anything is read for the page.
        let news = live::position(app);
        let Some(Inside(inside)) = parts.extensions.get::<Inside>().cloned() else {
            return Err(Failure::internal("the console has no routes inside").into_response());
        };
        let (actor, signed) = match identify_signed_in(app, &parts.headers).await {
            Ok(found) => found,
            Err(failure) if failure.code == Code::Unauthenticated => return Err(stranger(app, parts, part, &path)),
            Err(failure) => return Err(failure.into_response()),
        };
        let Some(session) = session_secret(&parts.headers).map(crate::http::signed_in::hash) else {
            return Err(Failure::new(Code::Unauthenticated).into_response());
        };
        // What a page asks for by itself, while nobody looks, keeps nobody signed in.
        if !part && parts.uri.path() != LIVE {
            seen(app, &signed);
        }
        let invited = !part && signed.way == "link" && nothing_set_up(app, &actor).await.map_err(|failure| failure.into_response())?;
        let said = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "said")
            .map(|(_, value)| value.into_owned());
        Ok(Self { app: app.clone(), actor, signed, invited, session, inside, theme: super::theme::of(&parts.headers), said, path, news })
    }
}

async fn nothing_set_up(app: &App, actor: &Actor) -> Outcome<bool> {
    crate::sign_in::suffices(app, actor.person.as_str()).await.map(|suffices| !suffices)
}

/// Nobody is signed in: looking leads to the sign-in and back, and a form is not lost. What an open page asks for by itself leaves that
/// page as it is, with all that is typed there.
fn stranger(app: &App, parts: &Parts, part: bool, path: &str) -> Response {
    if parts.uri.path() == LIVE {
        return live::signed_out();
    }
    if part {
        return signed_out::part(app, &parts.headers);
    }
    if parts.method == Method::GET {
        return Redirect::to(&format!("/sign-in{}", query([("next", path)]))).into_response();
    }
    signed_out::page()
}
