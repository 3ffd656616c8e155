//! Protection of the app and its users against attacks.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{PASSWORD, Settings, answer},
    postgres,
};

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let Some(database) = postgres::database("every_answer_has_the_security_headers") else { return };
    let app = Settings::new(&database)
        .with("PUBLIC_URL", "https://app.example.com")
        .with("ENVIRONMENT", "prod")
        .start()
        .await;
    for path in ["/", "/version", "/nothing", "/api/users/me", "/static/style.css", "/openapi.json"] {
        let answer = app.get(path).header("x-request-id", "abc-123").send().await.unwrap();
        let header =
            |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        assert!(header("content-security-policy").starts_with("default-src 'none';"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{path}");
        assert!(header("strict-transport-security").contains("max-age=63072000"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("x-request-id"), "abc-123", "{path}");
        assert!(!header("cache-control").is_empty(), "{path}");
        assert_eq!(header("server"), "", "{path}");
    }
    // A name of one's own for the request is taken only if it looks like one.
    let answer = app.get("/version").header("x-request-id", "a@b c").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn other_sites_may_ask_in_dev_only() {
    let Some(database) = postgres::database("other_sites_may_ask_in_dev_only") else { return };
    let settings = Settings::new(&database);
    let app = settings.start().await;
    let allowed = |answer: reqwest::Response| answer.headers().get("access-control-allow-origin").cloned();
    let ask = |app: &crate::support::app::App, origin: &str| app.get("/version").header("origin", origin).send();
    assert_eq!(allowed(ask(&app, "https://elsewhere.example").await.unwrap()).unwrap(), "*");
    let app = settings.with("ENVIRONMENT", "prod").with("PUBLIC_URL", "https://app.example.com").start().await;
    assert_eq!(allowed(ask(&app, "https://elsewhere.example").await.unwrap()), None);
    assert_eq!(allowed(ask(&app, "https://app.example.com").await.unwrap()).unwrap(), "https://app.example.com");
}

#[tokio::test]
async fn five_sign_ins_a_minute_for_an_account_and_address() {
    let Some(database) = postgres::database("five_sign_ins_a_minute_for_an_account_and_address") else { return };
    let mut app = Settings::new(&database).without("RATE_LIMIT_SIGN_IN").start().await;
    app.register("ada").await;
    app.register("bob").await;
    let sign_in = |app: &crate::support::app::App, name: &str, password: &str| {
        app.post("/api/sessions", &json!({ "name": name, "password": password }))
    };
    for _ in 0..5 {
        answer(sign_in(&app, "ada", "wrong password"), 401).await;
    }
    let limited = sign_in(&app, "ada", PASSWORD).send().await.unwrap();
    assert_eq!(limited.status(), 429);
    let after: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&after));
    // Another account, and another address: what is before the last hop is made up by the client.
    answer(sign_in(&app, "bob", PASSWORD), 201).await;
    app.address = "203.0.113.7, 192.0.2.1".into();
    answer(sign_in(&app, "ada", PASSWORD), 429).await;
    app.address = "192.0.2.2".into();
    answer(sign_in(&app, "ada", PASSWORD), 201).await;
}

#[tokio::test]
async fn requests_and_bodies_have_limits() {
    let Some(database) = postgres::database("requests_and_bodies_have_limits") else { return };
    let app = Settings::new(&database).with("RATE_LIMIT_REQUESTS", 20).start().await;
    for length in [70_000, 3_000_000] {
        let long = json!({ "name": "ada", "password": "x".repeat(length) });
        let problem = answer(app.post("/api/users", &long), 413).await;
        assert_eq!(problem["type"], "/problems/too-large");
        // Also where the length is not said beforehand: the client gets the answer while it is still sending.
        let pieces = (0..length / 1000).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
        let chunked = app.request(Method::POST, "/api/users").header("content-type", "application/json");
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        assert_eq!(chunked.body(body).send().await.unwrap().status(), 413);
    }
    // An answer that does not wait for the body.
    let unread = app.request(Method::POST, "/api/accounts").header("content-type", "application/json");
    assert_eq!(unread.body(vec![b' '; 60_000]).send().await.unwrap().status(), 401);
    let mut statuses = BTreeSet::new();
    for _ in 0..100 {
        statuses.insert(app.get("/version").send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, BTreeSet::from([200, 429]));
    answer(app.get("/health/live"), 200).await;
}

#[tokio::test]
async fn errors_are_problems_without_internals() {
    let Some(database) = postgres::database("errors_are_problems_without_internals") else { return };
    let app = Settings::new(&database).start().await;
    let ada = app.user("ada").await;
    let raw = |body: &'static str, kind: &'static str| {
        app.request(Method::POST, "/api/accounts").bearer_auth(&ada.access).header("content-type", kind).body(body)
    };
    for (request, status) in [
        (app.get("/nothing"), 404),
        (app.request(Method::PATCH, "/api/accounts"), 405),
        (app.get("/api/accounts"), 401),
        (app.get("/api/accounts/not-an-id").bearer_auth(&ada.access), 404),
        (app.get("/api/audit?limit=0").bearer_auth(&ada.access), 400),
        (app.get("/api/audit?limit=many").bearer_auth(&ada.access), 400),
        (raw("{", "application/json"), 400),
        (raw("{}", "text/plain"), 415),
        (raw("{}", "application/json"), 422),
        (raw(r#"{"name":"a","more":1}"#, "application/json"), 422),
        (raw("{\"name\":\"a\\u0000b\"}", "application/json"), 422),
        (raw(r#"{"name":"a","opening_balance":1e400}"#, "application/json"), 400),
        (raw(r#"{"name":"a","opening_balance":-1}"#, "application/json"), 422),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
        let found = answer.status().as_u16();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!((found, problem["status"].as_u64()), (status, Some(u64::from(status))), "{problem}");
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
    }
}

#[tokio::test]
async fn the_description_lists_every_operation_and_its_answers() {
    let Some(database) = postgres::database("the_description_lists_every_operation") else { return };
    let app = Settings::new(&database).start().await;
    let description = answer(app.get("/openapi.json"), 200).await;
    let mut operations = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.insert(format!("{method} {path}"));
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for status in ["400", "408", "413", "429", "500", "503"] {
                assert!(answers.contains_key(status), "{method} {path} {status}");
            }
        }
    }
    let expected = [
        "delete /api/sessions/current",
        "delete /delete",
        "get /api/accounts",
        "get /api/accounts/{id}",
        "get /api/audit",
        "get /api/rows",
        "get /api/users",
        "get /api/users/me",
        "get /health/live",
        "get /version",
        "post /api/accounts",
        "post /api/sessions",
        "post /api/sessions/refresh",
        "post /api/transfers",
        "post /api/users",
        "post /populate",
        "put /api/users/me/password",
        "put /api/users/{id}/disabled",
    ];
    assert_eq!(operations, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn logs_are_json_with_request_ids_and_hold_nothing_personal() {
    let Some(database) = postgres::database("logs_are_json_with_request_ids") else { return };
    let settings = Settings::new(&database).with("LOG_LEVEL", "debug");
    let mut app = settings.start().await;
    app.address = "198.51.100.77".into();
    let ada = app.user("canary-name").await;
    let account = app.account(&ada, 100).await;
    let label = json!({ "name": "Canary label" });
    answer(app.post("/api/accounts", &label).bearer_auth(&ada.access).header("x-request-id", "request-77"), 201).await;
    answer(app.post("/api/sessions", &json!({ "name": "canary-name", "password": "canary password" })), 401).await;
    answer(app.get("/api/users?after=canary-query").bearer_auth(&ada.access), 403).await;
    answer(app.get("/canary-path"), 404).await;
    answer(app.get("/api/users/me").bearer_auth("canary.token.x"), 401).await;
    answer(app.post("/api/users", &json!({ "name": "canary-name", "password": PASSWORD })), 409).await;
    answer(app.transfer(&ada, "canary-key", &account, &account, 1).header("x-amzn-trace-id", "Root=1-77"), 422).await;
    let log = app.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string());
        if line["message"] == "answered" {
            assert!(!line["request"].as_str().unwrap().is_empty() && line["route"].is_string(), "{line}");
        }
    }
    assert!(log.contains(r#""request":"request-77""#) && log.contains(r#""trace":"Root=1-77""#), "{log}");
    let key = std::fs::read_to_string(settings.file("key")).unwrap();
    let secrets = ["anary", "198.51.100.77", PASSWORD, &database.password, &key, &ada.access, &ada.refresh, &account];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
