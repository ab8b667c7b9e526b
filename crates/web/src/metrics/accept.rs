//! Which of the formats a scraper wants.

use axum::http::{HeaderMap, header};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The only one with native histograms.
    Protobuf,
    OpenMetrics,
    Text,
}

impl Format {
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The one of ours that the client likes best; text for those who do not say, or like none.
pub fn format(headers: &HeaderMap) -> Format {
    let offers = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (Format::Text, 0.0);
    for (format, weight) in offers.flat_map(|value| value.split(',')).filter_map(offer) {
        if weight > best.1 {
            best = (format, weight);
        }
    }
    best.0
}

fn offer(text: &str) -> Option<(Format, f64)> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    let parameters: Vec<(String, &str)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
        .collect();
    let given = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let weight = given("q").map_or(Some(1.0), |q| q.parse().ok())?;
    let format = match media_type.as_str() {
        "application/vnd.google.protobuf"
            if given("proto") == Some("io.prometheus.client.MetricFamily")
                && given("encoding") == Some("delimited") =>
        {
            Format::Protobuf
        }
        "application/openmetrics-text" if given("version").is_none_or(|version| version == "1.0.0") => {
            Format::OpenMetrics
        }
        "text/plain" | "text/*" | "*/*" => Format::Text,
        _ => return None,
    };
    Some((format, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        format(&headers)
    }

    #[test]
    fn what_scrapers_say() {
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
                      application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(wanted(native), Format::Protobuf);
        let classic = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.7,\
                       text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(wanted(classic), Format::OpenMetrics);
        assert_eq!(wanted("*/*"), Format::Text);
        assert_eq!(wanted("text/html, application/xhtml+xml"), Format::Text);
        assert_eq!(wanted("application/openmetrics-text;q=nonsense"), Format::Text);
        assert_eq!(wanted("application/vnd.google.protobuf"), Format::Text, "other encodings are not ours");
        assert_eq!(format(&HeaderMap::new()), Format::Text);
    }
}
