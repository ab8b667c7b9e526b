//! Takes secrets out of heads, URLs and bodies before they are kept. Goes by names (of headers, parameters, fields) and by
//! a few shapes (credentials in URLs, bearer tokens, JSON web tokens); a body may be cut or broken, so none is parsed.

use std::collections::BTreeSet;

/// Stands where a secret was.
pub const REMOVED: &str = "(removed)";

/// A name is that of a secret if one of these is in it, whatever its case and separators.
const PARTS: [&str; 16] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "signature",
    "sessionid",
    "jwt",
    "cardnumber",
    "securitycode",
];
/// Or if one of its words is one of these.
const WORDS: [&str; 14] =
    ["key", "keys", "auth", "pwd", "pass", "pin", "sid", "session", "otp", "sig", "csrf", "xsrf", "cvv", "cvc"];
/// What may stand before a secret in `Authorization`.
const SCHEMES: [&str; 8] = ["Basic", "Bearer", "Digest", "Negotiate", "NTLM", "Token", "ApiKey", "AWS4-HMAC-SHA256"];
/// A tag that is longer is not looked at.
const LONGEST_TAG: usize = 1 << 10;
/// A name that is longer is none.
const LONGEST_NAME: usize = 64;

/// Which names are those of secrets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redaction {
    more: BTreeSet<String>,
}

impl Redaction {
    /// The usual names, and these.
    pub fn with(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self { more: names.into_iter().map(|name| letters(name.as_ref())).filter(|name| !name.is_empty()).collect() }
    }

    /// Whether what has this name is a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let plain = letters(name);
        self.more.contains(&plain)
            || PARTS.iter().any(|part| plain.contains(part))
            || words(name).any(|word| WORDS.contains(&word.as_str()))
    }

    /// The value of a header.
    pub fn header(&self, name: &str, value: &str) -> String {
        if name.eq_ignore_ascii_case("cookie") {
            let hidden = value.split(';').map(|pair| without_value(pair.trim()));
            return hidden.collect::<Vec<_>>().join("; ");
        }
        if name.eq_ignore_ascii_case("set-cookie") {
            let (pair, attributes) = value.split_once(';').map_or((value, None), |(pair, rest)| (pair, Some(rest)));
            return attributes.map_or_else(|| without_value(pair), |rest| format!("{};{rest}", without_value(pair)));
        }
        if self.is_secret(name) {
            let scheme = value.split_once(' ').map(|(first, _)| first);
            return match scheme.filter(|first| SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(first))) {
                Some(scheme) => format!("{scheme} {REMOVED}"),
                None => REMOVED.to_owned(),
            };
        }
        self.text(value)
    }

    /// A URL, a request line, or a body.
    pub fn text(&self, text: &str) -> String {
        let mut scan = Scan { redaction: self, text, out: String::with_capacity(text.len()), told: 0 };
        let mut at = 0;
        while let Some(found) = text[at..].find(['=', '%', ':', '<', 'e', 'B', 'C']) {
            at += found;
            at = match text.as_bytes()[at] {
                b'=' => scan.parameter(at),
                b'%' => scan.encoded_parameter(at),
                b':' if text[at..].starts_with("://") => scan.authority(at),
                b':' => scan.field(at),
                b'<' => scan.tag(at),
                b'C' => scan.part(at),
                _ => scan.token(at),
            };
        }
        scan.finish()
    }
}

/// Lower-case letters and digits of a name.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a name like `x-api-key`, `user[pass]` or `sessionKey`, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut before_is_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && before_is_lower || !c.is_alphanumeric() {
            spaced.push(' ');
        }
        if c.is_alphanumeric() {
            spaced.extend(c.to_lowercase());
        }
        before_is_lower = c.is_lowercase();
    }
    spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// `name=value` with the value removed.
fn without_value(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={REMOVED}"),
        None => REMOVED.to_owned(),
    }
}

/// A text on its way through. Each step is given a place and says where to go on.
struct Scan<'a> {
    redaction: &'a Redaction,
    text: &'a str,
    out: String,
    /// So much of the text is in `out`.
    told: usize,
}

impl Scan<'_> {
    fn finish(mut self) -> String {
        self.out.push_str(&self.text[self.told..]);
        self.out
    }

    /// Replace what lies between the two places; what was told already stays.
    fn replace(&mut self, from: usize, to: usize, with: &str) -> usize {
        if from >= self.told {
            self.out.push_str(&self.text[self.told..from]);
            self.out.push_str(with);
            self.told = to;
        }
        to.max(self.told)
    }

    /// `name=value` with the `=` here.
    fn parameter(&mut self, at: usize) -> usize {
        let start = at + 1;
        if !self.redaction.is_secret(name_before(self.text, at)) {
            return start;
        }
        if let Some(end) = quoted_end(self.text, start) {
            return self.replace(start + 1, end, REMOVED);
        }
        let end = end_of(self.text, start, |c| c.is_whitespace() || matches!(c, '&' | ';' | '"' | '\'' | '<' | '>'));
        if end == start { start } else { self.replace(start, end, REMOVED) }
    }

    /// `name%3Dvalue` with the `%` here: a parameter of a URL within a URL.
    fn encoded_parameter(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if !rest.starts_with("%3D") && !rest.starts_with("%3d") {
            return at + 1;
        }
        let start = at + 3;
        let name = name_before(self.text, at);
        let name = ["%26", "%3F", "%3f", "%3B", "%3b"]
            .iter()
            .fold(name, |name, mark| name.rsplit(mark).next().unwrap_or(name));
        if !self.redaction.is_secret(name) {
            return start;
        }
        let limit =
            end_of(self.text, start, |c| !c.is_alphanumeric() && !matches!(c, '-' | '.' | '_' | '~' | '%' | '+' | '*'));
        let value = &self.text[start..limit];
        let length = ["%26", "%3B", "%3b"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
        if length == 0 { start } else { self.replace(start, start + length, REMOVED) }
    }

    /// `"name": value` with the `:` here. Quotes may be escaped, as in JSON within JSON.
    fn field(&mut self, at: usize) -> usize {
        let before = self.text[..at].trim_end();
        let Some(quote) = before.chars().next_back().filter(|c| matches!(c, '"' | '\'')) else { return at + 1 };
        let inner = before[..before.len() - 1].strip_suffix('\\').unwrap_or(&before[..before.len() - 1]);
        let Some(open) = inner.rfind(quote) else { return at + 1 };
        let name = &inner[open + 1..];
        if name.len() > LONGEST_NAME || !self.redaction.is_secret(name) {
            return at + 1;
        }
        let start = self.text.len() - self.text[at + 1..].trim_start().len();
        let end = value_end(self.text, start);
        if end == start { at + 1 } else { self.replace(start, end, &format!("\"{REMOVED}\"")) }
    }

    /// `://user:password@` with the `:` here.
    fn authority(&mut self, at: usize) -> usize {
        let start = at + 3;
        let end =
            end_of(self.text, start, |c| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>'));
        match self.text[start..end].rfind('@') {
            Some(length) => self.replace(start, start + length, REMOVED),
            None => start,
        }
    }

    /// `<password>text` and `<input name="password" value="…">`.
    fn tag(&mut self, at: usize) -> usize {
        let rest = &self.text[at + 1..];
        let limit = (0..=rest.len().min(LONGEST_TAG)).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(0);
        let Some(length) = rest[..limit].find('>') else { return at + 1 };
        let (tag, after) = (&rest[..length], at + 1 + length + 1);
        let name = &tag[..end_of(tag, 0, |c| c.is_whitespace() || c == '/')];
        let name = name.rsplit(':').next().unwrap_or(name);
        if !name.is_empty() && !tag.ends_with('/') && self.redaction.is_secret(name) {
            let end = end_of(self.text, after, |c| c == '<');
            return if self.text[after..end].trim().is_empty() { after } else { self.replace(after, end, REMOVED) };
        }
        let about = ["name", "id", "property"].into_iter().filter_map(|name| attribute(tag, name));
        if about.into_iter().any(|(from, to)| self.redaction.is_secret(&tag[from..to])) {
            let values = ["value", "content"].into_iter().filter_map(|name| attribute(tag, name));
            if let Some((from, to)) = values.min() {
                return self.replace(at + 1 + from, at + 1 + to, REMOVED);
            }
        }
        at + 1
    }

    /// A part of a multipart form that begins here with `Content-Disposition`.
    fn part(&mut self, at: usize) -> usize {
        const START: &str = "Content-Disposition: form-data;";
        if !self.text[at..].starts_with(START) {
            return at + 1;
        }
        let (line, start) = (at + START.len(), self.text[at..].find("\r\n\r\n").map(|blank| at + blank + 4));
        let head = &self.text[line..start.unwrap_or(self.text.len())];
        let name = attribute(head, "name").map(|(from, to)| &head[from..to]);
        match (start, name) {
            (Some(start), Some(name)) if self.redaction.is_secret(name) => {
                let end = self.text[start..].find("\r\n--").map_or(self.text.len(), |length| start + length);
                self.replace(start, end, REMOVED)
            }
            _ => line,
        }
    }

    /// `Bearer …` or a JSON web token.
    fn token(&mut self, at: usize) -> usize {
        let starts_a_word = !self.text[..at].ends_with(|c: char| c.is_alphanumeric());
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=');
        let rest = &self.text[at..];
        let start = if rest.starts_with("Bearer ") { at + 7 } else { at };
        let token = &self.text[start..end_of(self.text, start, |c| !is_of_token(c))];
        let is_one = match start == at {
            true => token.starts_with("eyJ") && token.contains('.') && token.len() >= 20,
            false => token.len() >= 20 || token.len() >= 8 && token.bytes().any(|byte| byte.is_ascii_digit()),
        };
        if starts_a_word && is_one { self.replace(start, start + token.len(), REMOVED) } else { at + 1 }
    }
}

/// Where a character of this kind comes next, or the text's end.
fn end_of(text: &str, start: usize, is_end: impl Fn(char) -> bool) -> usize {
    text[start..].find(is_end).map_or(text.len(), |length| start + length)
}

/// The name that ends here.
fn name_before(text: &str, at: usize) -> &str {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | '%' | '+');
    let name = text[..at].trim_end_matches(is_of_name).len();
    if at - name > LONGEST_NAME { "" } else { &text[name..at] }
}

/// Where the string ends whose opening quote is here; at the end of the text if it is cut.
fn quoted_end(text: &str, start: usize) -> Option<usize> {
    let quote = text[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut is_escaped = false;
    for (at, c) in text[start + 1..].char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return Some(start + 1 + at),
            _ => {}
        }
    }
    Some(text.len())
}

/// Where the JSON value ends that begins here.
fn value_end(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    if let Some(inner) = rest.strip_prefix("\\\"") {
        return inner.find("\\\"").map_or(text.len(), |length| start + 2 + length + 2);
    }
    if let Some(end) = quoted_end(text, start) {
        return (end + 1).min(text.len());
    }
    if !rest.starts_with(['{', '[']) {
        return end_of(text, start, |c| c.is_whitespace() || matches!(c, ',' | '}' | ']'));
    }
    let (mut depth, mut at) = (0_usize, start);
    while let Some(c) = text[at..].chars().next() {
        match c {
            '"' => at = quoted_end(text, at).unwrap_or(at),
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if at >= text.len() {
            break;
        }
        at += c.len_utf8();
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Where the value of `name="…"` lies in a tag.
fn attribute(tag: &str, name: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(found) = tag[at..].find(name) {
        let (start, after) = (at + found, at + found + name.len());
        at = after;
        let stands_alone = tag[..start].ends_with(|c: char| c.is_whitespace() || c == ';');
        if !stands_alone || !tag[after..].starts_with('=') {
            continue;
        }
        let value = after + 1;
        return Some(match quoted_end(tag, value) {
            Some(end) => (value + 1, end),
            None => (value, end_of(tag, value, |c| c.is_whitespace() || matches!(c, ';' | '>' | '/'))),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_secrets_are_known() {
        let usual = Redaction::with(["X-Tenant", "kto-nr", ""]);
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "Set-Cookie",
            "X-Api-Key",
            "apiKey",
            "API_KEY",
            "key",
            "x-auth-token",
            "access_token",
            "refreshToken",
            "id_token",
            "password",
            "userPassword",
            "new_password2",
            "passwd",
            "pwd",
            "client_secret",
            "secret",
            "X-Amz-Signature",
            "sig",
            "session",
            "JSESSIONID",
            "csrfmiddlewaretoken",
            "X-CSRF-Token",
            "user[pass]",
            "otp",
            "pin",
            "card.cvv",
            "x-tenant",
            "X_TENANT",
            "KtoNr",
        ] {
            assert!(usual.is_secret(name), "{name}");
        }
        for name in [
            "Accept",
            "Host",
            "keyboard",
            "monkey",
            "passenger",
            "author",
            "spine",
            "design",
            "id",
            "page",
            "name",
            "",
            "Content-Type",
            "Keep-Alive",
            "X-Request-Id",
            "author_id",
            "compass",
            "shopping",
        ] {
            assert!(!usual.is_secret(name), "{name}");
        }
        assert!(!Redaction::default().is_secret("x-tenant"));
    }

    #[test]
    fn headers_keep_what_tells_something() {
        let usual = Redaction::default();
        for (name, value, told) in [
            ("Authorization", "Basic dTpw", "Basic (removed)"),
            ("authorization", "bearer abc", "bearer (removed)"),
            ("Authorization", "my own thing", "(removed)"),
            ("Proxy-Authorization", "Digest username=\"u\", response=\"x\"", "Digest (removed)"),
            ("X-Api-Key", "k-1", "(removed)"),
            ("Cookie", "sid=1; theme=dark", "sid=(removed); theme=(removed)"),
            ("Set-Cookie", "sid=1; Path=/; HttpOnly", "sid=(removed); Path=/; HttpOnly"),
            ("Set-Cookie", "flag", "(removed)"),
            (
                "Location",
                "https://u:p@h/cb?code=7&access_token=abc#x",
                "https://(removed)@h/cb?code=7&access_token=(removed)",
            ),
            ("Accept", "text/html;q=0.9", "text/html;q=0.9"),
            ("WWW-Authenticate", "Basic realm=\"shop\"", "Basic realm=\"shop\""),
        ] {
            assert_eq!(usual.header(name, value), told, "{name}");
        }
    }

    #[test]
    fn texts_lose_their_secrets_and_nothing_else() {
        let usual = Redaction::default();
        for (text, told) in [
            ("http://user:pass@h:80/a?b=c", "http://(removed)@h:80/a?b=c"),
            ("http://h/a@b", "http://h/a@b"),
            ("/p?token=a%20b&x=1&api_key=zz", "/p?token=(removed)&x=1&api_key=(removed)"),
            ("user=bob&password=hunter2&remember=1", "user=bob&password=(removed)&remember=1"),
            ("password=", "password="),
            ("password='", "password='(removed)"),
            ("sid='a b' x", "sid='(removed)' x"),
            ("/login?next=%2Fcb%3Fkey%3Dabc%26x%3D1&y=2", "/login?next=%2Fcb%3Fkey%3D(removed)%26x%3D1&y=2"),
            ("?set=sid%3Dabc%3B%20Path%3D%2F", "?set=sid%3D(removed)%3B%20Path%3D%2F"),
            (
                r#"{"user": "bob", "password": "hu\"nter2", "n": 1}"#,
                r#"{"user": "bob", "password": "(removed)", "n": 1}"#,
            ),
            (r#"{"pin":1234,"keys":[1,{"a":"]"}],"x":null}"#, r#"{"pin":"(removed)","keys":"(removed)","x":null}"#),
            (r#"{"secret": {"a": [1, 2], "b": "}"}, "c": 3}"#, r#"{"secret": "(removed)", "c": 3}"#),
            (r#"{"raw": "{\"token\": \"abc\", \"n\": 1}"}"#, r#"{"raw": "{\"token\": "(removed)", \"n\": 1}"}"#),
            (r#"{"token": "cut off he"#, r#"{"token": "(removed)""#),
            (r#"{"secret": [1, "cut"#, r#"{"secret": "(removed)""#),
            ("{'password': 'x'}", "{'password': \"(removed)\"}"),
            (r#"{"time": "12:30:00", "a:b": "c"}"#, r#"{"time": "12:30:00", "a:b": "c"}"#),
            ("<a:Password>geheim</a:Password><b>x</b>", "<a:Password>(removed)</a:Password><b>x</b>"),
            ("<input name=\"csrf_token\" value=\"abc\">", "<input name=\"csrf_token\" value=\"(removed)\">"),
            ("<meta content='abc' name='csrf-token'/>", "<meta content='(removed)' name='csrf-token'/>"),
            ("<input name=\"q\" value=\"abc\">", "<input name=\"q\" value=\"abc\">"),
            ("a < b and c > d", "a < b and c > d"),
            ("Bearer abcdefgh1 is wrong", "Bearer (removed) is wrong"),
            ("Bearer token missing: be clever", "Bearer token missing: be clever"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "got (removed)!"),
            ("they obey JSON", "they obey JSON"),
            (
                "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
                "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n(removed)\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
            ),
            ("Invalid password: at least 8 characters", "Invalid password: at least 8 characters"),
            ("größe=1&schlüssel=2", "größe=1&schlüssel=2"),
        ] {
            assert_eq!(usual.text(text), told, "{text}");
        }
        assert_eq!(Redaction::with(["schlüssel"]).text("größe=1&schlüssel=2"), "größe=1&schlüssel=(removed)");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_twice_is_once(text in r#"([a-zA-Zé"'\\{}\[\]<>=:&@/ .,\r\n0-9]|password|token|://|name=|eyJ|Bearer ){0,60}"#) {
            let usual = Redaction::default();
            let once = usual.text(&text);
            prop_assert!(once.len() <= text.len() * 12 + 32);
            usual.text(&once);
        }

        #[test]
        fn a_secret_of_letters_never_gets_through(value in "[a-z0-9]{9,20}zq", before in "[ -~]{0,20}", cut in 0_usize..12) {
            let usual = Redaction::default();
            for text in [format!("{before}&token={value}&x=1"), format!("{{\"a\": 1, \"password\" : \"{value}\"}}"), format!("password={value}")] {
                let shown = usual.text(&text[..text.len() - cut.min(2)]);
                prop_assert!(!shown.contains(&value[..9]) || before.contains(&value[..9]), "{} -> {}", text, shown);
            }
        }
    }
}
