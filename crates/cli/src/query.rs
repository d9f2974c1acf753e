//! Commands that are one question and one answer.

use crate::arguments::{Query, What};
use crate::connection::{self, Connection};
use crate::failure::Failure;
use crate::run;
use crate::show;
use crate::status;
use crate::table::{self, Width};
use crate::voice;
use brevet_api::broker::{Answer, Ask};
use brevet_sys::{poll, pty};
use std::io::Write as _;
use std::os::fd::AsFd as _;

/// Asks and prints the answer; the exit status.
pub fn run(query: &Query) -> Result<u8, Failure> {
    let mut connection = Connection::open()?;
    let directory = run::working_directory();
    match &query.what {
        What::Explain(options) => {
            let message = Ask::Explain(Box::new(run::message(options, false)));
            connection.ask(&message, &[directory?.as_fd()])?;
        }
        What::List => connection.ask(&Ask::List {}, &[])?,
        What::Status => connection.ask(&Ask::Status {}, &[])?,
        What::Requests => connection.ask(&Ask::Requests {}, &[])?,
        What::Grants => connection.ask(&Ask::Grants {}, &[])?,
        What::Withdraw(request) => connection.ask(&Ask::Withdraw { request: request.clone() }, &[])?,
        What::End(grant) => connection.ask(&Ask::End { grant: grant.clone() }, &[])?,
        What::Lock => connection.ask(&Ask::Lock {}, &[])?,
    }
    let answer = receive(&mut connection)?;
    let text = if query.json { json(&answer)? } else { words(&answer) };
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let refused = matches!(answer, Answer::Refused(_)) && !query.json;
    // A reader that went away is no failure.
    drop(if refused { stderr.lock().write_all(text.as_bytes()) } else { stdout.lock().write_all(text.as_bytes()) });
    Ok(status_of(&answer))
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
    Width::of(pty::window_size(std::io::stdout().as_fd()).ok().map(|size| usize::from(size.columns)))
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Refused(refused) => {
            let (sentence, details) = show::refused(refused);
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
