//! One e-mail by the SMTP server of the configuration. Plain text only: what a user wrote is a line of text, never markup or a header.

use std::time::Duration;

use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::dispatch::Failed;
use super::together::Mail;
use crate::app::App;
use crate::config::smtp::{Security, Smtp};
use crate::store::entities::notification_target as target;

const LONGEST: Duration = Duration::from_secs(20);

/// Whether an address can be written to: one, without a name and without anything that could become a header.
///
/// # Errors
/// In words, why not.
pub(super) fn check(address: &str) -> Result<(), String> {
    address.parse::<Address>().map(|_| ()).map_err(|error| format!("is not an e-mail address: {error}"))
}

/// The part of a message's name after the `@`: the server's own.
fn host(app: &App) -> String {
    let host = reqwest::Url::parse(&app.url).ok().and_then(|url| url.domain().map(str::to_owned));
    host.unwrap_or_else(|| "brevet.invalid".into())
}

/// Sends one once.
///
/// # Errors
/// Why it was not taken, and whether trying again makes sense.
pub(super) async fn send(app: &App, target: &target::Model, mail: &Mail) -> Result<(), Failed> {
    let Some(smtp) = &app.config.smtp else {
        return Err(Failed::again("the server's configuration has no [smtp]"));
    };
    let to: Address = target.address.parse().map_err(|error| Failed::for_good(format!("the address cannot be used: {error}")))?;
    let from: Mailbox = smtp.from.parse().map_err(|error| Failed::again(format!("smtp.from cannot be used: {error}")))?;
    let mut message = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(mail.subject.clone())
        // The same each time it is sent, so that a mail program shows it once.
        .message_id(Some(format!("<{}@{}>", mail.id, host(app))))
        .header(ContentType::TEXT_PLAIN)
        .body(mail.body.clone())
        .map_err(|error| Failed::for_good(format!("it cannot be written as an e-mail: {error}")))?;
    // So that nobody's absence answers (RFC 3834).
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".into()));
    let transport = transport(smtp)?;
    let sent = tokio::time::timeout(LONGEST, transport.send(message)).await;
    match sent {
        Err(_) => Err(Failed::again("the mail server does not answer")),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_permanent() && !is_ours(&error) => Err(Failed::for_good(words(&error))),
        Ok(Err(error)) => Err(Failed::again(words(&error))),
    }
}

/// Whether the mail server refuses us and not the message (RFC 4954): somebody will mend the configuration.
fn is_ours(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| [530, 534, 535, 538].contains(&u16::from(code)))
}

fn transport(smtp: &Smtp) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failed> {
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host).port(smtp.port()).timeout(Some(LONGEST));
    builder = builder.tls(match smtp.security {
        Security::None => Tls::None,
        Security::Starttls => Tls::Required(tls(smtp)?),
        Security::Tls => Tls::Wrapper(tls(smtp)?),
    });
    if let Some(username) = &smtp.username {
        let password = smtp.password().map_err(|error| Failed::again(format!("cannot read smtp.password_file: {error}")))?;
        builder = builder.credentials(Credentials::new(username.clone(), password));
    }
    Ok(builder.build())
}

fn tls(smtp: &Smtp) -> Result<TlsParameters, Failed> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(file) = &smtp.ca {
        let wrong = |error: String| Failed::again(format!("cannot use smtp.ca: {error}"));
        let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?);
    }
    builder.build_rustls().map_err(|error| Failed::again(format!("TLS cannot be used: {error}")))
}

fn words(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn an_address_is_one_and_begins_no_header() {
        assert!(check("ops@example.com").is_ok());
        for wrong in ["", "a", "a@b\r\nBcc: c@d", "A <a@b.c>", "a@b.c, d@e.f", "a@b.c\n"] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }
}
