//! The page with its arguments in it, and the login form. The files themselves are those of the crate `webui`.

use bytes::Bytes;

const LOGIN: &str = include_str!("pages/login.html");
pub const LOGIN_STYLE: &str = include_str!("pages/login.css");
const LOGIN_ERROR: &str = "<!--error-->";

/// `index.html` with its arguments, JSON in `<script type="application/json" id="template-args">`.
pub fn index(arguments: &str) -> Bytes {
    with_data("index.html", "template-args", &for_html(arguments)).into()
}

/// An HTML file of the page with data in its place: where the file says so with a Jinja expression, which Flask would
/// fill in, or else in an element of its own at the end of the body. The data must be safe already.
pub fn with_data(name: &str, id: &str, data: &str) -> String {
    let html = gregaria_webui::asset(name).map(|asset| String::from_utf8_lossy(asset.bytes).into_owned());
    let html = html.unwrap_or_else(|| "<!doctype html><title>Gregaria</title><body></body>".into());
    let place = format!("{{{{ {} | tojson }}}}", id.replace('-', "_"));
    if html.contains(&place) {
        return html.replacen(&place, data, 1);
    }
    let element = format!("<script type=\"application/json\" id=\"{id}\">{data}</script>\n");
    match html.rfind("</body>") {
        Some(end) => format!("{}{element}{}", &html[..end], &html[end..]),
        None => html + &element,
    }
}

/// The login form, perhaps with what went wrong.
pub fn login(error: Option<&str>) -> Bytes {
    let shown =
        error.map_or_else(String::new, |error| format!("<p class=\"error\" role=\"alert\">{}</p>", escaped(error)));
    LOGIN.replacen(LOGIN_ERROR, &shown, 1).into()
}

/// Text for HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// JSON that ends no script element and opens no tag.
pub fn for_html(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\'' => safe.push_str("\\u0027"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_takes_its_arguments_and_nothing_escapes() {
        let html = String::from_utf8(index(r#"{"host":"</script><b>'&"}"#).to_vec()).unwrap();
        let element = r#"<script type="application/json" id="template-args">{"host":"\u003c/script\u003e\u003cb\u003e\u0027\u0026"}</script>"#;
        assert!(html.contains(element) && !html.contains("</script><b>"), "{html}");
    }

    #[test]
    fn the_login_form_shows_what_went_wrong() {
        let html = String::from_utf8(login(Some("<b>")).to_vec()).unwrap();
        assert!(html.contains("&lt;b&gt;") && html.contains("name=\"password\""));
        assert!(!String::from_utf8(login(None).to_vec()).unwrap().contains("role=\"alert\""));
    }
}
