//! Register, sign in, sign out, change the password.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    forms::{Sent, Visitor, signed_in, signed_out},
    view::{Failure, Frame, Parameters, beside, show, to, to_with},
};
use crate::{
    input::Checked,
    session::SessionKind,
    state::{App, State as AppState},
    store::users as store,
    users,
    web::{Client, QueryParameters},
};

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage {
    frame: Frame,
    name: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    needed: bool,
    /// For whom a password manager keeps it.
    name: String,
}

impl PasswordPage {
    async fn new(app: &AppState, visitor: &Visitor) -> Result<Self, Failure> {
        let session = visitor.session.ok_or(Failure::Elsewhere("/sign-in"))?;
        let found = store::by_id(&app.database, session.user).await?;
        Ok(Self {
            frame: Frame::new("Change your password", "password", visitor),
            needed: session.must_change_password,
            name: found.map(|(user, _)| user.name).unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

impl Credentials {
    /// Names have small letters only, and a phone's keyboard starts with a capital.
    fn name(&self) -> String {
        self.name.trim().to_lowercase()
    }
}

#[derive(Deserialize)]
pub(super) struct PasswordChange {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn register_form(visitor: Visitor) -> Result<Response, Failure> {
    let page = RegisterPage { frame: Frame::new("Register", "register", &visitor), name: String::new() };
    show(StatusCode::OK, &visitor, &page)
}

pub(super) async fn register(
    State(app): State<App>,
    Client(address): Client,
    sent: Sent<Credentials>,
) -> Result<Response, Failure> {
    let name = sent.fields.name();
    let checked = Checked::default().name("name", &name).password("password", &sent.fields.password).end();
    let done = match checked {
        Ok(()) => users::register(&app, address, &name, sent.fields.password).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    let Err(problem) = done else { return Ok(to("/sign-in?done=registered")) };
    let (status, errors) = beside(problem, "name")?;
    let frame = Frame { errors, ..Frame::new("Register", "register", &sent.visitor) };
    show(status, &sent.visitor, &RegisterPage { frame, name })
}

pub(super) async fn sign_in_form(
    visitor: Visitor,
    QueryParameters(parameters): QueryParameters<Parameters>,
) -> Result<Response, Failure> {
    if visitor.session.is_some() {
        return Ok(to("/accounts"));
    }
    let frame = Frame::new("Sign in", "sign-in", &visitor).done(parameters.done.as_deref());
    show(StatusCode::OK, &visitor, &SignInPage { frame, name: String::new() })
}

pub(super) async fn sign_in(
    State(app): State<App>,
    Client(address): Client,
    sent: Sent<Credentials>,
) -> Result<Response, Failure> {
    let name = sent.fields.name();
    let named = (1..=32).contains(&name.chars().count()) && !name.contains('\0');
    let checked = Checked::default()
        .that(named, "name", "must have 1 to 32 characters")
        .known_password("password", &sent.fields.password)
        .end();
    let done = match checked {
        Ok(()) => users::sign_in(&app, address, &name, sent.fields.password, SessionKind::Page).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok((session, token)) => {
            // The session of the replaced cookie ends.
            if let Some(before) = sent.visitor.session {
                app.sessions.end(before.id).await?;
            }
            let path = if session.must_change_password { "/password" } else { "/accounts" };
            Ok(to_with(path, signed_in(&app, &token)))
        }
        Err(problem) => {
            let (status, errors) = beside(problem, "name")?;
            let frame = Frame { errors, ..Frame::new("Sign in", "sign-in", &sent.visitor) };
            show(status, &sent.visitor, &SignInPage { frame, name })
        }
    }
}

pub(super) async fn sign_out(State(app): State<App>, sent: Sent<Nothing>) -> Result<Response, Failure> {
    let Nothing {} = sent.fields;
    if let Some(session) = sent.visitor.session {
        app.sessions.end(session.id).await?;
    }
    Ok(to_with("/sign-in?done=signed-out", signed_out(&app)))
}

pub(super) async fn password_form(State(app): State<App>, visitor: Visitor) -> Result<Response, Failure> {
    show(StatusCode::OK, &visitor, &PasswordPage::new(&app, &visitor).await?)
}

pub(super) async fn change_password(
    State(app): State<App>,
    Client(address): Client,
    sent: Sent<PasswordChange>,
) -> Result<Response, Failure> {
    let session = sent.visitor.session.ok_or(Failure::Elsewhere("/sign-in"))?;
    let PasswordChange { old_password: old, new_password: new } = sent.fields;
    let checked = Checked::default().known_password("old_password", &old).password("new_password", &new).end();
    let done = match checked {
        Ok(()) => users::change_password(&app, &session, address, old, new, SessionKind::Page).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok((_, token)) => Ok(to_with("/accounts?done=password", signed_in(&app, &token))),
        Err(problem) => {
            let (status, errors) = beside(problem, "old_password")?;
            let mut page = PasswordPage::new(&app, &sent.visitor).await?;
            page.frame.errors = errors;
            show(status, &sent.visitor, &page)
        }
    }
}
