//! Cookies, and forms that only this site can send.
//!
//! A browser gets a random cookie with its first page, and every form carries that cookie's hash. Another site can make
//! a browser send a form, but can neither read the cookie nor set one of this name. The `Origin` that browsers send is
//! checked as well.

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::view::Failure;
use crate::{
    problem::{Problem, ProblemKind},
    session::{Session, Token},
    state::{App, State},
};

const SESSION: &str = "session";
const FORM: &str = "form";

/// With TLS, the prefix that keeps other hosts of the domain from setting it.
fn name(app: &State, plain: &str) -> String {
    if app.config.is_secure() { format!("__Host-{plain}") } else { plain.to_owned() }
}

fn cookie(app: &State, headers: &HeaderMap, plain: &str) -> Option<String> {
    let name = name(app, plain);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn set(app: &State, plain: &str, value: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = if app.config.is_secure() { "; Secure" } else { "" };
    let name = name(app, plain);
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// Returns the cookie of a new session.
pub(super) fn signed_in(app: &State, token: &Token) -> Option<HeaderValue> {
    set(app, SESSION, &token.text(), app.config.session.as_secs())
}

/// Returns the header that removes the cookie.
pub(super) fn signed_out(app: &State) -> Option<HeaderValue> {
    set(app, SESSION, "", 0)
}

/// The visitor of a page.
pub(super) struct Visitor {
    /// Session of the visitor, if signed in.
    pub(super) session: Option<Session>,
    /// For the page's forms.
    pub(super) form: String,
    /// Cookie for the page's forms, if the browser has none yet.
    pub(super) cookie: Option<HeaderValue>,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let token = cookie(app, &parts.headers, SESSION).as_deref().and_then(Token::parse);
        let session = match token {
            Some(token) => app.sessions.of_page(&token).await?,
            None => None,
        };
        if let Some(value) = known(app, &parts.headers) {
            return Ok(Self { session, form: in_form(&value), cookie: None });
        }
        let mut random = [0; 32];
        SystemRandom::new().fill(&mut random).map_err(|_| Problem::internal())?;
        let value = URL_SAFE_NO_PAD.encode(random);
        // A session cookie would invalidate forms in tabs that the browser restores.
        Ok(Self { session, form: in_form(&value), cookie: set(app, FORM, &value, 31_536_000) })
    }
}

/// The form cookie, if it is one of ours.
fn known(app: &State, headers: &HeaderMap) -> Option<String> {
    cookie(app, headers, FORM).filter(|value| value.len() == 43)
}

fn in_form(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("form {value}")))
}

/// A form that came from this site's own page, and who sent it.
pub(super) struct Sent<T> {
    pub(super) visitor: Visitor,
    pub(super) fields: T,
}

#[derive(Deserialize)]
struct Guarded<T> {
    #[serde(default)]
    form: String,
    #[serde(flatten)]
    fields: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Sent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let own = known(app, &parts.headers).map(|value| in_form(&value));
        let same_site = is_own(app, &parts.headers);
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let read = Form::<Guarded<T>>::from_request(Request::from_parts(parts, body), app).await;
        let Form(guarded) = read.map_err(|_| Problem::new(ProblemKind::BadRequest, "The form did not come whole."))?;
        let same = own.is_some_and(|own| bool::from(own.as_bytes().ct_eq(guarded.form.as_bytes())));
        if !same || !same_site {
            let why = "The form is not from this page, or the page is old. Go back, load it again, and try once more.";
            return Err(Problem::new(ProblemKind::Forbidden, why).into());
        }
        Ok(Self { visitor, fields: guarded.fields })
    }
}

/// Returns whether a form comes from this site, according to the browser.
fn is_own(app: &State, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let at_host = origin.split_once("://").map(|(_, host)| host);
    origin == app.config.public_url.origin().ascii_serialization() || at_host.is_some() && at_host == text("host")
}
