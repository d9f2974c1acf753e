//! The words: built in, or an administrator's. A template sees text that is escaped already, and can neither loop for ever nor read
//! anything but what it is given.

use brevet_core::escape::{command, terminal};
use brevet_core::request::Request;
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use minijinja::{Environment, UndefinedBehavior};
use sea_orm::EntityTrait as _;

use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{event, notification_template, request};

/// Longest subject, in characters.
const SUBJECT: usize = 200;
/// Longest text, in bytes.
const TEXT: usize = 64 << 10;

/// Kinds with built-in words of their own: kind, subject, text.
const BUILT_IN: [(&str, &str, &str); 10] = [
    (
        "default",
        "Brevet: {{ summary }}",
        "{{ summary }}\n\nkind:      {{ kind }}\nby:        {{ actor }}\n{% if computer %}computer:  {{ computer }}\n{% endif %}\
         {% if user %}user:      {{ user }}\n{% endif %}{% if policy %}policy:    {{ policy }}\n{% endif %}time:      {{ time }}\n\n{{ url }}\n",
    ),
    ("request.created", "Brevet: {{ user }} asks on {{ computer }} ({{ code }})", ASKS),
    ("request.changed", "Brevet: changed, look again: {{ user }} asks on {{ computer }} ({{ code }})", ASKS),
    ("request.reminded", "Brevet: still waiting: {{ user }} asks on {{ computer }} ({{ code }})", ASKS),
    ("request.escalated", "Brevet: nobody has decided yet: {{ user }} asks on {{ computer }} ({{ code }})", ASKS),
    ("request.approved", "Brevet: your request {{ code }} was approved", DECIDED),
    ("request.declined", "Brevet: your request {{ code }} was declined", DECIDED),
    ("request.lapsed", "Brevet: nobody decided your request {{ code }} in time", DECIDED),
    (
        "proposal.created",
        "Brevet: waits for a second person: {{ summary }}",
        "{{ summary }}\n\nLook at what it would change before you confirm or reject it:\nbrevetctl proposal list --state open\n\n{{ url }}\n",
    ),
    (
        "break_glass.opened",
        "Brevet: BREAK-GLASS by {{ actor }} on {{ computer }}",
        "{{ summary }}\n\nNobody was asked. It stays open until somebody else has looked at it and says so:\n\
         brevetctl break-glass list --unreviewed\n\n{{ url }}\n",
    ),
];

const ASKS: &str = "{{ user }} asks to run, as {{ target_user }} on {{ computer }}:\n\n  {{ command }}\n\nfor:     {{ duration }}\n\
                    reason:  {{ reason }}\npolicy:  {{ policy }}\ncode:    {{ code }}\n\nLook at it before you decide:\n{{ url }}\n";
const DECIDED: &str =
    "{{ summary }}\n\ncommand:  {{ command }}\ncomputer: {{ computer }}\n{% if comment %}comment:  {{ comment }}\n{% endif %}\n{{ url }}\n";

/// What a template is given. Every text is escaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    kind: String,
    summary: String,
    actor: String,
    computer: String,
    user: String,
    target_user: String,
    policy: String,
    command: String,
    reason: String,
    code: String,
    duration: String,
    comment: String,
    time: String,
    pub(super) url: String,
}

impl Given {
    fn as_map(&self) -> minijinja::Value {
        minijinja::Value::from_pairs(
            [
                ("kind", &self.kind),
                ("summary", &self.summary),
                ("actor", &self.actor),
                ("computer", &self.computer),
                ("user", &self.user),
                ("target_user", &self.target_user),
                ("policy", &self.policy),
                ("command", &self.command),
                ("reason", &self.reason),
                ("code", &self.code),
                ("duration", &self.duration),
                ("comment", &self.comment),
                ("time", &self.time),
                ("url", &self.url),
            ]
            .map(|(name, value)| (name, value.as_str())),
        )
    }
}

/// A subject and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub subject: String,
    pub body: String,
}

/// The built-in words of a kind, or those of `default`.
pub(super) fn built_in(kind: &str) -> Words {
    let found = BUILT_IN.iter().find(|(name, ..)| *name == kind).or(BUILT_IN.first());
    found.map_or_else(
        || Words { subject: String::new(), body: String::new() },
        |(_, subject, body)| Words { subject: (*subject).into(), body: (*body).into() },
    )
}

/// Kinds that have built-in words of their own.
pub(super) fn built_in_kinds() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(kind, ..)| *kind)
}

/// What an event gives to its template.
pub(super) async fn given(change: &Change, event: &event::Model) -> Outcome<Given> {
    let text = |text: &str| terminal(text.as_bytes());
    let optional = |value: &Option<String>| value.as_deref().map(text).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_str(&event.body).unwrap_or_default();
    let asked = match &event.request {
        Some(id) => request::Entity::find_by_id(id).one(change.tx()).await?,
        None => None,
    };
    let asked: Option<Request> = asked.map(|row| serde_json::from_str(&row.body)).transpose()?;
    let base = &change.app.url;
    Ok(Given {
        kind: text(&event.kind),
        summary: text(&event.summary),
        actor: text(&event.actor_name),
        computer: optional(&event.computer_name),
        user: optional(&event.user),
        policy: optional(&event.policy_name),
        comment: body.get("comment").and_then(serde_json::Value::as_str).map(text).unwrap_or_default(),
        time: Timestamp::from_millis(event.time).to_string(),
        url: event.request.as_ref().map_or_else(|| format!("{base}/"), |id| format!("{base}/requests/{id}")),
        target_user: asked.as_ref().map(|it| text(&it.command.target.name)).unwrap_or_default(),
        // `command` escapes by itself.
        command: asked.as_ref().map(|it| command(it.command.arguments.iter().map(OsText::as_bytes))).unwrap_or_default(),
        reason: asked.as_ref().map(|it| text(&it.reason)).unwrap_or_default(),
        code: asked.as_ref().map(|it| it.digest.short_code()).unwrap_or_default(),
        duration: asked.as_ref().map(|it| it.duration.to_string()).unwrap_or_default(),
    })
}

/// The words for an event. A template that fails must not undo the event: then the built-in ones are used.
pub(super) async fn words(change: &Change, kind: &str, given: &Given) -> Outcome<Words> {
    for name in [kind, "default"] {
        let own = notification_template::Entity::find_by_id(name).one(change.tx()).await?;
        if let Some(row) = own {
            match render(&Words { subject: row.subject, body: row.body }, given, UndefinedBehavior::Lenient) {
                Ok(words) => return Ok(words),
                Err(error) => tracing::error!(kind = name, error, "a template fails; the built-in one is used"),
            }
        }
        if built_in_kinds().any(|known| known == name) {
            break;
        }
    }
    let plain = || Words { subject: one_line(&given.summary), body: given.summary.clone() };
    Ok(render(&built_in(kind), given, UndefinedBehavior::Lenient).unwrap_or_else(|_| plain()))
}

/// Whether a template can be used: tried with every value there is; an unknown name is an error.
///
/// # Errors
/// The field, and in words why not.
pub(super) fn check(words: &Words) -> Result<(), (&'static str, String)> {
    if words.subject.chars().count() > 500 || words.subject.contains(['\n', '\r']) {
        return Err(("subject", "one line of at most 500 characters".into()));
    }
    if words.body.len() > 20_000 {
        return Err(("body", "at most 20000 bytes".into()));
    }
    for (field, text) in [("subject", &words.subject), ("body", &words.body)] {
        evaluate(text, &Given::default(), UndefinedBehavior::Strict).map_err(|why| (field, why))?;
    }
    if words.subject.trim().is_empty() || words.body.trim().is_empty() {
        return Err(("subject", "subject and body are not empty".into()));
    }
    Ok(())
}

fn render(words: &Words, given: &Given, undefined: UndefinedBehavior) -> Result<Words, String> {
    let subject = one_line(&evaluate(&words.subject, given, undefined)?);
    let mut body = evaluate(&words.body, given, undefined)?;
    if body.len() > TEXT {
        return Err(format!("the text has more than {TEXT} bytes"));
    }
    body.retain(|c| c == '\n' || c == '\t' || !c.is_control());
    Ok(Words { subject, body })
}

fn evaluate(text: &str, given: &Given, undefined: UndefinedBehavior) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(20_000));
    environment.set_recursion_limit(20);
    environment.render_str(text, given.as_map()).map_err(|error| error.to_string())
}

/// A header is one line: nothing in it begins another.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_template_is_one_that_could_be_put() {
        for kind in built_in_kinds() {
            assert_eq!(check(&built_in(kind)), Ok(()), "{kind}");
        }
    }

    #[test]
    fn a_template_cannot_run_for_ever_or_read_what_it_is_not_given() {
        let with = |body: &str| Words { subject: "s".into(), body: body.into() };
        for wrong in
            ["{{ nothing }}", "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}", "{% include 'x' %}", "{{"]
        {
            assert!(check(&with(wrong)).is_err(), "{wrong}");
        }
        assert!(check(&Words { subject: "a\nBcc: x".into(), body: "b".into() }).is_err());
    }

    #[test]
    fn a_subject_stays_one_line() {
        let given = Given { summary: "a\r\nBcc: eve@example.com".into(), ..Given::default() };
        let words = Words { subject: "{{ summary }}".into(), body: "{{ summary }}".into() };
        let rendered = render(&words, &given, UndefinedBehavior::Lenient).unwrap();
        assert_eq!(rendered.subject, "a  Bcc: eve@example.com");
    }
}
