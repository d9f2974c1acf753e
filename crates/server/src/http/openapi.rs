//! OpenAPI 3.1, made from the route table: what is not in the table is not described, and nothing in it is left out.

use std::collections::BTreeMap;

use axum::http::Method;
use brevet_api::rest::Problem;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required, ResponseBuilder, ServerBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::routes::{Doc, Operation};

/// Forms whose fields DESIGN section 14 describes.
const FORMS: [&str; 9] =
    ["Policy", "List", "Group", "AutonomousRule", "StoredPolicy", "StoredList", "StoredGroup", "StoredAutonomous", "File"];

/// The document as JSON text.
pub(super) fn document(operations: &[Operation], url: &str) -> String {
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    for form in FORMS {
        let object = ObjectBuilder::new().description(Some("The fields have the names that they have in TOML."));
        schemas.insert(form.into(), RefOr::T(Schema::Object(object.build())));
    }
    schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut nested = Vec::new();
    Problem::schemas(&mut nested);
    schemas.extend(nested);
    let mut paths = PathsBuilder::new();
    for operation in operations {
        schemas.extend(operation.doc.schemas.iter().cloned());
        let item = utoipa::openapi::PathItem::new(http_method(&operation.method), described(operation));
        paths = paths.path(format!("/api/v1{}", operation.path), item);
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .build();
    let api = OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Brevet").version(env!("CARGO_PKG_VERSION")).build())
        .servers(Some([ServerBuilder::new().url(url).build()]))
        .paths(paths.build())
        .components(Some(components))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]))
        .build();
    api.to_json().unwrap_or_else(|error| Value::Object(Map::from_iter([("error".into(), json!(error.to_string()))])).to_string())
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn described(operation: &Operation) -> utoipa::openapi::path::Operation {
    let Doc { summary, query, body, answer, page, creates, .. } = &operation.doc;
    let tag = operation.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let name = operation.path.replace(['/', '{', '}', '-'], "_");
    let mut out = OperationBuilder::new()
        .tag(tag)
        .summary(Some(*summary))
        .operation_id(Some(format!("{}{name}", operation.method.as_str().to_ascii_lowercase())));
    let parameter = |name: &str, place: ParameterIn| {
        let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
        let schema = Schema::Object(ObjectBuilder::new().schema_type(Type::String).build());
        ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(schema)).build()
    };
    for part in operation.path.split('/').filter_map(|p| p.strip_prefix('{').and_then(|p| p.strip_suffix('}'))) {
        out = out.parameter(parameter(part, ParameterIn::Path));
    }
    let paging: &[&str] = if *page { &["limit", "cursor"] } else { &[] };
    for name in paging.iter().chain(query.iter()) {
        out = out.parameter(parameter(name, ParameterIn::Query));
    }
    if *creates {
        out = out.parameter(parameter("Idempotency-Key", ParameterIn::Header));
    }
    if let Some(name) = body {
        let content = ContentBuilder::new().schema(Some(reference(name))).build();
        out = out.request_body(Some(RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()));
    }
    let (status, answer) = answer.as_ref().map_or((204, None), |(status, name)| (*status, Some(name)));
    let mut response = ResponseBuilder::new().description(if status == 204 { "done" } else { "the answer" });
    if let Some(name) = answer {
        let schema = if *page { page_schema(name) } else { reference(name) };
        response = response.content("application/json", ContentBuilder::new().schema(Some(schema)).build());
    }
    let problem = ContentBuilder::new().schema(Some(reference("Problem"))).build();
    let failed = ResponseBuilder::new().description("any failure").content("application/problem+json", problem).build();
    out.response(status.to_string(), response.build()).response("default", failed).build()
}

fn page_schema(name: &str) -> RefOr<Schema> {
    let next = ObjectBuilder::new().schema_type(Type::String).build();
    let object = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(reference(name)).build())
        .required("items")
        .property("next", next)
        .build();
    RefOr::T(Schema::Object(object))
}
