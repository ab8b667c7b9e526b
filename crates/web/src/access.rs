//! Every request's way past Host, Origin and login; the login's own pages.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::{App, now};
use crate::hub::{self, Remote};
use crate::login::{Attempt, COOKIE, Role, VIEW_COOKIE, next_place};
use crate::routes::{self, BODY, parameter};
use crate::{cross_origin, page, reply};

/// Guard, login, and the headers of every answer.
pub async fn check(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let is_report = reply::is_report(request.uri().path());
    let guard = &app.settings.guard;
    let (origin, preflight) = (cross_origin::origin(guard, &request), cross_origin::preflight(guard, &request));
    let admitted = preflight.map_or_else(|| admit(&app, &request), Err);
    let mut response = match admitted {
        Err(answer) => {
            routes::pass_over(request.into_body().into_data_stream()).await;
            answer
        }
        Ok(role) => {
            request.extensions_mut().insert(role);
            match flask_admits(&app, request).await {
                Ok(request) => next.run(request).await,
                Err(refusal) => refusal,
            }
        }
    };
    reply::protect(&mut response, is_report);
    if let Some(origin) = origin {
        cross_origin::allow(&mut response, origin);
    }
    response
}

fn admit(app: &App, request: &Request) -> Result<Role, Response> {
    let (method, headers, uri) = (request.method(), request.headers(), request.uri());
    let host = || app.live().status.host.clone();
    if let Err(foreign) = app.settings.guard.check(method, headers) {
        return Err(reply::failure(StatusCode::FORBIDDEN, &foreign.to_string(), &host()));
    }
    let is_public = uri.path() == "/login"
        || uri.path().starts_with("/assets/")
        || uri.path() == "/login.css"
        || uri.path().starts_with("/favicon");
    match role(app, request) {
        _ if is_public => Ok(Role::Nobody),
        Role::Everything => Ok(Role::Everything),
        // A scraper keeps no cookies.
        Role::Viewer if uri.path() == "/metrics" => Ok(Role::Viewer),
        Role::Viewer if matches!(*method, Method::GET | Method::HEAD) => view(app, uri),
        Role::Viewer => Err(reply::failure(StatusCode::FORBIDDEN, "this link is for looking only", &host())),
        Role::Nobody if matches!(*method, Method::GET | Method::HEAD) => {
            let target = request.extensions().get::<routes::Target>().map_or("/", |target| &target.0);
            let next: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
            Err(reply::redirect(&format!("{}/login?next={next}", app.settings.base_path)))
        }
        Role::Nobody => Err(reply::failure(StatusCode::UNAUTHORIZED, "log in first", &host())),
    }
}

/// The link's token moves from the address into a cookie, so that it is in no history and no Referer.
fn view(app: &App, uri: &Uri) -> Result<Role, Response> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri).unwrap_or_default();
    let Some(token) = parameter(&query, "token") else { return Ok(Role::Viewer) };
    let mut response = reply::redirect(&format!("{}{}", app.settings.base_path, uri.path()));
    set_cookie(app, &mut response, VIEW_COOKIE, token, None);
    Err(response)
}

fn role(app: &App, request: &Request) -> Role {
    let headers = request.headers();
    let mut login = app.login();
    if !login.required() {
        return Role::Everything;
    }
    if let Some((user, password)) = basic(headers) {
        let address = request.extensions().get::<Remote>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |r| r.0.ip());
        return match login.attempt(address, &user, &password, now()) {
            Attempt::Welcome(_) => Role::Everything,
            _ => Role::Nobody,
        };
    }
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).unwrap_or_default();
    let view = parameter(&query, "token").or_else(|| cookie(headers, VIEW_COOKIE)).or_else(|| bearer(headers));
    login.role(cookie(headers, COOKIE), view, now())
}

/// With Flask in play its login decides about what the server answers by itself.
async fn flask_admits(app: &Arc<App>, request: Request) -> Result<Request, Response> {
    let path = request.uri().path();
    let is_ours = matches!(path, "/events" | "/metrics" | "/runs" | "/failures/samples" | "/phases")
        || path.starts_with("/runs/");
    if !app.through_flask.load(Ordering::Relaxed) || !is_ours {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    hub::lets_in(app, &parts).await?;
    Ok(Request::from_parts(parts, body))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn set_cookie(app: &App, response: &mut Response, name: &str, value: &str, max_age: Option<u32>) {
    let safe =
        value.chars().all(|character| character.is_ascii_graphic() && !matches!(character, ';' | ',' | '"' | '\\'));
    if !safe {
        return;
    }
    let path = if app.settings.base_path.is_empty() { "/" } else { &app.settings.base_path };
    let mut text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax");
    if let Some(seconds) = max_age {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    if app.settings.secure {
        text.push_str("; Secure");
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The token of the `Authorization` header, for scrapers.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// User and password of the `Authorization` header, for scripts.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    let decoded = String::from_utf8(base64(encoded.trim())?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut amount, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6 | value as u32) & 0xff_ffff;
        amount += 6;
        if amount >= 8 {
            amount -= 8;
            bytes.push((bits >> amount) as u8);
        }
    }
    Some(bytes)
}

/// `GET /login`
pub async fn login_page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if !app.login().required() {
        return reply::redirect(&format!("{}/", app.settings.base_path));
    }
    reply::html(page::login(None), &headers)
}

/// `POST /login`: a form with username and password.
pub async fn log_in(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let fields = match routes::whole(body, BODY).await {
        Ok(body) => routes::form(&parts, &body).await.unwrap_or_default().unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
    let address = parts.extensions.get::<Remote>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |r| r.0.ip());
    let attempt = app.login().attempt(address, field("username"), field("password"), now());
    let (status, message) = match attempt {
        Attempt::Welcome(session) => {
            let base = format!("{}/", app.settings.base_path);
            let next = parameter(&query, "next").or_else(|| Some(field("next")).filter(|next| !next.is_empty()));
            let mut response = reply::redirect(next_place(next, &base));
            set_cookie(&app, &mut response, COOKIE, &session, Some(12 * 3_600));
            return response;
        }
        Attempt::Wrong => (StatusCode::UNAUTHORIZED, "Wrong user or password.".to_owned()),
        Attempt::TooMany(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts; try again in {seconds} s."))
        }
    };
    let mut response = reply::html(page::login(Some(&message)), &parts.headers);
    *response.status_mut() = status;
    response
}

/// `/logout`
pub async fn log_out(State(app): State<Arc<App>>) -> Response {
    let mut response = reply::redirect(&format!("{}/login", app.settings.base_path));
    set_cookie(&app, &mut response, COOKIE, "", Some(0));
    set_cookie(&app, &mut response, VIEW_COOKIE, "", Some(0));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_standard() {
        for (text, plain) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("YW5uOnDDpHNz", "ann:päss")] {
            assert_eq!(base64(text).as_deref(), Some(plain.as_bytes()), "{text}");
        }
        assert_eq!(base64("Zm9*"), None);
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; gregaria_session=x.y"));
        headers.append(header::COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(cookie(&headers, COOKIE), Some("x.y"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
