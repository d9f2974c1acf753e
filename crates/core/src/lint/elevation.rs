//! What is suspicious about the rights that an application runs with.

use super::programs::CAPABILITIES;
use super::{Found, Severity};
use crate::policy::{AtExpiry, Elevation};
use crate::time::Length;

/// Variables that may be kept and lend the application something of the caller's.
const LENDS: &[(&str, &str)] = &[
    ("SSH_AUTH_SOCK", "the application may sign with the caller's keys, and talks to a program of the caller's"),
    ("DBUS_SESSION_BUS_ADDRESS", "the application talks to programs of the caller's as if they were the desktop's"),
    ("XAUTHORITY", "the application shows itself on the caller's display, where others send it keys"),
    ("DISPLAY", "the application shows itself on the caller's display, where others send it keys"),
    ("WAYLAND_DISPLAY", "the application shows itself on the caller's display"),
    ("XDG_RUNTIME_DIR", "the application trusts files and sockets in a folder of the caller's"),
    ("XDG_CONFIG_HOME", "the application reads settings of the caller's choice"),
    ("XDG_DATA_HOME", "the application reads data of the caller's choice"),
    ("XDG_CONFIG_DIRS", "the application reads settings of the caller's choice"),
    ("XDG_DATA_DIRS", "the application reads data of the caller's choice"),
    ("HTTP_PROXY", "what the application fetches comes by a computer of the caller's choice"),
    ("HTTPS_PROXY", "what the application fetches comes by a computer of the caller's choice"),
    ("ALL_PROXY", "what the application fetches comes by a computer of the caller's choice"),
    ("SSL_CERT_FILE", "the application believes certificates of the caller's choice"),
    ("SSL_CERT_DIR", "the application believes certificates of the caller's choice"),
    ("CURL_CA_BUNDLE", "the application believes certificates of the caller's choice"),
    ("KUBECONFIG", "the application runs the credential programs of a file of the caller's choice"),
    ("DOCKER_HOST", "the application works for a service of the caller's choice"),
];

pub fn of(elevation: &Elevation, found: &mut Vec<Found>) {
    for (index, name) in elevation.capabilities.iter().enumerate() {
        if let Some((_, how)) = CAPABILITIES.iter().find(|(known, _)| known == name) {
            let reason = format!("{name} equals root: who has it {how}");
            let instead = "leave it out, or give the one application that needs it as root with exact arguments";
            found.push(Found::new(format!("elevation.capabilities[{index}]"), Severity::Danger, "equals_root", reason, instead));
        }
    }
    for (index, name) in elevation.keep_environment.iter().enumerate() {
        if let Some((_, why)) = LENDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            let field = format!("elevation.keep_environment[{index}]");
            found.push(Found::new(field, Severity::Warning, "lends", format!("{name} is the caller's: {why}"), "leave it out"));
        }
    }
    if let Some(within) =
        elevation.finish_within.filter(|within| elevation.at_expiry == AtExpiry::LetFinish && *within > Length::from_hours(8))
    {
        let reason = format!("what runs may go on for {within} after its time");
        found.push(Found::new(
            "elevation.finish_within",
            Severity::Note,
            "long",
            reason,
            "give an hour, or a longer duration that is approved",
        ));
    }
    if elevation.grace > Length::from_minutes(5) {
        let reason = format!("a revoked session may go on for {}", elevation.grace);
        found.push(Found::new("elevation.grace", Severity::Warning, "long_grace", reason, "give seconds"));
    }
}
