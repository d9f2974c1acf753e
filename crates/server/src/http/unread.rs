//! What of a call's body nobody read: a refusal comes before the body. Over HTTP/2 a stream that is dropped with half of its body
//! unread is reset, upon which some clients throw the answer away. Over HTTP/1.1 the connection is closed without a word of that
//! in the answer: who is still sending the body, or sends the next call, finds it broken. So the rest is read and thrown away
//! here, while the answer is on its way.
//!
//! INVARIANT: nothing of it is kept, and it is bounded in bytes and in time: what is larger or slower is cut off after all.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;

use super::extract::MAX_BODY;
use crate::app::App;

/// A body that the handler reads from, and of which we keep hold.
#[derive(Clone)]
struct Lent(Arc<Mutex<Option<BodyDataStream>>>);

impl Lent {
    fn next(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = body.as_mut() else { return Poll::Ready(None) };
        let next = stream.poll_next_unpin(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            *body = None;
        }
        next
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    async fn throw_away(self) {
        let mut left = MAX_BODY;
        let mut rest = poll_fn(|context| self.next(context));
        while let Some(Ok(bytes)) = rest.next().await {
            let Some(less) = left.checked_sub(bytes.len()) else { return };
            left = less;
        }
    }
}

pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Larger than what is read here: the connection ends with this answer, which then says so.
    let (version, last) = (request.version(), request.body().size_hint().lower() > MAX_BODY as u64);
    let (parts, body) = request.into_parts();
    let lent = Lent(Arc::new(Mutex::new(Some(body.into_data_stream()))));
    let reading = lent.clone();
    let body = Body::from_stream(poll_fn(move |context| reading.next(context)));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if !lent.is_over() {
        if last && version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let longest = std::time::Duration::from_millis(app.config.limits.body_timeout.millis());
        tokio::spawn(tokio::time::timeout(longest, lent.throw_away()));
    }
    response
}
