//! Signing in by a link, once; and a page that shows without letting anything act.

use reqwest::StatusCode;
use serde_json::json;

use crate::agent::Agent;
use crate::support::{Server, posted, request_policy};

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
    let stranger = server.http.get(&home).send().await.unwrap();
    assert_eq!((stranger.status(), stranger.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/sign-in?next=%2F"));
    for _ in 0..2 {
        let looked = server.http.get(&server.sign_in).send().await.unwrap();
        assert!(looked.text().await.unwrap().contains("<button"), "looking uses nothing up");
    }
    let signed = server.http.post(&server.sign_in).send().await.unwrap();
    assert_eq!(signed.status(), StatusCode::SEE_OTHER);
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-brevet=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(server.http.post(&server.sign_in).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = server.http.get(&home).header("cookie", &cookie).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("owner") && text.contains("web-1") && text.contains("alice"));
    assert!(!text.contains("<script>") && !text.contains('\u{1b}'), "{text}");
    // A notification's link shows that request, and to strangers not even whether there is one.
    let (link, nothing) = (format!("{}/requests/{id}", server.url), format!("{}/requests/nothing", server.url));
    for address in [&link, &nothing] {
        assert_eq!(server.http.get(address).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    }
    let shown = server.http.get(&link).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(shown.status(), StatusCode::OK);
    let text = shown.text().await.unwrap();
    assert!(text.contains("Approve") && text.contains("/usr/bin/true") && text.contains("whoever has the role approver"), "{text}");
    assert!(!text.contains("<script>") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(server.http.get(&nothing).header("cookie", &cookie).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    // The cookie is for the console alone.
    let api = server.http.get(format!("{}/api/v1/me", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(api.status(), StatusCode::UNAUTHORIZED);
    server.http.post(format!("{}/sign-out", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(server.http.get(&home).header("cookie", &cookie).send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let late = posted(server.http.post(format!("{link}/approve")).header("cookie", &cookie), [("code", "x")]).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
    assert!(late.text().await.unwrap().contains("what you filled in is not lost"));
}

/// A pending request, and its owner signed in.
async fn waiting() -> (Server, Agent, String, String) {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.request("alice", &policy, "30m");
    let id = request.id.to_string();
    let record = agent.record(&brevet_core::record::Body::RequestCreated(Box::new(request)));
    agent.deliver(vec![record]).await;
    let signed = server.http.post(&server.sign_in).send().await.unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    (server, agent, id, cookie)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_decided_on_its_page_and_what_is_wrong_is_said_at_the_form() {
    let (server, _agent, id, cookie) = waiting().await;
    let code = server.owner.read(&format!("/requests/{id}")).await.ok()["code"].as_str().unwrap().to_owned();
    let approve = |form: Vec<(&'static str, String)>, site: &'static str| {
        let call = server.http.post(format!("{}/requests/{id}/approve", server.url)).header("cookie", &cookie);
        posted(call.header("sec-fetch-site", site), form).send()
    };
    let form =
        |length: &str, code: &str| vec![("for", length.to_owned()), ("comment", "keep <this>".to_owned()), ("code", code.to_owned())];
    for (length, why) in [("soon", "for:"), ("40m", "30m was asked for")] {
        let wrong = approve(form(length, &code), "same-origin").await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let text = wrong.text().await.unwrap();
        assert!(text.contains(why) && text.contains("keep &#60;this&#62;") && text.contains(&format!("value=\"{length}\"")), "{text}");
    }
    // Another site's form, and one that showed another request.
    let foreign = approve(form("5m", &code), "cross-site").await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let other = approve(form("5m", "AAAA-AAAA-AAAA"), "same-origin").await.unwrap();
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.owner.read(&format!("/requests/{id}")).await.ok()["state"], "pending");
    let done = approve(form("5m", &code), "same-origin").await.unwrap();
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    let shown = server.owner.read(&format!("/requests/{id}")).await.ok();
    assert_eq!((shown["state"].as_str(), shown["approvals"][0]["for"].as_str()), (Some("approved"), Some("5m")));
    let to = format!("{}{}", server.url, done.headers()["location"].to_str().unwrap());
    let text = server.http.get(to).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("The program starts by itself") && !text.contains("Decline"), "{text}");
    let list = |state: &str| server.http.get(format!("{}/requests?state={state}", server.url)).header("cookie", &cookie).send();
    assert!(list("approved").await.unwrap().text().await.unwrap().contains(&code));
    assert!(list("pending").await.unwrap().text().await.unwrap().contains("No request here"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn style_and_script_are_sent_compressed_and_kept() {
    let server = Server::start().await;
    let page = server.http.get(format!("{}/sign-in", server.url)).send().await.unwrap().text().await.unwrap();
    let mut seen = 0;
    for address in page.split('"').filter(|part| part.starts_with("/assets/")) {
        let answer = server.http.get(format!("{}{address}", server.url)).header("accept-encoding", "br, gzip").send().await.unwrap();
        assert_eq!((answer.status(), &answer.headers()["content-encoding"]), (StatusCode::OK, &"gzip".parse().unwrap()), "{address}");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        assert!(answer.bytes().await.unwrap().len() < 100_000);
        seen += 1;
    }
    assert!(seen >= 4, "{page}");
    // An address that is none: a page for a browser, a problem for others.
    let nowhere = |accept: &'static str| server.http.get(format!("{}/nowhere", server.url)).header("accept", accept).send();
    for (accept, kind) in [("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/problem+json")] {
        let answer = nowhere(accept).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind), "{accept}");
    }
    let old = server.http.get(format!("{}/assets/0000000000000000/console.js", server.url)).send().await.unwrap();
    assert_eq!(old.status(), StatusCode::NOT_FOUND);
}

/// The first event of a page's stream, as it comes.
async fn first_event(server: &Server, cookie: &str, since: &str, last: Option<&str>) -> String {
    let mut call = server.http.get(format!("{}/live?since={since}", server.url)).header("cookie", cookie);
    if let Some(last) = last {
        call = call.header("last-event-id", last);
    }
    let mut stream = call.send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let mut heard = String::new();
    while !heard.contains("\n\n") {
        heard.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
    }
    heard
}

fn known(page: &str) -> &str {
    page.split("data-news=\"").nth(1).unwrap().split('"').next().unwrap()
}

/// A browser tells a page of no event without data: such a stream is open, and nothing is ever new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_new_is_told_in_a_form_that_browsers_hear() {
    let (server, _agent, _id, cookie) = waiting().await;
    let page = server.http.get(format!("{}/requests", server.url)).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
    let address = format!("{}/live?since={}", server.url, known(&page));
    let mut stream = server.http.get(address).header("cookie", &cookie).send().await.unwrap();
    let mut heard = String::new();
    server.owner.post("/policies", request_policy("another")).await.ok();
    while !heard.contains("event: news\ndata: news\nid: ") {
        heard.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_of_what_it_does_not_have_and_of_nothing_else() {
    let (server, _agent, _id, cookie) = waiting().await;
    let page = || async {
        let page = server.http.get(format!("{}/requests", server.url)).header("cookie", &cookie).send().await.unwrap();
        known(&page.text().await.unwrap()).to_owned()
    };
    let old = page().await;
    let heard = first_event(&server, &cookie, &old, None).await;
    assert!(heard.starts_with(&format!("event: alive\ndata: alive\nid: {old}\n")), "the page has everything: {heard}");
    // Between the page and its stream: nobody hears it, and the stream begins with it.
    server.owner.post("/policies", request_policy("between")).await.ok();
    let now = page().await;
    assert_ne!(old, now);
    let heard = first_event(&server, &cookie, &old, None).await;
    assert!(heard.starts_with(&format!("event: news\ndata: news\nid: {now}\n")), "{heard}");
    // Opened again by the browser, under the old address, it has what it heard last.
    assert!(first_event(&server, &cookie, &old, Some(&now)).await.starts_with("event: alive\n"));
    // Another server's, or that of before a restart; or a page that says nothing.
    for elsewhere in ["0000000000000000-3", ""] {
        assert!(first_event(&server, &cookie, elsewhere, None).await.starts_with("event: news\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_open_stays_when_its_sign_in_ends_and_leads_back_to_itself() {
    let (server, _agent, _id, cookie) = waiting().await;
    let asks = |from: String| {
        let call = server.http.post(format!("{}/policies/preview", server.url)).header("hx-request", "true");
        call.header("hx-current-url", from).header("sec-fetch-site", "same-origin").send()
    };
    let page = format!("{}/policies/new?like=a%26b", server.url);
    for (from, next) in [
        (page.clone(), "%2Fpolicies%2Fnew%3Flike%3Da%2526b"),
        ("https://evil.example/policies".to_owned(), "%2F"),
        (format!("{}//evil.example/", server.url), "%2F"),
        ("/\\evil.example".to_owned(), "%2F"),
        ("javascript:alert(1)".to_owned(), "%2F"),
    ] {
        let answer = asks(from.clone()).await.unwrap();
        assert_eq!((answer.status(), answer.headers().get("hx-redirect")), (StatusCode::UNAUTHORIZED, None), "{from}");
        assert_eq!(answer.headers()["hx-retarget"], "#answers");
        let text = answer.text().await.unwrap();
        assert!(text.contains("You have been signed out") && text.contains(&format!("\"/sign-in?next={next}\"")), "{from}: {text}");
    }
    // The stream says it too: of a refusal a browser tells a page nothing, and it would say for ever that the connection is lost.
    server.http.post(format!("{}/sign-out", server.url)).header("cookie", &cookie).send().await.unwrap();
    assert!(first_event(&server, &cookie, "", None).await.starts_with("event: signed-out\ndata: signed-out\n"));
}

/// What a failed part says takes the place of nothing that is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_fails_says_so_above_the_page() {
    let (server, _agent, _id, cookie) = waiting().await;
    let call = server.http.get(format!("{}/requests/nothing", server.url)).header("cookie", &cookie).header("hx-request", "true");
    let answer = call.header("hx-request-type", "full").send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["hx-retarget"]), (StatusCode::NOT_FOUND, &"#answers".parse().unwrap()));
    assert!(answer.text().await.unwrap().contains("class=\"alert "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_compressed_where_no_other_site_led_to_it() {
    let (server, _agent, _id, cookie) = waiting().await;
    let ask = |path: &'static str, site: Option<&'static str>, takes: &'static str| {
        let call = server.http.get(format!("{}{path}", server.url)).header("cookie", &cookie).header("accept-encoding", takes);
        site.into_iter().fold(call, |call, site| call.header("sec-fetch-site", site)).send()
    };
    for (path, site, takes, compressed) in [
        ("/", Some("same-origin"), "gzip, br", true),
        ("/requests?user=x", Some("none"), "gzip", true),
        // Whoever measures it can have it asked for with words of theirs.
        ("/requests?user=x", Some("cross-site"), "gzip", false),
        ("/requests?user=x", Some("same-site"), "gzip", false),
        ("/requests?user=x", None, "gzip", false),
        ("/", Some("same-origin"), "identity", false),
        ("/account", Some("same-origin"), "gzip", false),
    ] {
        let answer = ask(path, site, takes).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let says = answer.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        assert_eq!(says, compressed, "{path} {site:?} {takes}");
        assert!(answer.headers().get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("sec-fetch-site")));
        let bytes = answer.bytes().await.unwrap();
        let mut text = String::new();
        if compressed {
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes.as_ref()), &mut text).unwrap();
            assert!(bytes.len() * 2 < text.len(), "{} of {}", bytes.len(), text.len());
        } else {
            text = String::from_utf8(bytes.to_vec()).unwrap();
        }
        assert!(text.trim_end().ends_with("</html>"));
    }
}
