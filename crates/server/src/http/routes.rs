//! The route table: each route has a method, a path, an action and words; the router, its guard and the OpenAPI come from it.
//!
//! INVARIANT: a route of `/api/v1` exists only through `Routes::on`, so none exists without an action.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};

pub use super::doc::{Doc, doc};
use super::{creating, guard};
use crate::access::Action;
use crate::app::App;

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
        let mut doc = doc;
        if crate::proposals::guards(&method, path, action) {
            doc.proposes = true;
            route = route.layer(from_fn_with_state((self.app.clone(), path), crate::proposals::layer));
        }
        if doc.creates {
            route = route.layer(from_fn_with_state((self.app.clone(), doc.secret), creating::layer));
        }
        let entry = guard::Entry { app: self.app.clone(), action, query: doc.query_names(), needs_match: doc.needs_match };
        let guarded = route.layer(from_fn_with_state(Arc::new(entry), guard::guard));
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
