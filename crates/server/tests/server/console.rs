//! Signing in by a link, once; and a page that shows without letting anything act.

use reqwest::StatusCode;
use serde_json::json;

use crate::agent::Agent;
use crate::support::{Server, request_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_signs_in_once_and_the_page_is_escaped() {
    let server = Server::start().await;
    let mut policy = request_policy("p");
    policy["description"] = json!("<script>");
    let policy = server.owner.post("/policies", policy).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = "<script>alert(1)</script>\u{1b}[2J".into();
    let id = request.id.clone();
    let record = agent.record(&brevet_core::record::Body::RequestCreated(Box::new(request)));
    agent.deliver(vec![record]).await;

    let home = format!("{}/", server.url);
    assert_eq!(server.http.get(&home).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    for _ in 0..2 {
        let looked = server.http.get(&server.sign_in).send().await.unwrap();
        assert!(looked.text().await.unwrap().contains("<button"), "looking uses nothing up");
    }
    let signed = server.http.post(&server.sign_in).send().await.unwrap();
    assert_eq!(signed.status(), StatusCode::SEE_OTHER);
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-brevet=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(server.http.post(&server.sign_in).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = server.http.get(&home).header("cookie", &cookie).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("script"));
    let text = page.text().await.unwrap();
    assert!(text.contains("owner") && text.contains("web-1") && text.contains("alice"));
    assert!(!text.contains("<script") && !text.contains('\u{1b}'), "{text}");
    // A notification's link shows that request, and to strangers not even whether there is one.
    let (link, nothing) = (format!("{}/requests/{id}", server.url), format!("{}/requests/nothing", server.url));
    for address in [&link, &nothing] {
        assert_eq!(server.http.get(address).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let shown = server.http.get(&link).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(shown.status(), StatusCode::OK);
    let text = shown.text().await.unwrap();
    assert!(text.contains("brevetctl request approve") && text.contains("/usr/bin/true") && text.contains("role:approver"), "{text}");
    assert!(!text.contains("<script") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(server.http.get(&nothing).header("cookie", &cookie).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // The cookie is for the console alone.
    let api = server.http.get(format!("{}/api/v1/me", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED);
    server.http.post(format!("{}/sign-out", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(server.http.get(&home).header("cookie", &cookie).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}
