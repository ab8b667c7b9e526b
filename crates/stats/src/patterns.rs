//! What different names or texts have in common: ids, addresses and tokens in them replaced by placeholders.
//! Used where there are too many of them, to say which to give a common name and to group what is left.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

/// From this length on a mixture of letters and digits is taken for a token.
const TOKEN_LENGTH: usize = 16;

/// A name or text with every id in it replaced: `/item/1234` becomes `/item/{n}`.
pub fn pattern_of(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let mut pattern = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !is_of_token(c)).unwrap_or(rest.len());
        if length == 0 {
            pattern.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, after) = rest.split_at(length);
        if is_status(token) && after.starts_with(' ') {
            pattern.push_str(token);
        } else {
            push_token(&mut pattern, token);
        }
        rest = after;
    }
    Cow::Owned(pattern)
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// `500` in `500 Server Error` says what failed, not where.
fn is_status(token: &str) -> bool {
    token.len() == 3 && token.starts_with(['1', '2', '3', '4', '5']) && token.bytes().all(|byte| byte.is_ascii_digit())
}

fn push_token(pattern: &mut String, token: &str) {
    let hex = token.strip_prefix("0x").unwrap_or(token);
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let letters = token.bytes().filter(u8::is_ascii_alphabetic).count();
    if is_uuid(token) {
        pattern.push_str("{uuid}");
    } else if digits > 0 && letters > 0 && hex.len() >= 8 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        pattern.push_str("{hex}");
    } else if digits >= 2 && letters >= 2 && token.len() >= TOKEN_LENGTH && !token.contains(['-', '_']) {
        pattern.push_str("{token}");
    } else {
        let mut in_number = false;
        for c in token.chars() {
            if !c.is_ascii_digit() {
                pattern.push(c);
            } else if !in_number {
                pattern.push_str("{n}");
            }
            in_number = c.is_ascii_digit();
        }
    }
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Names that have a pattern in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub pattern: String,
    pub names: usize,
    pub example: String,
}

/// The patterns that most of these names have, the most frequent first, at most `most`.
pub fn worst_patterns<'a>(names: impl Iterator<Item = &'a str> + Clone, most: usize) -> Vec<Group> {
    let by_pattern = groups(names.clone(), |name| pattern_of(name).into_owned(), most);
    let total = names.clone().count();
    match by_pattern.first() {
        // Ids without digits (`/user/anna`): what the names begin with is all that can be said.
        Some(first) if first.names * 10 < total => groups(names, first_segment, most),
        _ => by_pattern,
    }
}

fn first_segment(name: &str) -> String {
    let inner = name.strip_prefix('/').unwrap_or(name);
    match inner.find(['/', '?']) {
        Some(end) => format!("{}{{…}}", &name[..name.len() - inner.len() + end + 1]),
        None => "{…}".to_owned(),
    }
}

fn groups<'a>(names: impl Iterator<Item = &'a str>, pattern: impl Fn(&str) -> String, most: usize) -> Vec<Group> {
    let mut found: FxHashMap<String, (usize, &str)> = FxHashMap::default();
    for name in names {
        found.entry(pattern(name)).or_insert((0, name)).0 += 1;
    }
    let mut groups: Vec<Group> = found
        .into_iter()
        .map(|(pattern, (names, example))| Group { pattern, names, example: example.to_owned() })
        .collect();
    groups.sort_unstable_by(|a, b| b.names.cmp(&a.names).then_with(|| a.pattern.cmp(&b.pattern)));
    groups.truncate(most);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_replaced_and_words_stay() {
        for (name, pattern) in [
            ("/item/1234", "/item/{n}"),
            ("/item/1234/reviews?page=2&sort=asc", "/item/{n}/reviews?page={n}&sort=asc"),
            ("/order/3f0c1c52-8a1e-4f9b-9d5f-0d7f6f0a1b2c", "/order/{uuid}"),
            ("/file/deadbeef01", "/file/{hex}"),
            ("/s/QmF6Zm9vYmFyMTIzNDU2", "/s/{token}"),
            ("/v2/users", "/v{n}/users"),
            ("/plain/words-and-more", "/plain/words-and-more"),
            (
                "ConnectionError at 0x7f3a9c001122 from 10.0.0.7:43210",
                "ConnectionError at {hex} from {n}.{n}.{n}.{n}:{n}",
            ),
            ("HTTPError('503 Server Error for url: /a/123')", "HTTPError('503 Server Error for url: /a/{n}')"),
            ("/gr\u{fc}\u{df}e/7", "/gr\u{fc}\u{df}e/{n}"),
        ] {
            assert_eq!(pattern_of(name), pattern);
        }
    }

    #[test]
    fn the_worst_come_first_with_an_example() {
        let names: Vec<String> =
            (0..90).map(|n| format!("/item/{n}")).chain((0..10).map(|n| format!("/cart/{n}"))).collect();
        let worst = worst_patterns(names.iter().map(String::as_str), 1);
        assert_eq!(worst, [Group { pattern: "/item/{n}".into(), names: 90, example: "/item/0".into() }]);
    }

    #[test]
    fn names_without_digits_are_told_by_what_they_begin_with() {
        let letters = || ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("/user/{a}{b}")));
        let names: Vec<String> = letters().chain(["/".to_owned(), "/about".to_owned()]).collect();
        let worst = worst_patterns(names.iter().map(String::as_str), 1);
        assert_eq!((worst[0].pattern.as_str(), worst[0].names), ("/user/{…}", 676));
    }
}
