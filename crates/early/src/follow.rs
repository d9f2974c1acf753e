//! A session that has no terminal and ends by itself is followed to its end from here: nothing of it needs the library.
//!
//! INVARIANT: what is not understood stays in the socket, with the descriptors that may come with it, for the program.

use crate::SIGNALS;
use crate::call::{self, Descriptor};
use crate::frame::same;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// The session's program ended with this status.
    Ended(u8),
    /// The program goes on from here; so many bytes of the room were read already.
    Read(usize),
}

/// Waits for answers. The library is not started meanwhile, because that would take the processor from who works on them. Until
/// the session has started a signal ends us as it would any program.
pub fn follow(connection: &Descriptor, room: &mut [u8]) -> Followed {
    call::wait_readable([connection]);
    let Some(started) = peek(connection, room).filter(|frame| is_started_without_terminal(frame)).map(<[u8]>::len) else {
        return Followed::Read(0);
    };
    // Signals are for the session from here on: the program finds those that wait.
    let Some(signals) = call::signals(mask()) else { return Followed::Read(0) };
    let Some(place) = room.get_mut(..started) else { return Followed::Read(0) };
    let Some(read) = call::receive(connection, place, true) else { return Followed::Read(0) };
    let [_, signalled] = call::wait_readable([connection, &signals]);
    let rest = room.get_mut(read..).unwrap_or_default();
    match peek(connection, rest).and_then(ended).filter(|_| !signalled) {
        Some(status) => Followed::Ended(status),
        None => Followed::Read(read),
    }
}

/// The next frame, where the whole of it is there.
fn peek<'a>(connection: &Descriptor, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let there = call::receive(connection, room, false)?;
    frame(room.get(..there)?)
}

fn mask() -> u64 {
    SIGNALS.iter().fold(0, |mask, signal| mask | 1u64.wrapping_shl(signal.unsigned_abs().wrapping_sub(1)))
}

/// The first whole frame of a control message, with its head.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(u32::from_be_bytes(*bytes.first_chunk::<4>()?)).ok()?;
    let frame = bytes.get(..length.checked_add(4)?)?;
    (*frame.get(4)? == 0).then_some(frame)
}

fn is_started_without_terminal(frame: &[u8]) -> bool {
    let begins = |at: usize, with: &[u8]| frame.get(at..).and_then(|rest| rest.get(..with.len())).is_some_and(|there| same(there, with));
    // Ids have no quotes in them: this is found only where it stands.
    begins(5, b"{\"tell\":\"started\",") && (5..frame.len()).any(|at| begins(at, b",\"terminal\":[false,false,false],"))
}

/// The status in the last message, where it says nothing else.
fn ended(frame: &[u8]) -> Option<u8> {
    let start = b"{\"tell\":\"ended\",\"status\":";
    let message = frame.get(5..)?;
    if !same(message.get(..start.len())?, start) {
        return None;
    }
    let (end, digits) = message.get(start.len()..)?.split_last()?;
    if *end != b'}' || digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u8, |status, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        status.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn of(message: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(message.len().saturating_add(1)).unwrap().to_be_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(message.as_bytes());
        bytes
    }

    #[test]
    fn only_a_plain_start_and_a_plain_end_are_understood() {
        let started = |terminal: &str| {
            of(&std::format!(
                "{{\"tell\":\"started\",\"session\":\"ses_1\",\"grant\":\"gra_1\",\"terminal\":{terminal},\"ends\":1,\"ends_in_millis\":2}}"
            ))
        };
        assert!(is_started_without_terminal(frame(&started("[false,false,false]")).unwrap()));
        for other in [started("[false,true,false]"), of("{\"tell\":\"ended\",\"status\":0}"), of("{}"), of("")] {
            assert!(!is_started_without_terminal(frame(&other).unwrap()));
        }
        for (message, status) in
            [("0", Some(0)), ("7", Some(7)), ("255", Some(255)), ("256", None), ("", None), ("-1", None), ("1,\"because\":\"x\"", None)]
        {
            assert_eq!(ended(frame(&of(&std::format!("{{\"tell\":\"ended\",\"status\":{message}}}"))).unwrap()), status, "{message}");
        }
        for message in ["{\"tell\":\"ended\",\"signal\":9}", "{\"tell\":\"stopped\",\"signal\":20}", "", "{"] {
            assert_eq!(ended(frame(&of(message)).unwrap()), None, "{message}");
        }
    }

    #[test]
    fn a_part_of_a_frame_and_one_of_another_kind_are_none() {
        let whole = of("{\"tell\":\"ended\",\"status\":0}");
        for length in 0..whole.len() {
            assert_eq!(frame(&whole[..length]), None, "{length}");
        }
        let mut more = whole.clone();
        more.push(1);
        assert_eq!(frame(&more), Some(&whole[..]));
        more[4] = 1;
        assert_eq!(frame(&more), None);
        assert_eq!(frame(&[255, 255, 255, 255, 0]), None);
    }
}
