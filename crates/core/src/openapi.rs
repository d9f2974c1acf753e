//! Schemas of what is written as text, or as one of two forms; every other schema follows from its type.
//!
//! A pattern here lets through everything that its type reads, so that what breaks the pattern is always refused.

use std::borrow::Cow;

use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::application::{Rule, True};
use crate::digest::Digest;
use crate::document::PublicKey;
use crate::policy::{Applications, ClockTime, FixedFrom, Scope, Validity, Weekday};
use crate::text::OsText;
use crate::time::{Length, Timestamp};

type Schemas = Vec<(String, RefOr<Schema>)>;

fn text(description: &str, pattern: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).pattern(Some(pattern)).examples([example])
}

macro_rules! written {
    ($($name:ty, $word:expr, $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema.build()))
            }
        }
        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $word.into()
            }
        }
    )*};
}

macro_rules! ids {
    ($($name:ident, $kind:literal;)*) => {
        written! {$(
            crate::id::$name, stringify!($name),
            text(
                concat!("An id of ", $kind, "; opaque."),
                &format!("^{}_[0-9a-hjkmnp-tv-z]{{26}}$", crate::id::$name::PREFIX),
                &format!("{}_01jd8q7w5x2m4n6p8r0t1v3y5z", crate::id::$name::PREFIX),
            );
        )*}
    };
}

ids! {
    InstanceId, "an installation";
    ComputerId, "a computer";
    GroupId, "a group";
    ListId, "an application list";
    PolicyId, "a policy";
    AutonomousId, "an autonomous rule";
    RequestId, "a request";
    GrantId, "a grant";
    SessionId, "a session";
    HoldId, "a legal hold";
    EventId, "an event";
    PersonId, "a person";
    TokenId, "a token";
    EnrolmentTokenId, "an enrolment token";
    Incarnation, "one life of a journal";
}

written! {
    Timestamp, "Timestamp", ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("A moment, RFC 3339; answers have UTC with milliseconds."))
        .examples(["2026-12-01T20:00:00.000Z"]);
    Length, "Duration", text(
        "A length of time: days, hours, minutes, seconds in this order, at most 3650d.",
        "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
        "1h30m",
    ).min_length(Some(2));
    Digest, "Digest", text(
        "SHA-256.",
        "^sha256:[0-9a-f]{64}$",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    );
    PublicKey, "PublicKey", text(
        "An Ed25519 public key: base64 of its 32 bytes.",
        "^[A-Za-z0-9+/]{43}=$",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    );
    ClockTime, "ClockTime", text("A time of day, HH:MM.", "^([01][0-9]|2[0-3]):[0-5][0-9]$", "09:00");
    True, "True", ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([true]))
        .description(Some("Only `true`; left out otherwise."));
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn word(only: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([only]))
}

fn named<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn with<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

impl PartialSchema for OsText {
    fn schema() -> RefOr<Schema> {
        let bytes = object()
            .property("base64", ObjectBuilder::new().schema_type(Type::String).content_encoding("base64"))
            .required("base64")
            .description(Some("Where the bytes are not UTF-8."));
        let forms = OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::String)).item(bytes);
        RefOr::T(Schema::OneOf(forms.description(Some("Bytes without NUL that the operating system calls text.")).build()))
    }
}
impl ToSchema for OsText {
    fn name() -> Cow<'static, str> {
        "OsText".into()
    }
}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let names = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)));
        let forms = OneOfBuilder::new().item(word("all")).item(names.min_items(Some(1)));
        let said = "\"all\", or names, group:NAME (defined on the server) and, for users, os-group:NAME (as the computer sees it).";
        RefOr::T(Schema::OneOf(forms.description(Some(said)).build()))
    }
}
impl ToSchema for Scope {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}

impl PartialSchema for Applications {
    fn schema() -> RefOr<Schema> {
        let rules = ArrayBuilder::new().items(named::<Rule>()).min_items(Some(1)).max_items(Some(crate::policy::MAX_RULES));
        let forms = OneOfBuilder::new().item(word("all")).item(rules);
        RefOr::T(Schema::OneOf(forms.description(Some("\"all\", or rules of which any may match.")).build()))
    }
}
impl ToSchema for Applications {
    fn name() -> Cow<'static, str> {
        "Applications".into()
    }
    fn schemas(schemas: &mut Schemas) {
        with::<Rule>(schemas);
    }
}

impl PartialSchema for Validity {
    fn schema() -> RefOr<Schema> {
        let kind = |name: &str| object().property("kind", word(name)).required("kind");
        let fixed = kind("fixed").property("duration", named::<Length>()).property("from", named::<FixedFrom>());
        let window = kind("window").property("start", named::<Timestamp>()).property("end", named::<Timestamp>());
        let recurring = kind("recurring")
            .property("days", ArrayBuilder::new().items(named::<Weekday>()))
            .property("start", named::<ClockTime>())
            .property("end", named::<ClockTime>())
            .property("zone", ObjectBuilder::new().schema_type(Type::String).description(Some("IANA name.")));
        let forms = OneOfBuilder::new()
            .item(kind("always"))
            .item(fixed.required("duration").required("from"))
            .item(window.required("start").required("end"))
            .item(recurring.required("days").required("start").required("end").required("zone"));
        RefOr::T(Schema::OneOf(forms.description(Some("When a policy holds.")).build()))
    }
}
impl ToSchema for Validity {
    fn name() -> Cow<'static, str> {
        "Validity".into()
    }
    fn schemas(schemas: &mut Schemas) {
        with::<Length>(schemas);
        with::<Timestamp>(schemas);
        with::<FixedFrom>(schemas);
        with::<Weekday>(schemas);
        with::<ClockTime>(schemas);
    }
}
