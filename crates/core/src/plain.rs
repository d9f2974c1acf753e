//! What readers of TOML and JSON say of a value that does not fit, in words for somebody who writes such a file and never saw a line of
//! ours.

/// A reader's message without the words of programmers.
#[must_use]
pub fn plain(said: &str) -> String {
    if let Some((found, wanted)) = mismatch(said) {
        return format!("{} does not fit: write {}", found_in_words(found), wanted_in_words(wanted));
    }
    if said.ends_with("expected ident") {
        return "a value is missing, or is none: only true, false and null go without quotes".into();
    }
    if said == "wanted string or table" {
        return "write one of the words for it, in quotes".into();
    }
    said.replacen("unknown variant ", "there is no ", 1)
}

/// `invalid type: FOUND, expected WANTED`, of which a text that was found may have anything in it.
fn mismatch(said: &str) -> Option<(&str, &str)> {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|start| said.strip_prefix(start))?;
    let at = rest.rfind(", expected ")?;
    Some((rest.get(..at)?, rest.get(at..)?.strip_prefix(", expected ")?))
}

fn found_in_words(found: &str) -> String {
    let kinds = [
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("string ", "the text "),
        ("boolean ", ""),
        ("character ", "the text "),
        ("unit value", "null"),
        ("null", "null"),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let words = kinds.iter().find_map(|(kind, words)| Some(format!("{words}{}", found.strip_prefix(kind)?)));
    // Numbers are quoted as code.
    words.map_or_else(|| found.to_owned(), |words| words.replace('`', ""))
}

fn wanted_in_words(wanted: &str) -> &str {
    match wanted {
        "a string" | "str" | "string" => "a text in quotes",
        "a boolean" | "bool" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a sequence" => "a list",
        "a map" => "a table",
        structure if structure.starts_with("struct ") => "a table with its fields (in JSON an object)",
        choice if choice.contains("enum ") || choice.ends_with(" identifier") => "one of the words for it",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_and_what_is_wanted_are_said_in_words() {
        for (said, words) in [
            ("invalid type: integer `7`, expected a string", "the number 7 does not fit: write a text in quotes"),
            ("invalid type: string \"yes\", expected a boolean", "the text \"yes\" does not fit: write true or false"),
            ("invalid type: string \"a, expected b\", expected u32", "the text \"a, expected b\" does not fit: write a whole number"),
            ("invalid value: integer `-1`, expected u32", "the number -1 does not fit: write a whole number"),
            ("invalid type: sequence, expected a rule", "a list does not fit: write a rule"),
            ("unknown variant `monday`, expected `mon` or `tue`", "there is no `monday`, expected `mon` or `tue`"),
            ("expected ident", "a value is missing, or is none: only true, false and null go without quotes"),
            (
                "invalid type: string \"x\", expected struct Facts",
                "the text \"x\" does not fit: write a table with its fields (in JSON an object)",
            ),
            ("wanted string or table", "write one of the words for it, in quotes"),
            ("missing field `name`", "missing field `name`"),
        ] {
            assert_eq!(plain(said), words);
        }
    }
}
