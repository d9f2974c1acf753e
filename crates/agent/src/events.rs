//! Server-sent events (WHATWG HTML, section 9.2), as far as the server uses them: `event`, `data` and comments.
//!
//! Bounded: an event that never ends is an error, not memory.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `message` where the stream names none.
    pub name: String,
    /// Lines of `data`, joined by a line feed.
    pub data: Vec<u8>,
}

/// An event or line is longer than the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an event of more than {limit} bytes")]
pub struct TooLong {
    /// What is allowed.
    pub limit: usize,
}

/// Takes the stream in pieces of any size.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    line: Vec<u8>,
    after_return: bool,
    name: String,
    data: Option<Vec<u8>>,
}

impl Parser {
    /// Events and lines of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), after_return: false, name: String::new(), data: None }
    }

    /// Takes the next piece and gives the events that it completes.
    ///
    /// # Errors
    /// When a line or an event passes the limit.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in piece {
            let ends = match byte {
                b'\n' if self.after_return => {
                    self.after_return = false;
                    continue;
                }
                b'\n' | b'\r' => true,
                _ => false,
            };
            self.after_return = byte == b'\r';
            if ends {
                let line = std::mem::take(&mut self.line);
                events.extend(self.take_line(&line)?);
            } else if self.line.len() >= self.limit {
                return Err(TooLong { limit: self.limit });
            } else {
                self.line.push(byte);
            }
        }
        Ok(events)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Option<Event>, TooLong> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return Ok(self.data.take().map(|data| Event { name: if name.is_empty() { "message".into() } else { name }, data }));
        }
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                let data = match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data
                    }
                    none => none.insert(Vec::new()),
                };
                if data.len().saturating_add(value.len()) > self.limit {
                    return Err(TooLong { limit: self.limit });
                }
                data.extend_from_slice(value);
            }
            // Comments (an empty field), `id`, `retry` and what a later version adds.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_the_stream_is_cut() {
        let stream = b": hello\n\nevent: document\r\ndata: {\"a\":1}\r\n\r\ndata:one\ndata: two\n\nevent: lonely\n\n";
        let expected = vec![
            Event { name: "document".into(), data: b"{\"a\":1}".to_vec() },
            Event { name: "message".into(), data: b"one\ntwo".to_vec() },
        ];
        for size in 1..stream.len() {
            let mut parser = Parser::new(100);
            let events: Vec<Event> = stream.chunks(size).flat_map(|piece| parser.push(piece).unwrap()).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let mut parser = Parser::new(10);
        assert_eq!(parser.push(&[b'x'; 11]), Err(TooLong { limit: 10 }));
        let mut parser = Parser::new(10);
        assert_eq!(parser.push(b"data: 12345\ndata: 123456\n"), Err(TooLong { limit: 10 }));
    }
}
