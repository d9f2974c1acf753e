//! The page that the `type` of a problem leads to: what docs/api/problems.md says of its code.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::extract::Path;
use super::failure::{Failure, Outcome};

const TEXT: &str = include_str!("../../../../docs/api/problems.md");

pub(super) async fn page(Path(code): Path<String>) -> Outcome<Response> {
    let text = section(&code).ok_or_else(|| Failure::not_found("problem", &code))?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// What stands under `### CODE`.
fn section(code: &str) -> Option<&'static str> {
    TEXT.split("\n### ").skip(1).find(|section| section.lines().next() == Some(code))
}

#[cfg(test)]
mod tests {
    use brevet_api::rest::Code;

    use super::*;

    #[test]
    fn every_code_is_documented_with_its_status_and_nothing_else_is() {
        let documented: Vec<&str> = TEXT.split("\n### ").skip(1).filter_map(|section| section.lines().next()).collect();
        for code in Code::ALL {
            let said = section(code.as_str()).unwrap_or_else(|| panic!("docs/api/problems.md lacks ### {}", code.as_str()));
            let status = format!("{} · {}", code.status(), code.title());
            assert_eq!(said.lines().nth(2), Some(status.as_str()), "{}", code.as_str());
            assert!(said.lines().skip(3).any(|line| line.len() > 20), "{} has no text", code.as_str());
        }
        assert_eq!(documented.len(), Code::ALL.len(), "{documented:?}");
    }
}
