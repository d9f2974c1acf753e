//! The route table: each route has a method, a path, an action and words; the router, its guard and the OpenAPI come from it.
//!
//! INVARIANT: a route of `/api/v1` exists only through `Routes::on`, so none exists without an action.

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use brevet_api::rest::Code;
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use super::failure::Failure;
use super::idempotency;
use super::signed_in;
use crate::access::Action;
use crate::app::App;

/// What is said about a route.
#[derive(Clone, Default)]
pub struct Doc {
    /// One sentence.
    pub summary: &'static str,
    /// Names of query parameters.
    pub query: &'static [&'static str],
    /// Name of the request body's schema.
    pub body: Option<String>,
    /// Status and name of the answer's schema.
    pub answer: Option<(u16, String)>,
    /// Whether the answer is a page of it.
    pub page: bool,
    /// Whether `Idempotency-Key` is obeyed.
    pub creates: bool,
    /// Schemas that these names refer to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// Begins what is said about a route.
#[must_use]
pub fn doc(summary: &'static str) -> Doc {
    Doc { summary, ..Doc::default() }
}

impl Doc {
    fn schema<T: ToSchema + PartialSchema>(&mut self) -> String {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        name
    }

    /// The body's type.
    #[must_use]
    pub fn body<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.body = Some(self.schema::<T>());
        self
    }

    /// A body in the TOML form, named as in DESIGN section 14.
    #[must_use]
    pub fn body_named(mut self, name: &str) -> Self {
        self.body = Some(name.into());
        self
    }

    /// The answer's type.
    #[must_use]
    pub fn answer<T: ToSchema + PartialSchema>(mut self, status: u16) -> Self {
        self.answer = Some((status, self.schema::<T>()));
        self
    }

    /// An answer in the TOML form with id, version and moments.
    #[must_use]
    pub fn answer_named(mut self, status: u16, name: &str) -> Self {
        self.answer = Some((status, name.into()));
        self
    }

    /// The answer is a page of the type.
    #[must_use]
    pub const fn page(mut self, query: &'static [&'static str]) -> Self {
        self.page = true;
        self.query = query;
        self
    }

    /// Query parameters.
    #[must_use]
    pub const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    /// The call creates: `Idempotency-Key` is obeyed.
    #[must_use]
    pub const fn creates(mut self) -> Self {
        self.creates = true;
        self
    }
}

/// One route, as the OpenAPI and the tests see it.
#[derive(Clone)]
pub struct Operation {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: Method,
    /// From `/api/v1` on.
    pub path: &'static str,
    /// What it does.
    pub action: Action,
    /// What is said about it.
    pub doc: Doc,
}

/// The table.
pub struct Routes {
    app: App,
    router: Router<App>,
    operations: Vec<Operation>,
}

impl Routes {
    /// An empty table.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), router: Router::new(), operations: Vec::new() }
    }

    /// Adds a route.
    #[must_use]
    pub fn on<H, T>(mut self, method: Method, path: &'static str, action: Action, doc: Doc, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let mut route = on(filter, handler);
        if doc.creates {
            route = route.layer(from_fn_with_state(self.app.clone(), idempotency::layer));
        }
        let guarded = route.layer(from_fn_with_state((self.app.clone(), action), guard));
        self.router = self.router.route(path, guarded);
        self.operations.push(Operation { method, path, action, doc });
        self
    }

    /// Adds a feature's routes.
    #[must_use]
    pub fn with(self, feature: fn(Self) -> Self) -> Self {
        feature(self)
    }

    /// Everything that was added.
    pub fn finish(self) -> (Router<App>, Vec<Operation>) {
        (self.router, self.operations)
    }
}

async fn guard(State((app, action)): State<(App, Action)>, mut request: Request, next: Next) -> Response {
    match signed_in::identify(&app, request.headers()).await {
        Ok(actor) if actor.may(action) => {
            if action == Action::Decide && !actor.decides {
                return Failure::new(Code::TokenMayNotDecide)
                    .hint("make a token with decides = true, or decide in the console")
                    .into_response();
            }
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Ok(actor) => {
            let roles: Vec<&str> = actor.roles.iter().map(|role| crate::access::role_name(*role)).collect();
            Failure::new(Code::Forbidden).because(format!("your roles here ({}) do not allow it", roles.join(", "))).into_response()
        }
        Err(failure) => failure.into_response(),
    }
}
