//! Style and script of the console: built in, sent compressed, kept by browsers for ever under an address that changes with the content.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_core::digest::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content of each.
const FILES: [(&str, &str, &str); 7] = [
    ("tabler.css", CSS, include_str!("../../assets/vendor/tabler/tabler.min.css")),
    ("console.css", CSS, include_str!("../../assets/own/console.css")),
    ("htmx.js", SCRIPT, include_str!("../../assets/vendor/htmx/htmx.min.js")),
    ("theme.js", SCRIPT, include_str!("../../assets/own/theme.js")),
    ("console.js", SCRIPT, include_str!("../../assets/own/console.js")),
    ("keys.js", SCRIPT, include_str!("../../assets/own/keys.js")),
    ("sign-in.js", SCRIPT, include_str!("../../assets/own/sign-in.js")),
];

/// What all of them are called together; changes with any of them.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = FILES.iter().map(|(_, _, content)| *content).collect();
    Digest::of(all.as_bytes()).as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

static COMPRESSED: LazyLock<HashMap<&str, Vec<u8>>> = LazyLock::new(|| {
    let compress = |content: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content.as_bytes()).and_then(|()| encoder.finish())
    };
    FILES.iter().filter_map(|(name, _, content)| Some((*name, compress(content).ok()?))).collect()
});

pub(super) async fn asset(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Outcome<Response> {
    let found = FILES.iter().find(|(known, _, _)| *known == name).filter(|_| version == *VERSION);
    let (name, kind, content) = found.ok_or_else(|| Failure::new(Code::NotFound).because("there is no such file"))?;
    let compressed = COMPRESSED.get(name).filter(|_| super::compressed::taken(&headers));
    let mut response = match compressed {
        Some(bytes) => bytes.as_slice().into_response(),
        None => content.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
