//! The API. Its description is made from the handlers, and served at `/openapi.json`.

mod accounts;
mod health;
mod rows;
mod sessions;
mod users;

use std::sync::Arc;

use axum::{Router, http::header, response::IntoResponse, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, Content, Ref, RefOr, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use accounts::carry_out;

use crate::{problem, state::App};

/// The parts of the OpenAPI description besides the operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "app",
        description = "Users, accounts, transfers and sample rows. Amounts are in minor units: 1234 is 12.34. \
                       Errors are problem details (RFC 9457)."
    ),
    components(schemas(problem::Body)),
    tags(
        (name = "rows", description = "Sample rows: open in dev, for signed-in users elsewhere"),
        (name = "users", description = "Users, and what the administrator does with them"),
        (name = "sessions", description = "Signing in and out; access tokens are short-lived, refresh tokens are good once"),
        (name = "accounts", description = "Accounts, transfers and the audit trail"),
        (name = "health", description = "What platforms ask"),
    ),
    modifiers(&Common),
)]
struct Description;

/// The operations, and what describes them.
pub fn routes(app: &App) -> Router<App> {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(rows::populate))
        .routes(routes!(rows::delete))
        .routes(routes!(rows::list))
        .routes(routes!(users::register, users::list))
        .routes(routes!(users::me))
        .routes(routes!(users::change_password))
        .routes(routes!(users::set_disabled))
        .routes(routes!(sessions::sign_in))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::sign_out))
        .routes(routes!(accounts::open, accounts::list))
        .routes(routes!(accounts::get))
        .routes(routes!(accounts::transfer))
        .routes(routes!(accounts::audit))
        .routes(routes!(health::live))
        .routes(routes!(health::version))
        .split_for_parts();
    Common.modify(&mut description);
    let text: Arc<str> = description.to_json().unwrap_or_default().into();
    let served = move || {
        let text = text.to_string();
        async move { ([(header::CONTENT_TYPE, "application/json")], text).into_response() }
    };
    router.route("/openapi.json", get(served)).route(&app.config.readiness_path, get(health::ready))
}

/// Answers that any operation can give.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let problem = |what: &str| {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            ResponseBuilder::new().description(what).content("application/problem+json", content).build()
        };
        let common = [
            ("400", "The request cannot be read"),
            ("408", "The request took too long"),
            ("413", "The request is too large"),
            ("429", "Too many requests"),
            ("500", "Something went wrong here"),
            ("503", "Something that the app stands on does not answer"),
        ];
        for path in api.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete];
            for operation in operations.into_iter().flatten() {
                let signed_in = operation.security.is_some();
                let reads_body = operation.request_body.is_some();
                let more = [
                    ("401", "Sign in first", signed_in),
                    ("403", "You may not, or must change your password first", signed_in),
                    ("415", "The body is no JSON", reads_body),
                    ("422", "Something in the request is not valid", reads_body),
                ];
                let more = more.into_iter().filter(|(.., is)| *is).map(|(status, what, _)| (status, what));
                for (status, what) in common.into_iter().chain(more) {
                    let answer = RefOr::T(problem(what));
                    operation.responses.responses.entry(status.to_owned()).or_insert(answer);
                }
            }
        }
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}
