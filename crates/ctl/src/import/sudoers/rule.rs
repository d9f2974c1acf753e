//! A command of sudoers as an application rule, or why it cannot be one.
//!
//! INVARIANT: a rule that allows lets through nothing that the command did not. sudo joins arguments with blanks and lets `*` stand for
//! blanks and `/`; Brevet's pattern stays within one name, so it means less. Whatever would mean more is not translated (ATTACKS E08).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use brevet_core::application::{Argument, Glob, Rule, validate_list_rule};

use super::ast::{Arguments, Command, FileDigest, What};

/// What a command becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// Every application.
    Everything,
    /// Any of these, with what is less than it was.
    Rules(Vec<Rule>, Option<&'static str>),
}

const NARROWER: &str =
    "in a pattern, * and ? stay within one argument, never stand for / or a blank, and never begin an option: less than sudo's";
const SHA256_ONLY: &str = "only SHA-256 digests were taken over";

/// The rule for a command that is allowed.
///
/// # Errors
/// Why it has none, and what to write instead.
pub fn of(command: &Command) -> Result<Meant, String> {
    let hashes = hashes(&command.digests)?;
    let lost = (hashes.len() < command.digests.len()).then_some(SHA256_ONLY);
    match &command.what {
        What::All if command.digests.is_empty() => Ok(Meant::Everything),
        What::All => with_hashes(Rule::default(), &hashes, lost),
        What::Path(path, _) if path.contains(['*', '?', '[']) => {
            Err(format!("{path}: a pattern in a path; name the files, or a folder if all of it is meant"))
        }
        What::Path(path, arguments) => match path.strip_suffix('/') {
            Some(folder) => {
                let folder = if folder.is_empty() { "/" } else { folder };
                with_hashes(Rule { folder: Some(folder.into()), ..Rule::default() }, &hashes, lost)
            }
            None => {
                let (arguments, narrowed) = translated(arguments).map_err(|why| format!("{path}: {why}"))?;
                let rule = Rule { file: Some(path.clone()), arguments, ..Rule::default() };
                with_hashes(rule, &hashes, narrowed.or(lost))
            }
        },
        What::Regex(regex, _) => Err(format!("{regex}: a regular expression; name the files")),
        What::Edit(_) => Err("sudoedit: this version of Brevet has no editing of files on a user's behalf".into()),
        What::List(_) => Err("list: who may see others' rights is said by roles on the server".into()),
        What::Alias(name) => Err(format!("{name}: an alias that is not defined")),
    }
}

fn with_hashes(rule: Rule, hashes: &[String], note: Option<&'static str>) -> Result<Meant, String> {
    let rules: Vec<Rule> = if hashes.is_empty() {
        vec![rule.clone()]
    } else {
        let with = |hash: &String| serde_json::from_value(hash.as_str().into()).ok().map(|hash| Rule { hash: Some(hash), ..rule.clone() });
        hashes.iter().filter_map(with).collect()
    };
    let wrong = rules.iter().flat_map(validate_list_rule).next();
    match wrong {
        Some(error) => Err(format!("{}: {error}", rule.file.as_deref().or(rule.folder.as_deref()).unwrap_or_default())),
        None => Ok(Meant::Rules(rules, note)),
    }
}

/// Those of SHA-256 as Brevet writes them.
fn hashes(digests: &[FileDigest]) -> Result<Vec<String>, String> {
    let found: Vec<String> = digests.iter().filter(|digest| digest.bits == 256).filter_map(|digest| hexadecimal(&digest.text)).collect();
    if found.is_empty() && !digests.is_empty() {
        return Err("a digest that is not SHA-256; write hash = \"sha256:…\" of the same file".into());
    }
    Ok(found.into_iter().map(|hex| format!("sha256:{hex}")).collect())
}

fn hexadecimal(text: &str) -> Option<String> {
    if text.len() == 64 {
        return Some(text.to_ascii_lowercase());
    }
    let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok().filter(|bytes| bytes.len() == 32)?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

type Translated = (Option<Vec<Argument>>, Option<&'static str>);

fn translated(arguments: &Arguments) -> Result<Translated, String> {
    match arguments {
        Arguments::Any => Ok((None, None)),
        Arguments::None => Ok((Some(Vec::new()), None)),
        Arguments::Regex(_) => Err("a regular expression over arguments; write patterns such as { glob = \"web-*\" }".into()),
        // Nothing but `*` lets through everything, as no arguments at all would.
        Arguments::Words(words) if words.len() == 1 && words.first().is_some_and(|word| word == "*") => Ok((None, None)),
        Arguments::Words(words) => {
            let all = words.iter().map(|word| argument(word)).collect::<Result<Vec<_>, _>>()?;
            let narrowed = all.iter().any(|argument| matches!(argument, Argument::Glob(_))).then_some(NARROWER);
            Ok((Some(all), narrowed))
        }
    }
}

/// A word for `fnmatch(3)` as one argument.
fn argument(word: &str) -> Result<Argument, String> {
    let (mut text, mut wild, mut literal_sign) = (String::new(), false, false);
    let mut characters = word.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                let escaped = characters.next().ok_or("a backslash at the end of an argument")?;
                literal_sign |= matches!(escaped, '*' | '?');
                text.push(escaped);
            }
            '*' | '?' => {
                wild = true;
                text.push(c);
            }
            '[' => return Err(format!("'{word}': a set of characters; write out what is meant, an argument each")),
            c => text.push(c),
        }
    }
    match (wild, literal_sign) {
        (false, _) => Ok(Argument::Exact(text)),
        (true, false) => Ok(Argument::Glob(Glob { glob: text })),
        (true, true) => Err(format!("'{word}': a pattern with an escaped * or ? in it")),
    }
}

/// Most words of arguments that are taken out again: each way of dividing them is a rule of its own.
const MOST_WORDS: usize = 4;

/// Rules that take out everything that `!command` took out, for a file that another rule allows by the same path.
///
/// # Errors
/// When some of it would stay in.
pub fn exceptions(path: &str, arguments: &Arguments) -> Result<Vec<Rule>, &'static str> {
    let file = |arguments: Vec<Argument>| Rule { file: Some(path.to_owned()), arguments: Some(arguments), ..Rule::default() };
    let words = match arguments {
        Arguments::None => return Ok(vec![file(Vec::new())]),
        Arguments::Any => return Err("all of it is taken away again"),
        Arguments::Regex(_) => return Err("a regular expression takes some of it away, which no rule says exactly"),
        Arguments::Words(words) => words,
    };
    let literal = |word: &String| match argument(word) {
        Ok(Argument::Exact(text)) => Some(text),
        _ => None,
    };
    let Some(words) = words.iter().map(literal).collect::<Option<Vec<String>>>() else {
        return Err("a pattern takes some of it away, which no rule says exactly");
    };
    // sudo compares the arguments joined by blanks: `a b` is two arguments, or one with a blank in it.
    let joined = words.join(" ");
    let words: Vec<&str> = joined.split(' ').collect();
    if words.len() > MOST_WORDS {
        return Err("more words are taken away than can be written out");
    }
    let cuts = words.len().saturating_sub(1);
    let rules = (0..1usize << cuts).map(|joints| {
        let mut out: Vec<String> = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let joint = index > 0 && joints & (1 << (index - 1)) != 0;
            match out.last_mut().filter(|_| joint) {
                Some(last) => {
                    last.push(' ');
                    last.push_str(word);
                }
                None => out.push((*word).to_owned()),
            }
        }
        file(out.into_iter().map(Argument::Exact).collect())
    });
    Ok(rules.collect())
}

/// Whether sudo may take one run for both commands.
pub fn may_meet(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::List(_), _) | (_, What::List(_)) | (What::Alias(_), _) | (_, What::Alias(_)) => false,
        (What::Edit(_), What::Path(..)) | (What::Path(..), What::Edit(_)) => false,
        (What::Path(one, left), What::Path(other, right)) => {
            let named = |path: &str| (!path.ends_with('/') && !path.contains(['*', '?', '['])).then(|| base(path).to_owned());
            match (named(one), named(other)) {
                // sudo compares a file's last name, and then device and inode.
                (Some(one), Some(other)) => one == other && arguments_may_meet(left, right),
                _ => true,
            }
        }
        _ => true,
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn arguments_may_meet(one: &Arguments, other: &Arguments) -> bool {
    let literal = |arguments: &Arguments| match arguments {
        Arguments::None => Some(String::new()),
        Arguments::Words(words) => {
            let texts = words.iter().map(|word| match argument(word) {
                Ok(Argument::Exact(text)) => Some(text),
                _ => None,
            });
            texts.collect::<Option<Vec<String>>>().map(|words| words.join(" "))
        }
        Arguments::Any | Arguments::Regex(_) => None,
    };
    match (literal(one), literal(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}
