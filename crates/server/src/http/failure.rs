//! Failures of a call: a stable code, words for outside, and the cause for the log alone.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use brevet_api::rest::error::FieldError;
use brevet_api::rest::{Code, Problem};

use crate::clock::NoRandomness;

/// Why a call did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub code: Code,
    detail: Option<String>,
    hint: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    by_role: bool,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What features give back.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// With a code alone.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, hint: None, errors: Vec::new(), retry_after: None, by_role: false, cause: None }
    }

    /// Nobody with these roles may do this.
    #[must_use]
    pub fn by_role(roles: &str) -> Self {
        let refused = Self::new(Code::Forbidden).because(format!("your roles here ({roles}) do not allow it"));
        Self { by_role: true, ..refused }
    }

    /// What exactly; user input in it must be quoted and escaped.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// In how many seconds it may go better.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// One wrong field.
    #[must_use]
    pub fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Code::Invalid).and(field, reason)
    }

    /// Another wrong field.
    #[must_use]
    pub fn and(mut self, field: impl Into<String>, reason: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), reason: reason.into() });
        self
    }

    /// There is none of that name or id.
    #[must_use]
    pub fn not_found(kind: &str, name: &str) -> Self {
        Self::new(Code::NotFound).because(format!("there is no {kind} {:?}", name))
    }

    /// Whether the database did not answer as it should: nothing more is to be done in that change.
    #[must_use]
    pub fn is_of_database(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.is::<sea_orm::DbErr>())
    }

    /// Whether it is a fault of ours, which is said nowhere but in the log.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.code == Code::Internal
    }

    /// What a form can say beside its fields; else it is a page of its own: who may not send a form is not offered it, and would not see
    /// there why.
    ///
    /// # Errors
    /// Itself.
    pub fn at_form(self) -> Outcome<Self> {
        if self.by_role { Err(self) } else { Ok(self) }
    }

    /// What to show of it beside a form: what exactly, every wrong field, and what to do next.
    #[must_use]
    pub fn words(&self) -> String {
        let fields = self.errors.iter().map(|one| format!("{}: {}", one.field, one.reason));
        let title = (self.code != Code::Invalid).then(|| self.code.title().to_owned());
        title.into_iter().chain(self.detail.clone()).chain(fields).chain(self.hint.clone()).collect::<Vec<_>>().join(". ")
    }

    /// What is wrong with this field, to show at it.
    #[must_use]
    pub fn at(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|one| one.field == field).map(|one| one.reason.as_str())
    }

    /// Every wrong field.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// What is wrong with a control of a form: whatever field, or part of one, has its name.
    #[must_use]
    pub fn about(&self, control: &str) -> Option<String> {
        let of_it = |field: &str| field.split(['.', '[']).any(|part| part == control);
        let reasons: Vec<&str> = self.errors.iter().filter(|one| of_it(&one.field)).map(|one| one.reason.as_str()).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// A fault of ours; the cause goes to the log.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(Code::Internal) }
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(cause: sea_orm::DbErr) -> Self {
        Self::internal(cause)
    }
}
impl From<NoRandomness> for Failure {
    fn from(cause: NoRandomness) -> Self {
        Self::internal(cause)
    }
}
impl From<serde_json::Error> for Failure {
    fn from(cause: serde_json::Error) -> Self {
        Self::internal(cause)
    }
}
impl From<brevet_core::document::DocumentError> for Failure {
    fn from(cause: brevet_core::document::DocumentError) -> Self {
        match cause {
            brevet_core::document::DocumentError::TooLarge { limit } => {
                Self::new(Code::Invalid).because(format!("a document would have more than {limit} bytes, which no computer takes"))
            }
            other => Self::internal(other),
        }
    }
}
impl From<brevet_core::id::IdError> for Failure {
    fn from(cause: brevet_core::id::IdError) -> Self {
        Self::internal(cause)
    }
}

/// A failure on its way out: `calls::around` gives it the request id and the address of the page that says more.
#[derive(Debug, Clone)]
pub(crate) struct Said(pub(crate) Saying);

#[derive(Debug, Clone)]
pub(crate) struct Saying {
    code: Code,
    detail: Option<String>,
    hint: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    by_role: bool,
}

/// A call from inside failed: so does what made it.
impl From<Said> for Failure {
    fn from(Said(said): Said) -> Self {
        Self {
            code: said.code,
            detail: said.detail,
            hint: said.hint,
            errors: said.errors,
            retry_after: said.retry_after,
            by_role: said.by_role,
            cause: None,
        }
    }
}

impl Saying {
    /// What it is, in words.
    pub fn title(&self) -> &'static str {
        self.code.title()
    }

    /// What exactly, or nothing.
    pub fn detail(&self) -> &str {
        self.detail.as_deref().unwrap_or_default()
    }

    /// What to do next, or nothing.
    pub fn hint(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// Every wrong field.
    pub fn errors(&self) -> impl Iterator<Item = &FieldError> {
        self.errors.iter()
    }

    /// The same answer with its body.
    pub(super) fn put_into(self, response: Response, request_id: &str, url: &str) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(self.body(request_id, url)))
    }

    fn body(self, request_id: &str, url: &str) -> Vec<u8> {
        let problem = Problem {
            kind: format!("{url}/problems/{}", self.code.as_str()),
            title: self.code.title().into(),
            status: self.code.status(),
            code: self.code.as_str().into(),
            detail: self.detail,
            hint: self.hint,
            errors: self.errors,
            request_id: request_id.into(),
        };
        serde_json::to_vec(&problem).unwrap_or_default()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            // The span has the request id.
            tracing::error!(cause = %chain(cause.as_ref()), "a call failed");
        }
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let saying = Saying {
            code: self.code,
            detail: self.detail,
            hint: self.hint,
            errors: self.errors,
            retry_after: self.retry_after,
            by_role: self.by_role,
        };
        let mut response = (status, saying.clone().body("none", "")).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Said(saying));
        response
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
