//! What is said about a route: the router obeys it (query, `If-Match`, `Idempotency-Key`) and the OpenAPI describes it.

use super::sort::Names;
use brevet_api::rest::Code;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// What is said about a route.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own that a route has or has not")]
pub struct Doc {
    /// One sentence.
    pub summary: &'static str,
    /// Query parameters; a call with any other is refused.
    pub query: Vec<Parameter>,
    /// Query parameters that only have a name.
    pub plain_query: &'static [&'static str],
    /// Name of the request body's schema.
    pub body: Option<String>,
    /// Status and name of the answer's schema.
    pub answer: Option<(u16, String)>,
    /// Media types of an answer that is a stream of text.
    pub streams: &'static [&'static str],
    /// Whether the answer is a page of it.
    pub page: bool,
    /// What the list can be ordered by, and how it usually is.
    pub sorted: Option<(Names, &'static str)>,
    /// Whether `Idempotency-Key` is obeyed.
    pub creates: bool,
    /// Whether the answer holds a secret, which is never kept.
    pub secret: bool,
    /// Whether the answer has an `ETag`.
    pub tagged: bool,
    /// Whether `If-Match` is obeyed.
    pub takes_match: bool,
    /// Whether `If-Match` must be there.
    pub needs_match: bool,
    /// Whether four eyes can make a proposal of the call.
    pub proposes: bool,
    /// Codes that only this route gives; those of its shape are known.
    pub fails: Vec<Code>,
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

    /// The answer is a stream of text in one of these media types.
    #[must_use]
    pub const fn streams(mut self, media_types: &'static [&'static str]) -> Self {
        self.streams = media_types;
        self
    }

    /// The answer is a page of the type; further query parameters by name alone.
    #[must_use]
    pub const fn page(mut self, query: &'static [&'static str]) -> Self {
        self.page = true;
        self.plain_query = query;
        self
    }

    /// What the list can be ordered by with `sort`, and how it usually is.
    #[must_use]
    pub const fn sorted_by(mut self, names: Names, usual: &'static str) -> Self {
        self.sorted = Some((names, usual));
        self
    }

    /// Query parameters by name alone.
    #[must_use]
    pub const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.plain_query = query;
        self
    }

    /// Query parameters with their types.
    #[must_use]
    pub fn filters<Q: IntoParams>(mut self) -> Self {
        self.query = Q::into_params(|| Some(ParameterIn::Query));
        self
    }

    /// Leaves parameters out that the type has for another route.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.query.retain(|parameter| !names.contains(&parameter.name.as_str()));
        self
    }

    /// The call creates, or must not be done twice by mistake: `Idempotency-Key` is obeyed.
    #[must_use]
    pub const fn creates(mut self) -> Self {
        self.creates = true;
        self
    }

    /// As `creates`, with an answer that holds a secret: it is shown once and not kept.
    #[must_use]
    pub const fn creates_secret(mut self) -> Self {
        self.creates = true;
        self.secret = true;
        self
    }

    /// The answer has an `ETag`.
    #[must_use]
    pub const fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// `If-Match` is obeyed where sent.
    #[must_use]
    pub const fn takes_match(mut self) -> Self {
        self.takes_match = true;
        self
    }

    /// `If-Match` must be sent: without it somebody else's change could be lost.
    #[must_use]
    pub const fn needs_match(mut self) -> Self {
        self.takes_match = true;
        self.needs_match = true;
        self
    }

    /// Codes that this route gives beside those of its shape.
    #[must_use]
    pub fn fails(mut self, codes: &[Code]) -> Self {
        self.fails.extend_from_slice(codes);
        self
    }

    /// Every query parameter that a call may have.
    #[must_use]
    pub fn query_names(&self) -> Vec<String> {
        let paging: &[&str] = if self.page { &["limit", "cursor"] } else { &[] };
        let mut names: Vec<String> = self.query.iter().map(|parameter| parameter.name.clone()).collect();
        names.extend(self.sorted.map(|_| "sort".to_owned()));
        names.extend(paging.iter().chain(self.plain_query).map(|name| (*name).to_owned()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every code that a call can be answered with.
    #[must_use]
    pub fn codes(&self, path: &str) -> Vec<Code> {
        let mut codes = vec![Code::Unauthenticated, Code::Forbidden, Code::Malformed, Code::RateLimited, Code::Internal, Code::Unavailable];
        if path.contains('{') {
            codes.push(Code::NotFound);
        }
        if self.body.is_some() {
            codes.extend([Code::TooLarge, Code::MediaType, Code::TooSlow, Code::Invalid]);
        }
        if self.creates {
            codes.extend([Code::IdempotencyMismatch, Code::IdempotencyRunning, Code::AlreadyDone]);
        }
        if self.takes_match {
            codes.push(Code::VersionMismatch);
        }
        if self.needs_match {
            codes.push(Code::PreconditionRequired);
        }
        if self.proposes {
            codes.push(Code::TooMany);
        }
        codes.extend_from_slice(&self.fails);
        codes.sort_unstable_by_key(|code| (code.status(), code.as_str()));
        codes.dedup();
        codes
    }
}
