//! How the broker asks for a role, the launcher or a template, and is answered: one seqpacket message each.
//!
//! Each question has a number, and its answer has it too: what comes after nobody waited for it any more is known by that, and let go of.

use super::{Error, Role, Started};
use brevet_sys::clock;
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, PassError};
use brevet_sys::poll::{self, Interest};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// The longest word that comes with a request.
const MOST_WORD: usize = 64;

/// The broker's end.
#[derive(Debug)]
pub(super) struct Line {
    socket: OwnedFd,
    asked: u32,
}

impl Line {
    pub(super) const fn new(socket: OwnedFd) -> Self {
        Self { socket, asked: 0 }
    }

    /// Has a role started within so long. `word` is the session for which a supervisor waits.
    pub(super) fn ask(&mut self, role: Role, word: &str, patience_ms: u64) -> Result<Started, Error> {
        self.asked = self.asked.wrapping_add(1);
        let request = [&[role as u8], &self.asked.to_ne_bytes()[..], word.as_bytes()].concat();
        fdpass::send(self.socket.as_fd(), &request, &[])?;
        let until = clock::boottime_ms().saturating_add(patience_ms);
        loop {
            let left = until.saturating_sub(clock::boottime_ms());
            let ready = poll::wait(&[(self.socket.as_fd(), Interest::READ)], Some(left))?;
            if !ready.iter().any(|ready| ready.readable()) {
                if left == 0 {
                    return Err(Error::Silent);
                }
                continue;
            }
            let mut reply = [0u8; 12];
            let (length, descriptors) = fdpass::receive(self.socket.as_fd(), &mut reply, 2)?;
            let [a, b, c, d, e, f, g, h, i, j, k, l] = reply;
            if length != reply.len() {
                return Err(Error::Gone);
            }
            // What was started too late sees its socket close, and ends.
            if u32::from_ne_bytes([i, j, k, l]) != self.asked {
                continue;
            }
            let (errno, pid) = (i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h]));
            let mut descriptors = descriptors.into_iter();
            return match (errno, descriptors.next(), descriptors.next()) {
                (0, Some(pidfd), Some(control)) => Ok(Started { pid, pidfd, control: control.into(), session: None }),
                (0, ..) => Err(Error::Gone),
                (errno, ..) => Err(Error::Refused(std::io::Error::from_raw_os_error(errno))),
            };
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// None where there is no such role.
    pub(crate) role: Option<Role>,
    /// The session for which a supervisor is to wait.
    pub(crate) word: Vec<u8>,
    number: [u8; 4],
}

/// The next one; none when nobody is there any more.
///
/// # Errors
/// As the kernel says.
pub(crate) fn next_request(socket: BorrowedFd<'_>) -> Result<Option<Request>, Error> {
    let mut request = [0u8; MOST_WORD + 5];
    let length = match fdpass::receive(socket, &mut request, 0) {
        Ok((length, _)) => length,
        Err(PassError::Receive(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    let Some((&[role, a, b, c, d], word)) = request.get(..length).and_then(<[u8]>::split_first_chunk) else { return Ok(None) };
    Ok(Some(Request { role: Role::from_byte(role), word: word.to_vec(), number: [a, b, c, d] }))
}

impl Request {
    /// Answers it; false when nobody is there any more.
    pub(crate) fn answer(&self, socket: BorrowedFd<'_>, started: &Result<(Child, OwnedFd), Error>) -> bool {
        let sent = match started {
            Ok((child, control)) => fdpass::send(socket, &self.reply(0, child.pid), &[child.pidfd.as_fd(), control.as_fd()]),
            Err(error) => fdpass::send(socket, &self.reply(errno_of(error), 0), &[]),
        };
        sent.is_ok()
    }

    fn reply(&self, errno: i32, pid: i32) -> Vec<u8> {
        [errno.to_ne_bytes(), pid.to_ne_bytes(), self.number].concat()
    }
}

fn errno_of(error: &Error) -> i32 {
    const EINVAL: i32 = 22;
    match error {
        Error::System(error) => error.errno(),
        Error::Exec(error) => error.source.raw_os_error().unwrap_or(EINVAL),
        Error::Program(error) => error.raw_os_error().unwrap_or(EINVAL),
        Error::Unknown | Error::Gone | Error::Silent | Error::Refused(_) | Error::Pass(_) | Error::Random(_) | Error::Poisoned => EINVAL,
    }
    .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_sys::fdpass::Kind;
    use brevet_sys::pidfd;

    fn started(pid: i32) -> Result<(Child, OwnedFd), Error> {
        let pidfd = pidfd::open(brevet_sys::process::own_pid())?;
        Ok((Child { pid, pidfd }, fdpass::pair(Kind::Stream)?.0))
    }

    #[test]
    fn an_answer_that_comes_too_late_is_nobodys() {
        let (ours, theirs) = fdpass::pair(Kind::Seqpacket).unwrap();
        let mut line = Line::new(ours);
        assert!(matches!(line.ask(Role::Authn, "", 5), Err(Error::Silent)));
        assert!(matches!(line.ask(Role::Names, "", 5), Err(Error::Silent)));
        let late: Vec<Request> = (0..2).map(|_| next_request(theirs.as_fd()).unwrap().unwrap()).collect();
        assert_eq!((late[0].role, late[1].role), (Some(Role::Authn), Some(Role::Names)));
        assert!(late[0].answer(theirs.as_fd(), &started(11)) && late[1].answer(theirs.as_fd(), &Err(Error::Unknown)));
        let answered = std::thread::spawn(move || {
            let request = next_request(theirs.as_fd()).unwrap().unwrap();
            assert_eq!((request.role, request.word.as_slice()), (Some(Role::Waiting), &b"ses_x"[..]));
            request.answer(theirs.as_fd(), &started(33));
            // What is asked after that is refused, and then nobody is there.
            let request = next_request(theirs.as_fd()).unwrap().unwrap();
            request.answer(theirs.as_fd(), &Err(Error::Unknown));
        });
        assert_eq!(line.ask(Role::Waiting, "ses_x", 10_000).unwrap().pid, 33);
        assert!(matches!(line.ask(Role::Supervisor, "", 10_000), Err(Error::Refused(_))));
        answered.join().unwrap();
        assert!(line.ask(Role::Supervisor, "", 10_000).is_err());
    }
}
