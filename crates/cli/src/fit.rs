//! Lines that fit a terminal: broken between words, and what goes on stands below where it began. Pure.
//!
//! A break takes the place of one space and nothing else changes, so that a command line still reads as it is.

/// Breaks each line that is longer than the columns, where there are any. A word that is longer stays whole.
pub fn fit(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if line.chars().count() > columns {
            broken(line, columns, &mut out)
        } else {
            out.push_str(line)
        }
        out.push_str(end);
    }
    out
}

fn broken(line: &str, columns: usize, out: &mut String) {
    let (head, body) = head(line, columns);
    let hang = head.chars().count();
    out.push_str(head);
    let mut at = hang;
    for (index, word) in body.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && at > hang && at.saturating_add(1).saturating_add(length) > columns {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            at = hang;
        } else if index > 0 {
            out.push(' ');
            at = at.saturating_add(1);
        }
        out.push_str(word);
        at = at.saturating_add(length);
    }
}

/// A label or an option with the space behind it, or only the indentation; and the rest.
fn head(line: &str, columns: usize) -> (&str, &str) {
    let spaces = |text: &str| text.len().saturating_sub(text.trim_start_matches(' ').len());
    let indent = spaces(line);
    let after = line.get(indent..).unwrap_or_default();
    let label = after.find("  ").map(|at| indent.saturating_add(at));
    let column = label.map(|at| at.saturating_add(spaces(line.get(at..).unwrap_or_default())));
    // Far to the right there is no room for what goes on, and two spaces may be somebody's own.
    let column = column.filter(|column| *column <= 24 && column.saturating_mul(2) <= columns);
    line.split_at_checked(column.unwrap_or(indent)).unwrap_or(("", line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_go_on_below_their_beginning() {
        assert_eq!(fit("  --for TIME    how long, at most\n", Some(26)), "  --for TIME    how long, at most\n".replace(", at", ",\n  at"));
        let shown = fit("  command     tool one two three four\nshort\n", Some(30));
        assert_eq!(shown, "  command     tool one two\n              three four\nshort\n");
        assert_eq!(fit("one two three", Some(8)), "one two\nthree");
        assert_eq!(fit("abcdefghij kl", Some(4)), "abcdefghij\nkl");
        assert_eq!(fit("one two three", None), "one two three");
    }

    #[test]
    fn nothing_but_one_space_at_a_break_is_lost() {
        let line = "  command     x 'a  b   c' 'd    e'  f";
        for columns in 1..60 {
            let shown = fit(line, Some(columns));
            let (head, _) = head(line, columns);
            let again = shown.replace(&format!("\n{}", " ".repeat(head.chars().count())), " ");
            assert_eq!(again, line, "{columns}");
        }
    }
}
