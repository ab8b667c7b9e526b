//! What the headers of an answer say of its text's encoding.

use gregaria_http::Response as Answer;

use super::text::latin1;

fn content_type(answer: &Answer) -> String {
    answer.header("content-type").map(latin1).unwrap_or_default().to_ascii_lowercase()
}

/// Whether the headers name UTF-8, or JSON without an encoding, which is UTF-8 too.
pub fn names_utf8(answer: &Answer) -> bool {
    let content_type = content_type(answer);
    match content_type.split_once("charset=") {
        Some((_, charset)) => {
            matches!(charset.split(';').next().unwrap_or("").trim().trim_matches(['"', '\'']), "utf-8" | "utf8")
        }
        None => content_type.contains("application/json"),
    }
}

/// Whether the headers name an encoding in which ASCII bytes may be something else.
pub fn names_wide_encoding(answer: &Answer) -> bool {
    let content_type = content_type(answer);
    ["utf-16", "utf-32", "utf-7", "cp037", "cp500", "iso-2022", "hz"].iter().any(|wide| content_type.contains(wide))
}
