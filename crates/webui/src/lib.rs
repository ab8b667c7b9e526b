//! The page and the report as bytes, embedded from webui/dist, where `make ui` puts them. Knows nothing of HTTP or of results:
//! `web` serves [`asset`], `sinks` fills [`report`]. Without Node.js at build time both are a placeholder that says so.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    pub bytes: &'static [u8],
    /// The same, gzipped, where that is smaller.
    pub gzip: Option<&'static [u8]>,
    pub content_type: &'static str,
    /// Its name has a hash of its content in it: may be cached for ever.
    pub immutable: bool,
}

/// What stands in the report's template where the data go.
pub const DATA_PLACEHOLDER: &str = "__GREGARIA_DATA__";

/// Path, content, and the same gzipped.
type File = (&'static str, &'static [u8], Option<&'static [u8]>);

// BUILT (whether the real page is in this build), REPORT and FILES, sorted by path.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of the page by its path without a leading slash, such as `index.html` or `assets/index-1a2b3c.js`.
pub fn asset(path: &str) -> Option<Asset> {
    let at = FILES.binary_search_by_key(&path, |file| file.0).ok()?;
    let (name, bytes, gzip) = FILES[at];
    Some(Asset { bytes, gzip, content_type: content_type(name), immutable: name.starts_with("assets/") })
}

/// Paths of all files of the page, sorted.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.0)
}

/// A report with this JSON in it. `json` may hold any text: what could end its place in the page is escaped.
pub fn report(json: &str) -> String {
    let (before, after) = REPORT.split_once(DATA_PLACEHOLDER).expect("the template has a place for the data");
    let mut page = String::with_capacity(before.len() + json.len() + json.len() / 64 + after.len());
    page.push_str(before);
    // In JSON `<` can only stand inside a string, where its escape means the same.
    let mut pieces = json.split('<');
    page.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        page.push_str("\\u003c");
        page.push_str(piece);
    }
    page.push_str(after);
    page
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_every_listed_file_is_found() {
        let page = asset("index.html").unwrap();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.immutable);
        for path in paths() {
            assert!(!asset(path).unwrap().bytes.is_empty(), "{path}");
        }
        assert_eq!(asset("../Cargo.toml"), None);
        assert_eq!(asset(""), None);
    }

    #[test]
    fn a_build_without_node_says_so() {
        for text in [include_str!("placeholder.html"), include_str!("placeholder_report.html")] {
            assert!(text.contains("make ui"));
        }
        assert_eq!(BUILT, paths().any(|path| path.ends_with(".js")));
    }

    #[test]
    fn data_cannot_leave_their_place_in_the_report() {
        let hostile = r#"{"name":"</script><script>alert(1)</script><!--"}"#;
        let page = report(hostile);
        assert!(!page.contains("<script>alert"));
        assert!(page.contains(r#"{"name":"\u003c/script>\u003cscript>alert(1)\u003c/script>\u003c!--"}"#));
        assert!(!page.contains(DATA_PLACEHOLDER));
    }
}
