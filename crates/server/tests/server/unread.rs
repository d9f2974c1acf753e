//! A refusal arrives whole: what of the body nobody reads is taken all the same, so that over HTTP/2 the stream is not reset, and
//! over HTTP/1.1 the connection stays.

use std::io::{Read, Write as _};
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

/// The next answer's status and head, its body read.
fn answer(stream: &mut impl Read) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), head)
}

fn head(token: &str, method: &str, path: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_over_http_1_leaves_the_connection_to_the_body_and_to_the_next_call() {
    let server = Server::start().await;
    let (place, token) = (server.place(), server.owner.token.clone());
    let calls = move || {
        let mut stream = place.connect();
        let refused = [
            ("brv_nobody", "POST", "/api/v1/policies", "401"),
            (&token, "POST", "/api/v1/policies", "415"),
            (&token, "POST", "/api/v1/nothing", "404"),
            (&token, "PUT", "/api/v1/policies", "405"),
            (&token, "DELETE", "/api/v1/groups/none", "428"),
            (&token, "GET", "/api/v1/me", "200"),
        ];
        for (token, method, path, status) in refused {
            // The answer is there before the body, as when its sender was not given the processor.
            for length in [1, 1 << 20] {
                stream.write_all(head(token, method, path, length).as_bytes()).unwrap();
                let (said, head) = answer(&mut stream);
                assert_eq!(said, status, "{method} {path}: {head}");
                assert!(!head.contains("connection: close"), "{head}");
                stream.write_all(&vec![b'x'; length]).unwrap();
            }
        }
        // More than anybody reads: it is said that this is the end, and it is one.
        stream.write_all(head(&token, "POST", "/api/v1/policies", 1 << 30).as_bytes()).unwrap();
        let (said, head) = answer(&mut stream);
        assert!(said == "413" || said == "415", "{head}");
        assert!(head.contains("connection: close"), "{head}");
    };
    tokio::task::spawn_blocking(calls).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_comes_is_not_waited_for() {
    let mut config = crate::support::config();
    config.limits.body_timeout = "1s".parse().unwrap();
    let server = Server::with(config).await;
    let place = server.place();
    let call = move || {
        let mut stream = place.connect();
        stream.write_all(head("brv_nobody", "POST", "/api/v1/policies", 100).as_bytes()).unwrap();
        assert_eq!(answer(&mut stream).0, "401");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{}", String::from_utf8_lossy(&rest));
    };
    tokio::task::spawn_blocking(call).await.unwrap();
}
