//! Commands that are one question and one answer.

use crate::arguments::{Query, What, Which};
use crate::connection::{self, Connection};
use crate::failure::Failure;
use crate::fit::fit;
use crate::run;
use crate::show;
use crate::status;
use crate::table::{self, Width};
use crate::terminal;
use crate::voice;
use brevet_api::broker::{Answer, Ask, Refused};
use brevet_core::id::RequestId;
use brevet_core::request::RequestState;
use brevet_sys::poll;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};

/// Asks and prints the answer; the exit status.
pub fn run(query: &Query) -> Result<u8, Failure> {
    let answer = ask(query)?;
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let refused = matches!(answer, Answer::Refused(_)) && !query.json;
    let columns = terminal::columns(if refused { stderr.as_fd() } else { stdout.as_fd() });
    let text = if query.json { json(&answer)? } else { fit(&words(&answer), columns) };
    // A reader that went away is no failure.
    drop(if refused { stderr.lock().write_all(text.as_bytes()) } else { stdout.lock().write_all(text.as_bytes()) });
    Ok(status_of(&answer))
}

fn ask(query: &Query) -> Result<Answer, Failure> {
    let wanted = match &query.what {
        What::Explain(options) => {
            let directory = run::working_directory()?;
            return asked(&Ask::Explain(Box::new(run::message(options, false))), &[directory.as_fd()]);
        }
        What::List => Ask::List {},
        What::Status => Ask::Status {},
        What::Requests => Ask::Requests {},
        What::Grants => Ask::Grants {},
        What::Withdraw(Which::Id(request)) => Ask::Withdraw { request: request.clone() },
        What::Withdraw(Which::Code(code)) => match pending_with(code)? {
            Ok(request) => Ask::Withdraw { request },
            Err(answer) => return Ok(answer),
        },
        What::End(grant) => Ask::End { grant: grant.clone() },
        What::Lock => Ask::Lock {},
    };
    asked(&wanted, &[])
}

/// One question, one connection.
fn asked(wanted: &Ask, descriptors: &[BorrowedFd<'_>]) -> Result<Answer, Failure> {
    let mut connection = Connection::open()?;
    connection.ask(wanted, descriptors)?;
    receive(&mut connection)
}

/// The pending request with this code, or the answer in its place.
fn pending_with(code: &str) -> Result<Result<RequestId, Answer>, Failure> {
    let requests = match asked(&Ask::Requests {}, &[])? {
        Answer::Requests { requests } => requests,
        other => return Ok(Err(other)),
    };
    let mut found = requests.into_iter().filter(|request| request.code == code && request.state == RequestState::Pending);
    Ok(match (found.next(), found.next()) {
        (Some(request), None) => Ok(request.request),
        (first, _) => {
            let reason = match first {
                None => format!("you have no pending request with the code {code}"),
                Some(_) => format!("several pending requests have the code {code}"),
            };
            let hint = Some("'brevet requests' shows your requests with their ids".to_owned());
            Err(Answer::Refused(Refused { code: "unknown".to_owned(), reason, hint, not_found: false }))
        }
    })
}

fn receive(connection: &mut Connection) -> Result<Answer, Failure> {
    loop {
        if let Some(frame) = connection.next()? {
            return connection::message(&frame);
        }
        if connection.is_closed() {
            return Err(Failure::BrokerGone);
        }
        poll::wait(&[(connection.as_fd(), connection.interest(true))], None)?;
        connection.fill()?;
    }
}

fn json(answer: &Answer) -> Result<String, Failure> {
    let text = serde_json::to_string(answer).map_err(|error| Failure::Answer(brevet_api::frame::FrameError::Content(error.to_string())))?;
    Ok(format!("{}\n", voice::ascii(&text)))
}

fn status_of(answer: &Answer) -> u8 {
    match answer {
        Answer::Refused(refused) if refused.not_found => status::NOT_FOUND,
        Answer::Refused(_) => status::REFUSED,
        Answer::Explained(explained) if explained.outcome == "refuse" => status::REFUSED,
        Answer::Explained(_)
        | Answer::Listed { .. }
        | Answer::Status(_)
        | Answer::Requests { .. }
        | Answer::Grants { .. }
        | Answer::Done { .. } => 0,
    }
}

/// Of the terminal that the answer goes to.
fn width() -> Width {
    Width::of(terminal::columns(std::io::stdout().as_fd()))
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Refused(refused) => {
            let (sentence, details) = show::refused(refused, "'brevet list' shows what you may run here");
            let details: String = details.iter().map(|detail| format!("  {detail}\n")).collect();
            format!("brevet: {sentence}\n{details}")
        }
        Answer::Done { text } => format!("{}\n", show::words(text)),
        Answer::Explained(explained) => table::explained(explained),
        Answer::Listed { policies } => table::policies(policies),
        Answer::Status(status) => table::status(status),
        Answer::Requests { requests } => table::requests(requests, width()),
        Answer::Grants { grants } => table::grants(grants, width()),
    }
}
