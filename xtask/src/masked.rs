//! Rust source with everything blanked that is not code: comments, strings, characters.
//!
//! Not a parser: it knows just enough of the language not to take a word in a comment for code.
//! Lines keep their numbers and columns keep their places, counted in characters.

/// The code of a source text; comments and literals are spaces.
#[must_use]
pub fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_to(&chars, at);
        if end > at {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            at = copy_word(&chars, at, &mut out);
        }
    }
    out
}

/// Copies one character, or the whole word it begins, so that a raw string's `r` is seen only
/// where a word may begin.
fn copy_word(chars: &[char], at: usize, out: &mut String) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut end = at + 1;
    if is_part(chars[at]) {
        while end < chars.len() && is_part(chars[end]) {
            end += 1;
        }
    }
    out.extend(&chars[at..end]);
    end
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none does.
fn skipped_to(chars: &[char], at: usize) -> usize {
    let ahead = |offset: usize| chars.get(at + offset).copied();
    match (chars[at], ahead(1)) {
        ('/', Some('/')) => line_end(chars, at),
        ('/', Some('*')) => block_end(chars, at),
        ('"', _) => string_end(chars, at + 1),
        ('b' | 'c', Some('"')) => string_end(chars, at + 2),
        ('b', Some('\'')) => char_end(chars, at + 1).unwrap_or(at),
        ('b' | 'c', Some('r')) => raw_end(chars, at + 2).unwrap_or(at),
        ('r', Some('"' | '#')) => raw_end(chars, at + 1).unwrap_or(at),
        ('\'', _) => char_end(chars, at).unwrap_or(at),
        _ => at,
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |offset| at + offset)
}

fn block_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut place) = (0usize, at);
    while place < chars.len() {
        match (chars[place], chars.get(place + 1)) {
            ('/', Some('*')) => (depth, place) = (depth + 1, place + 2),
            ('*', Some('/')) if depth == 1 => return place + 2,
            ('*', Some('/')) => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut place = from;
    while place < chars.len() {
        match chars[place] {
            '\\' => place += 2,
            '"' => return place + 1,
            _ => place += 1,
        }
    }
    chars.len()
}

/// The end of a raw string whose hashes begin at `from`; none when it is a raw identifier.
fn raw_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    let quote = from + hashes;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let closes = |place: usize| {
        chars[place] == '"'
            && chars[place + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let end = (quote + 1..chars.len()).find(|place| closes(*place))?;
    Some(end + 1 + hashes)
}

/// The end of a character literal; none when the quote begins a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    match (chars.get(at + 1)?, chars.get(at + 2)?) {
        ('\\', _) => {
            let close = chars[at + 3..].iter().position(|c| *c == '\'')?;
            Some(at + 3 + close + 1)
        }
        (_, '\'') => Some(at + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    fn check(source: &str, expect: &str) {
        let code = masked(source);
        assert_eq!(
            code.chars().count(),
            source.chars().count(),
            "columns keep their places: {source}"
        );
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expect, "{source}");
    }

    #[test]
    fn comments_and_literals_are_blank_and_code_stays() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"x("tokio \" y") z"#, "x( ) z");
        check("let r = r#\"a \"b\" c\"#;", "let r = ;");
        check("'a' 'b: &'static str", "'b: &'static str");
        check(r"'\'' b'\n' q", "q");
        check("br\"x\" r#type bar\"s\"", "r#type bar");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(masked("\"a\nb\"\nc").lines().count(), 3);
    }
}
