//! Somebody who is signed in to the console, as the server sees their browser: pages and forms, without script.

use reqwest::{Client, RequestBuilder, StatusCode};

use crate::support::{Server, posted};

pub struct Visitor {
    http: Client,
    url: String,
    pub cookie: String,
}

pub struct Shown {
    pub status: StatusCode,
    /// Where it leads, or nothing.
    pub location: String,
    pub text: String,
}

impl Shown {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.text
    }
}

impl Visitor {
    pub async fn by_link(server: &Server, link: &str) -> Self {
        let signed = server.http.post(link).send().await.unwrap();
        let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { http: server.http.clone(), url: server.url.clone(), cookie }
    }

    pub async fn owner(server: &Server) -> Self {
        Self::by_link(server, &server.sign_in).await
    }

    /// A person that is there, signed in by a new link.
    pub async fn of(server: &Server, name: &str) -> Self {
        // By a link of the server's own: nobody else has seen it.
        let link = brevet_server::people::store::recovery_link(&server.app, &server.url, name).await.unwrap();
        Self::by_link(server, &link.sign_in).await
    }

    async fn send(&self, call: RequestBuilder) -> Shown {
        let answer = call.header("cookie", &self.cookie).header("sec-fetch-site", "same-origin").send().await.unwrap();
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        Shown { status: answer.status(), location, text: answer.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Shown {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub async fn post<V: AsRef<str>>(&self, path: &str, fields: impl IntoIterator<Item = (&'static str, V)>) -> Shown {
        self.send(posted(self.http.post(format!("{}{path}", self.url)), fields)).await
    }
}
