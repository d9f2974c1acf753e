//! A session runs: bytes between the user's terminal and the session's, signals, window size and job control, until it ends.
//!
//! INVARIANT: the user's terminal is raw only while we are in its foreground, and never after this module is left.

mod lines;

use super::Talk;
use crate::connection::{self, PLENTY};
use crate::failure::Failure;
use crate::show;
use crate::status;
use crate::terminal;
use brevet_api::broker::{Ended, Reply, Started, Tell};
use brevet_api::frame::TERMINAL;
use brevet_sys::poll::{self, Interest};
use brevet_sys::signal;
use lines::{Lines, Read};
use std::os::fd::{AsFd as _, BorrowedFd};

/// Follows a session to its end; the exit status.
pub fn follow(talk: &mut Talk<'_>, started: &Started) -> Result<u8, Failure> {
    let mut lines = Lines::of(started.terminal);
    let outcome = follow_with(talk, &mut lines);
    lines.release();
    talk.voice.raw = false;
    match &outcome {
        Ok(ended) => {
            // Where it was ended, the person was told at that moment.
            if let Some(because) = show::ended(ended).filter(|because| talk.noted.as_ref() != Some(because)) {
                talk.voice.say(&because);
            }
            Ok(status_of(ended))
        }
        Err(_) => outcome.map(|_| status::FAILED),
    }
}

/// The exit status that a program's end means.
pub fn status_of(ended: &Ended) -> u8 {
    match (ended.status, ended.signal) {
        (Some(status), _) => status,
        (None, Some(signal)) => status::of_signal(signal),
        (None, None) => status::FAILED,
    }
}

fn follow_with(talk: &mut Talk<'_>, lines: &mut Lines) -> Result<Ended, Failure> {
    lines.take()?;
    loop {
        talk.voice.raw = lines.is_raw();
        while lines.waiting() < PLENTY {
            let Some(frame) = talk.connection.next()? else { break };
            if frame.kind == TERMINAL {
                lines.show(&frame.payload);
            } else if let Some(ended) = hear(talk, lines, connection::message(&frame)?)? {
                drain(talk, lines)?;
                return Ok(ended);
            }
        }
        if talk.connection.is_closed() && lines.waiting() < PLENTY {
            drain(talk, lines)?;
            return Err(Failure::SessionLost);
        }
        if let Turn::Gone = turn(talk, lines)? {
            // WHY not waited for: the supervisor hangs up on the program when we go, as the kernel does when a terminal is closed.
            return Ok(Ended { status: None, signal: Some(libc::SIGHUP), because: Some("the terminal is gone".to_owned()) });
        }
    }
}

/// What comes after a turn.
enum Turn {
    Next,
    /// The person's terminal was closed. Who leads its session may keep that to itself (`su - alice` does): we are then told by nothing else.
    Gone,
}

/// Waits for whatever comes next and passes it on.
fn turn(talk: &mut Talk<'_>, lines: &mut Lines) -> Result<Turn, Failure> {
    let listening = lines.waiting() < PLENTY;
    let mut list: Vec<(BorrowedFd<'_>, Interest)> =
        vec![(talk.connection.as_fd(), talk.connection.interest(listening)), (talk.signals.as_fd(), Interest::READ)];
    let input = lines.input(talk.connection.is_full());
    let output = lines.output().map(|fd| (fd, Interest::WRITE));
    list.extend(input);
    list.extend(output);
    let ready = poll::wait(&list, lines.patience())?;
    let mut ready = ready.into_iter();
    let mut next = |there: bool| if there { ready.next().unwrap_or_default() } else { poll::Ready::default() };
    let (from_session, caught_one, key, room) = (next(true), next(true), next(input.is_some()), next(output.is_some()));
    if key.hung_up() {
        if !signal::is_ignored(signal::HANG_UP) {
            return Ok(Turn::Gone);
        }
        lines.lose_input();
        talk.connection.push(&Reply::InputEnd {})?;
    }
    if caught_one.readable()
        && let Some(number) = talk.signals.next()
    {
        caught(talk, lines, number)?;
    }
    if from_session.writable() {
        talk.connection.flush();
    }
    if from_session.readable() {
        talk.connection.fill()?;
    }
    if room.writable() {
        lines.write();
    }
    let keys = if key.readable() {
        lines.read()
    } else {
        lines.look_again()?;
        Read::Nothing
    };
    match keys {
        Read::Bytes(bytes) => talk.connection.push_terminal(&bytes)?,
        Read::Nothing => {}
        Read::End => talk.connection.push(&Reply::InputEnd {})?,
    }
    Ok(Turn::Next)
}

fn hear(talk: &mut Talk<'_>, lines: &mut Lines, tell: Tell) -> Result<Option<Ended>, Failure> {
    talk.voice.pass_on(&tell);
    match tell {
        Tell::Ended(ended) => return Ok(Some(ended)),
        Tell::Notice { text } => {
            let text = show::words(&text);
            // What the program has shown comes first, and the note is for the person, wherever standard error goes.
            if talk.voice.is_json() || !lines.note(&text) {
                talk.voice.say(&text);
            }
            talk.noted = Some(text);
        }
        Tell::Stopped { signal } => stopped(talk, lines, signal)?,
        // The broker's messages: not from a supervisor.
        Tell::Refused(_)
        | Tell::NeedReason(_)
        | Tell::Authenticate { .. }
        | Tell::Pending(_)
        | Tell::Approved(_)
        | Tell::Declined { .. }
        | Tell::Closed { .. }
        | Tell::Started(_) => {}
    }
    Ok(None)
}

/// The program was stopped: so do we, and when we go on, so does it.
fn stopped(talk: &mut Talk<'_>, lines: &mut Lines, signal: i32) -> Result<(), Failure> {
    if matches!(signal, libc::SIGTTIN | libc::SIGTTOU) {
        give_terminal(talk, lines, signal)?;
    } else {
        lines.write();
        lines.release();
        // SIGSTOP would stop us also where nobody can wake us. Without a terminal nobody's job control is about our whole group.
        let stop = if lines.any() { terminal::stop } else { terminal::stop_self };
        let stopped = stop(libc::SIGTSTP, &talk.signals)?;
        lines.take()?;
        if let Some(number) = stopped.signal {
            caught(talk, lines, number)?;
        }
    }
    resize(talk)?;
    talk.connection.push(&Reply::Continue {})
}

/// It wants the terminal. Where we can give it nobody needs to stop (as with `brevet run apt upgrade | tee log`, when apt asks);
/// in the background we stop, as it did, until we are in the foreground.
fn give_terminal(talk: &mut Talk<'_>, lines: &mut Lines, signal: i32) -> Result<(), Failure> {
    loop {
        let typed = lines.typed_ahead();
        if !typed.is_empty() {
            talk.connection.push_terminal(&typed)?;
        }
        if lines.take_now()? {
            return Ok(());
        }
        lines.write();
        let stopped = terminal::stop(signal, &talk.signals)?;
        if let Some(number) = stopped.signal {
            return caught(talk, lines, number);
        }
        if !stopped.woken {
            // Taken when it has become ours (`look_again`).
            return Ok(());
        }
        lines.retake()?;
    }
}

fn caught(talk: &mut Talk<'_>, lines: &mut Lines, number: i32) -> Result<(), Failure> {
    match number {
        libc::SIGWINCH => resize(talk),
        libc::SIGCONT => {
            lines.retake()?;
            resize(talk)
        }
        // Ctrl-Z too: we stop when the program has.
        signal => talk.connection.push(&Reply::Signal { signal }),
    }
}

fn resize(talk: &mut Talk<'_>) -> Result<(), Failure> {
    match super::window() {
        Some(window) => talk.connection.push(&Reply::Window(window)),
        None => Ok(()),
    }
}

/// Writes what is left of the program's output; a signal that would end us ends the waiting.
fn drain(talk: &Talk<'_>, lines: &mut Lines) -> Result<(), Failure> {
    while let Some(output) = lines.output() {
        let ready = poll::wait(&[(output, Interest::WRITE), (talk.signals.as_fd(), Interest::READ)], None)?;
        let [room, signal] = ready.as_slice() else { break };
        let (room, signal) = (room.writable(), signal.readable());
        if room {
            lines.write();
        }
        if signal && talk.signals.next().is_some_and(|number| !matches!(number, libc::SIGWINCH | libc::SIGCONT)) {
            break;
        }
    }
    Ok(())
}
