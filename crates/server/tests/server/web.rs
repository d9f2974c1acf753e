//! A browser as far as the console needs one: cookies, forms, no redirects followed by themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use totp_rs::{Builder, Secret};

use crate::support::{Server, posted};

pub struct Browser {
    http: Client,
    pub url: String,
    pub cookies: Mutex<BTreeMap<String, String>>,
}

pub struct Page {
    pub status: StatusCode,
    pub to: String,
    pub text: String,
}

impl Page {
    #[track_caller]
    pub fn leads(self, to: &str) -> Self {
        assert_eq!((self.status, self.to.as_str()), (StatusCode::SEE_OTHER, to), "{}", self.text);
        self
    }

    #[track_caller]
    pub fn shows(self, words: &str) -> Self {
        assert!(self.text.contains(words), "{words:?} is not in {} {}", self.status, self.text);
        self
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        Self { http: server.http.clone(), url: server.url.clone(), cookies: Mutex::default() }
    }

    /// Signed in by a link that an owner makes.
    pub async fn linked(server: &Server, name: &str) -> Self {
        let link = server.owner.call(Method::POST, &format!("/persons/{name}/sign-in"), None, None).await.ok();
        let browser = Self::new(server);
        browser.post(&link["sign_in"].as_str().unwrap().replace(&server.url, ""), []).await.leads("/");
        browser
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.into(), value.into());
    }

    async fn send(&self, call: reqwest::RequestBuilder) -> Page {
        let cookies = self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let answer = call.header("cookie", cookies).header("user-agent", "Test/1").send().await.unwrap();
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(line.contains(part), "{line}");
            }
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{line}");
            let mut cookies = self.cookies.lock().unwrap();
            if line.contains("Max-Age=0") {
                cookies.remove(name)
            } else {
                cookies.insert(name.into(), value.into())
            };
        }
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        Page { status: answer.status(), to, text: answer.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// A part of a page, as its script asks for it.
    pub async fn part(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.url)).header("hx-request", "true")).await
    }

    pub async fn post<const N: usize>(&self, path: &str, fields: [(&'static str, &str); N]) -> Page {
        self.send(posted(self.http.post(format!("{}{path}", self.url)), fields)).await
    }

    /// What a page's script asks for.
    pub async fn ask(&self, path: &str) -> Value {
        let page = self.post(path, []).await.is(200);
        serde_json::from_str(&page.text).unwrap()
    }

    pub async fn set_password(&self, password: &str) -> Page {
        self.post("/account/password", [("password", password), ("again", password)]).await
    }

    /// Sets an app up: what makes its codes.
    pub async fn set_up_app(&self, server: &Server) -> (App, Vec<String>) {
        let page = self.post("/account/app", []).await.is(200);
        let shown = page.text.split("<dt>Secret</dt><dd><code>").nth(1).unwrap().split('<').next().unwrap().replace(' ', "");
        let mut app = App { secret: Secret::try_from_base32(&shown).unwrap().as_bytes().to_vec(), first: String::new() };
        app.first = app.code(server, 0);
        let page = self.post("/account/app/confirm", [("code", app.first.as_str())]).await.is(200).shows("recovery");
        let codes = page.text.split("<li><code>").skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect();
        (app, codes)
    }

    pub async fn name_and_password(&self, name: &str, password: &str) -> Page {
        self.post("/sign-in", [("name", name), ("password", password)]).await
    }
}

/// An authenticator app.
pub struct App {
    secret: Vec<u8>,
    /// The code that set it up.
    pub first: String,
}

impl App {
    /// The code of so many steps from now.
    pub fn code(&self, server: &Server, steps: i64) -> String {
        let secret = Secret::new(self.secret.clone().into_boxed_slice());
        let totp = Builder::new().with_secret(secret).with_account_name("x").build().unwrap();
        totp.generate(u64::try_from(server.app.clock.now().millis() / 1000 + 30 * steps).unwrap()).to_string()
    }
}
