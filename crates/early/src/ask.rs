//! The steps of `brevet run` up to the question, as the CLI's `run.rs` and `connection.rs` take them.

use crate::call::{self, Descriptor, open};
use crate::frame::{Asked, compose, is_plain};
use core::ffi::CStr;

const DEFAULT_SOCKET: &CStr = c"/run/brevet/broker.sock";

/// Asks; the connection, or `None` where nothing was sent and the program should do it all.
pub fn ask<'a>(
    arguments: impl Iterator<Item = &'a [u8]> + Clone,
    environment: impl Iterator<Item = &'a CStr> + Clone,
    room: &mut [u8],
) -> Option<Descriptor> {
    // Where one of the three is closed, what is opened here would take its number.
    if !is_plain(arguments.clone()) || !call::three_are_open() {
        return None;
    }
    call::forbid_dumping()?;
    // First of all: who accepts it is woken while the question is put together.
    let connection = connect(socket(environment.clone()))?;
    let asked = Asked { interactive: has_terminal(), window: call::window(1).or_else(|| call::window(2)).or_else(|| call::window(0)) };
    let length = compose(arguments, environment.map(CStr::to_bytes), asked, room)?;
    let frame = room.get(..length)?;
    let directory = call::openat2(c".", open::PLACE | open::DIRECTORY)?;
    let mut sent = call::send_with(&connection, frame, [0, 1, 2, directory.number()])?;
    // From here on the question is under way: where the rest does not go, the program finds the connection closed.
    while let Some(rest) = frame.get(sent..).filter(|rest| !rest.is_empty()) {
        let Some(more) = call::send(&connection, rest) else { break };
        sent = sent.saturating_add(more);
    }
    Some(connection)
}

/// The value of `BREVET_SOCKET`, where it has one.
fn socket<'a>(mut environment: impl Iterator<Item = &'a CStr>) -> &'a CStr {
    let value = |entry: &'a CStr| {
        let all = entry.to_bytes_with_nul();
        let (name, value) = (all.get(..14)?, all.get(14..)?);
        crate::frame::same(name, b"BREVET_SOCKET=").then(|| CStr::from_bytes_with_nul(value).ok()).flatten()
    };
    environment.find_map(value).filter(|value| !value.is_empty()).unwrap_or(DEFAULT_SOCKET)
}

fn has_terminal() -> bool {
    call::openat2(c"/dev/tty", open::READ_WRITE | open::NO_CONTROLLING | open::NO_BLOCKING)
        .is_some_and(|terminal| call::is_terminal(&terminal))
}

/// The socket's file is opened first and then connected to through that descriptor, so that what was checked is what is used.
fn connect(path: &CStr) -> Option<Descriptor> {
    const KIND: u32 = 0o170_000;
    const SOCKET: u32 = 0o140_000;
    let place = call::openat2(path, open::PLACE | open::NO_LINK)?;
    let (mode, owner) = call::mode_and_owner(&place)?;
    if mode & KIND != SOCKET || owner != 0 {
        return None;
    }
    let connection = call::unix_socket()?;
    call::connect(&connection, &place)?;
    (call::peer(&connection)? == 0).then_some(connection)
}
