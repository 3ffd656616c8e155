//! The page: everything a person does, in plain HTML forms. It works without JavaScript, and has none.
//!
//! Whoever is signed in has a cookie that scripts cannot read and that other sites' requests do not carry. Every form
//! has a value in it that only this site's pages know (`forms`).

mod account;
mod admin;
mod forms;
mod people;
mod sample;
mod view;
mod words;

use axum::{
    Router,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{problem::Problem, state::App};

/// Returns the routes of the page.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(sample::home))
        .route("/rows/populate", post(sample::populate))
        .route("/rows/delete", post(sample::delete))
        .route("/register", get(people::register_form).post(people::register))
        .route("/sign-in", get(people::sign_in_form).post(people::sign_in))
        .route("/sign-out", post(people::sign_out))
        .route("/password", get(people::password_form).post(people::change_password))
        .route("/accounts", get(account::overview).post(account::open))
        .route("/transfers", post(account::transfer))
        .route("/audit", get(account::audit))
        .route("/users", get(admin::users))
        .route("/users/{id}/disabled", post(admin::set_disabled))
        .route("/static/style.css", get(style))
        .route("/favicon.ico", get(icon))
}

/// Returns whether a person will read the answer.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("text/html"))
}

/// The problem of a request that no handler got: as a page where one is wanted, else as the API's.
pub fn problem(as_page: bool, problem: Problem) -> Response {
    if as_page { view::Failure::Shown(problem).into_response() } else { problem.into_response() }
}

const DAY: &str = "public, max-age=86400";

async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("../../static/style.css"))
}

async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, DAY)], include_str!("../../static/icon.svg"))
}
