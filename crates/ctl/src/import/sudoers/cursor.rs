//! Characters of a sudoers file, one after the other: white space, continued lines, comments, words.
//!
//! A comment ends with its line, even after a backslash: what stands under a comment is never hidden by it.

use super::Wrong;

/// A place in the text.
#[derive(Debug, Clone)]
pub struct Cursor<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Cursor<'t> {
    pub const fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    pub const fn line(&self) -> usize {
        self.line
    }

    pub const fn at(&self) -> usize {
        self.at
    }

    pub fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    pub fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        if found == '\n' {
            self.line += 1;
        }
        Some(found)
    }

    pub fn wrong(&self, why: impl Into<String>) -> Wrong {
        Wrong { line: self.line, why: why.into() }
    }

    /// Takes the text, if it is next.
    pub fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            for _ in text.chars() {
                self.next();
            }
        }
        is_next
    }

    /// How long a backslash with the end of its line is, if that is next.
    fn continuation(&self) -> Option<usize> {
        let after = self.rest().strip_prefix('\\')?;
        let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
        let line_end = after.get(blanks..)?;
        let end = if line_end.starts_with("\r\n") { 2 } else { usize::from(line_end.starts_with('\n')) };
        (end > 0).then_some(1 + blanks + end)
    }

    /// Skips blanks and continued lines; says whether there were any.
    pub fn blanks(&mut self) -> bool {
        let before = self.at;
        loop {
            let carriage = self.rest().starts_with("\r\n");
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
            } else if carriage || matches!(self.peek(), Some(' ' | '\t')) {
                self.next();
            } else {
                return self.at > before;
            }
        }
    }

    /// Whether a comment is next: `#`, unless a number follows it.
    fn at_comment(&self) -> bool {
        let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        self.rest().strip_prefix('#').is_some_and(|rest| !number(rest) && !rest.strip_prefix('-').is_some_and(number))
    }

    /// Whether the statement is over here.
    pub fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some('\n')) || self.at_comment()
    }

    /// Skips the rest of a line: only a comment may be there.
    pub fn end_of_statement(&mut self) -> Result<(), Wrong> {
        self.blanks();
        if !self.at_end() {
            return Err(self.wrong(format!("{} is not expected here", self.described())));
        }
        self.skip_line();
        Ok(())
    }

    /// Skips to behind the end of the line.
    pub fn skip_line(&mut self) {
        while let Some(c) = self.next() {
            if c == '\n' {
                break;
            }
        }
    }

    /// What is next, for messages.
    pub fn described(&self) -> String {
        match self.peek() {
            None | Some('\n') => "the end of the line".into(),
            Some(c) => format!("'{}'", brevet_core::escape::terminal(c.to_string().as_bytes())),
        }
    }

    /// Characters as long as they belong, from here.
    pub fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.next();
        }
        self.since(start)
    }

    /// A word: plain characters and escaped ones (without their backslash), or what stands in double quotes.
    ///
    /// Says also whether anything in it was quoted or escaped: then it is never a keyword or an alias.
    pub fn word(&mut self, ends: &str) -> Result<(String, bool), Wrong> {
        if self.take("\"") {
            return self.quoted().map(|text| (text, true));
        }
        let (mut word, mut escaped) = (String::new(), false);
        while let Some(c) = self.peek() {
            if c.is_whitespace() || ends.contains(c) || self.continuation().is_some() {
                break;
            }
            self.next();
            if c != '\\' {
                word.push(c);
                continue;
            }
            escaped = true;
            match self.next() {
                Some(c) if !matches!(c, '\n' | '\t') => word.push(c),
                _ => return Err(self.wrong("a backslash stands alone")),
            }
        }
        if word.is_empty() { Err(self.wrong(format!("{} where a name was expected", self.described()))) } else { Ok((word, escaped)) }
    }

    /// The rest of a text in double quotes; `\"` is a quote in it, any other backslash stays.
    pub fn quoted(&mut self) -> Result<String, Wrong> {
        let mut text = String::new();
        loop {
            if let Some(length) = self.continuation() {
                self.at += length;
                self.line += 1;
                self.run(|c| matches!(c, ' ' | '\t'));
                continue;
            }
            match self.next() {
                Some('"') if text.is_empty() => return Err(self.wrong("an empty text in quotes")),
                Some('"') => return Ok(text),
                None | Some('\n') => return Err(self.wrong("a quote has no end on its line")),
                Some('\\') if self.peek() == Some('"') => {
                    self.next();
                    text.push('"');
                }
                Some(c) => text.push(c),
            }
        }
    }
}
