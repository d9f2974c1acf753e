//! The schemas: those of the types that routes name, those of the TOML form, and ids and moments that parameters name.

use std::collections::BTreeMap;

use brevet_api::rest::Problem;
use brevet_core::digest::Digest;
use brevet_core::id::{EnrolmentTokenId, EventId, GrantId, Incarnation, RequestId, SessionId, TokenId};
use brevet_core::time::{Length, Timestamp};
use serde_json::Value;
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use super::forms;
use crate::http::routes::Operation;

type Schemas = Vec<(String, RefOr<Schema>)>;

pub(super) fn add<T: ToSchema + PartialSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Every schema by its name.
pub(super) fn all(operations: &[Operation]) -> BTreeMap<String, Value> {
    let mut schemas = Schemas::new();
    add::<Problem>(&mut schemas);
    add::<Timestamp>(&mut schemas);
    add::<Length>(&mut schemas);
    add::<Digest>(&mut schemas);
    add::<RequestId>(&mut schemas);
    add::<GrantId>(&mut schemas);
    add::<SessionId>(&mut schemas);
    add::<EventId>(&mut schemas);
    add::<TokenId>(&mut schemas);
    add::<EnrolmentTokenId>(&mut schemas);
    add::<Incarnation>(&mut schemas);
    forms::written(&mut schemas);
    for operation in operations {
        schemas.extend(operation.doc.schemas.iter().cloned());
    }
    let value = |schema: &RefOr<Schema>| serde_json::to_value(schema).unwrap_or_default();
    let mut all: BTreeMap<String, Value> = schemas.iter().map(|(name, schema)| (name.clone(), value(schema))).collect();
    forms::stored(&mut all);
    all
}
