//! Text as Python prints it, where it is part of a statistics key.

/// `repr()` of a `str`.
pub fn python_repr(text: &str) -> String {
    use std::fmt::Write as _;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c == '\u{ad}' => {
                write!(out, "\\x{:02x}", c as u32).expect("writing to a String does not fail");
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Bytes as UTF-8 if they are that, else as latin-1.
pub fn utf8_or_latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(bytes),
    }
}

/// Bytes as latin-1.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A header's value as latin-1; where it goes on in a further line, one space stands for the break.
pub fn unfolded(value: &[u8]) -> String {
    let text = latin1(value);
    if !text.contains('\n') {
        return text;
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Text as latin-1; as UTF-8 if it has other characters.
pub fn latin1_bytes(text: &str) -> Vec<u8> {
    let bytes: Result<_, _> = text.chars().map(u8::try_from).collect();
    bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_python_quotes_them() {
        assert_eq!(python_repr("a"), "'a'");
        assert_eq!(python_repr("it's"), "\"it's\"");
        assert_eq!(python_repr("it's \"so\""), "'it\\'s \"so\"'");
        assert_eq!(python_repr("a\\b\n\u{1}\u{a0}é"), "'a\\\\b\\n\\x01\\xa0é'");
    }

    #[test]
    fn folded_values_are_one_line() {
        assert_eq!(unfolded(b"a\r\n \t b\n c"), "a b c");
        assert_eq!(unfolded(b"\xfc "), "\u{fc} ");
    }

    #[test]
    fn latin1_goes_both_ways() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(latin1_bytes(&latin1(&all)), all);
        assert_eq!(latin1_bytes("€"), "€".as_bytes());
    }
}
