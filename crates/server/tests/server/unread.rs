//! A refusal over HTTP/2 arrives whole: what of the body nobody reads is taken all the same, so that the stream is not reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use reqwest::{StatusCode, Version};

use crate::support::Server;

const CHUNK: usize = 16 << 10;

/// Sends a body chunk by chunk; the answer's status, once all of the body was taken.
async fn sent(server: &Server, token: &str, chunks: usize) -> StatusCode {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let body = stream::iter(0..chunks).map(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b'x'; CHUNK])
    });
    let url = format!("{}/api/v1/policies", server.url);
    let request = server.http.post(url).bearer_auth(token).header("content-type", "text/plain").body(reqwest::Body::wrap_stream(body));
    let response = request.send().await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(text.contains("\"code\""), "{text}");
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while taken.load(Ordering::Relaxed) < chunks {
        assert!(tokio::time::Instant::now() < end, "the body was not taken: {} of {chunks}", taken.load(Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_does_not_reset_a_stream_whose_body_still_comes() {
    let server = Server::start().await;
    let auditor = server.person("ann", &["auditor"], false).await;
    // Four megabytes: more than any window, so that only a server that reads lets all of it through.
    for _ in 0..3 {
        assert_eq!(sent(&server, "brv_nobody", 256).await, StatusCode::UNAUTHORIZED);
        assert_eq!(sent(&server, &auditor.token, 256).await, StatusCode::FORBIDDEN);
        assert_eq!(sent(&server, &server.owner.token, 256).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
