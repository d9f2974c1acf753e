//! A browser without script: pages, and forms sent as the page shows them.

use reqwest::StatusCode;

use crate::support::Server;

/// Somebody's browser.
pub struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

pub struct Shown {
    pub status: StatusCode,
    pub to: String,
    pub text: String,
}

impl<'a> Browser<'a> {
    pub async fn owner(server: &'a Server) -> Self {
        Self::by(server, &server.sign_in).await
    }

    pub async fn of(server: &'a Server, name: &str) -> Self {
        let link = server.owner.call(reqwest::Method::POST, &format!("/persons/{name}/sign-in"), None, None).await.ok();
        Self::by(server, link["sign_in"].as_str().unwrap()).await
    }

    pub async fn by(server: &'a Server, link: &str) -> Self {
        let signed = server.http.post(link).send().await.unwrap();
        let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { server, cookie }
    }

    pub async fn get(&self, path: &str) -> Shown {
        shown(self.server.http.get(format!("{}{path}", self.server.url)).header("cookie", &self.cookie).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, form: &[(String, String)]) -> Shown {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let call = self.server.http.post(format!("{}{path}", self.server.url)).header("cookie", &self.cookie);
        let call = call.header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", "same-origin");
        shown(call.body(body.finish()).send().await.unwrap()).await
    }

    /// The form of a page, filled in as the page shows it.
    pub async fn form(&self, path: &str) -> Vec<(String, String)> {
        let page = self.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        filled(&page.text)
    }
}

async fn shown(answer: reqwest::Response) -> Shown {
    let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
    Shown { status: answer.status(), to, text: answer.text().await.unwrap() }
}

fn unescaped(text: &str) -> String {
    let codes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")];
    codes.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// What a browser would send of the form `form`, without its buttons.
pub fn filled(page: &str) -> Vec<(String, String)> {
    let form = page.split("id=\"form\">").nth(1).unwrap().split("</form>").next().unwrap();
    let attribute = |tag: &str, name: &str| tag.split(&format!(" {name}=\"")).nth(1).map(|rest| unescaped(rest.split('"').next().unwrap()));
    let mut out = Vec::new();
    for piece in form.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let Some(name) = attribute(tag, "name") else { continue };
        if tag.starts_with("input") {
            let is_box = attribute(tag, "type").as_deref() == Some("checkbox");
            if !is_box || tag.ends_with(" checked") || tag.contains(" checked ") {
                out.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        } else if tag.starts_with("textarea") {
            out.push((name, unescaped(text.strip_prefix('\n').unwrap_or(text))));
        } else if tag.starts_with("select") {
            let select = form.split(&format!("name=\"{name}\"")).nth(1).unwrap().split("</select>").next().unwrap();
            let options: Vec<&str> = select.split("<option").skip(1).collect();
            let chosen = options.iter().find(|option| option.contains(" selected")).or(options.first()).unwrap();
            out.push((name, attribute(chosen, "value").unwrap()));
        }
    }
    out
}

pub fn set(form: &mut Vec<(String, String)>, name: &str, value: &str) {
    form.retain(|(known, _)| known != name);
    form.push((name.to_owned(), value.to_owned()));
}

pub fn without(form: &mut Vec<(String, String)>, name: &str) {
    form.retain(|(known, _)| known != name);
}

pub fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
