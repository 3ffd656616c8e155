//! The layout of every page in Chromium, at the width of a phone and of a desktop, in light and dark mode. every one in
//! Chromium, as wide as a phone and as a desk, light and dark.
//!
//! The pages have no scripts, and forbid them. So Chromium gets them through a server of this test's, in frames of a
//! page with a script (`look.js`) that measures: nothing is wider than the window, every field has a label, letters
//! stand out, the keyboard reaches everything and shows where it is. Their own policy stays in force, but for frames.
//! And it goes through the forms, with the cookies and headers that a browser really sends.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use reqwest::Client;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    page::Browser,
    support::{
        app::{PASSWORD, Settings},
        postgres, program, skipped,
    },
    users::admin,
};

/// A server between Chromium and the app.
struct Between {
    url: String,
    through: Client,
    /// By name, with their cookies.
    people: BTreeMap<&'static str, Client>,
    /// Responses to submitted forms, by address.
    kept: BTreeMap<&'static str, String>,
    pages: Vec<String>,
    found: mpsc::UnboundedSender<Value>,
}

async fn script_page(State(between): State<Arc<Between>>) -> Html<String> {
    let pages = serde_json::to_string(&between.pages).unwrap();
    Html(format!("<!doctype html><body><script>{}\nrun({pages});</script>", include_str!("look.js")))
}

async fn found(State(between): State<Arc<Between>>, Json(found): Json<Value>) {
    between.found.send(found).unwrap();
}

async fn kept(State(between): State<Arc<Between>>, Path(name): Path<String>) -> Html<String> {
    Html(between.kept[name.as_str()].clone())
}

async fn as_person(
    State(between): State<Arc<Between>>,
    Path((who, path)): Path<(String, String)>,
    request: Request,
) -> Response {
    pass_on(&between, &who, &format!("/{path}"), request).await
}

/// Everything, both ways, as it is.
async fn through(State(between): State<Arc<Between>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked = between.through.request(parts.method, format!("{}{}", between.url, parts.uri));
    let answer = asked.headers(parts.headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(&answer).parse().unwrap());
    for name in [header::X_FRAME_OPTIONS, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

/// The pages' own, but for frames.
fn policy(answer: &reqwest::Response) -> String {
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    let policy = policy.replace("frame-ancestors 'none'", "");
    assert!(!policy.contains("frame-ancestors"));
    policy
}

async fn pass_on(between: &Between, who: &str, path: &str, request: Request) -> Response {
    let wanted = request.headers().get(header::ACCEPT).cloned().unwrap();
    let asked = between.people[who].get(format!("{}{path}", between.url)).header("accept", wanted);
    let answer = asked.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let policy = policy(&answer);
    let headers = [
        (header::CONTENT_TYPE, answer.headers()["content-type"].to_str().unwrap().to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (status, headers, answer.bytes().await.unwrap()).into_response()
}

/// Ends it with the test.
struct Chromium(Child);

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_shows_every_page_on_a_phone_and_on_a_desk() {
    const TEST: &str = "chromium_shows_every_page_on_a_phone_and_on_a_desk";
    let Some(database) = postgres::database(TEST) else { return };
    let Some(chromium) = program("chromium") else { return skipped(TEST, "needs chromium") };
    let settings = Settings::new(&database);
    let app = settings.start().await;
    let (nobody, ada, root) = (Browser::new(&app), Browser::new(&app), Browser::new(&app));
    admin(&settings, &app).await;
    app.register("ada").await;
    app.register("a-name-that-is-as-long-as-can-be").await;
    ada.sign_in("ada").await;
    root.sign_in("root").await;
    // As wide as they come.
    for name in ["Savings", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"] {
        ada.send("/accounts", "/accounts", &[("name", name), ("opening", "1000000")]).await;
        nobody.send("/", "/rows/populate", &[]).await;
    }
    let html = ada.open("/accounts").await;
    let ids: Vec<&str> = html.split("<code>").skip(1).map(|part| part.split('<').next().unwrap()).collect();
    ada.send("/accounts", "/transfers", &[("from", ids[0]), ("to", ids[1]), ("amount", "999999.99")]).await;
    let wrong_transfer = ada.send("/accounts", "/transfers", &[("from", ids[0]), ("to", "me"), ("amount", "x")]).await;
    let wrong_account = ada.send("/accounts", "/accounts", &[("name", ""), ("opening", "x")]).await;
    let wrong_password = ada.send("/password", "/password", &[("old_password", "x"), ("new_password", "x")]).await;
    let wrong_user = nobody.send("/register", "/register", &[("name", "A!"), ("password", "short")]).await;
    let wrong_sign_in =
        nobody.send("/sign-in", "/sign-in", &[("name", "ada"), ("password", PASSWORD.trim_end_matches('y'))]).await;
    let done = nobody.send("/", "/rows/populate", &[]).await;
    let kept_pages = [
        ("wrong-transfer", wrong_transfer),
        ("wrong-account", wrong_account),
        ("wrong-password", wrong_password),
        ("wrong-user", wrong_user),
        ("wrong-sign-in", wrong_sign_in),
        ("done", done),
    ];
    let pages = [
        "/as/nobody/",
        "/as/nobody/sign-in",
        "/as/nobody/register",
        "/as/nobody/nothing-here",
        "/as/ada/accounts",
        "/as/ada/audit",
        "/as/ada/password",
        "/as/ada/users",
        "/as/root/users",
        "/as/root/audit",
        "/as/root/accounts",
    ];
    let pages: Vec<String> = pages
        .map(str::to_owned)
        .into_iter()
        .chain(kept_pages.iter().map(|(name, _)| format!("/kept/{name}")))
        .collect();
    let many = pages.len();
    let (sender, mut finds) = mpsc::unbounded_channel();
    let between = Between {
        url: app.url.clone(),
        through: app.client.clone(),
        people: [("nobody", nobody.client), ("ada", ada.client), ("root", root.client)].into(),
        kept: kept_pages.map(|(name, (_, html))| (name, html)).into(),
        pages,
        found: sender,
    };
    let router = Router::new()
        .route("/look", get(script_page))
        .route("/found", post(found))
        .route("/kept/{name}", get(kept))
        .route(
            "/as/{who}/",
            get(|state, Path(who): Path<String>, request| as_person(state, Path((who, String::new())), request)),
        )
        .route("/as/{who}/{*path}", get(as_person))
        .fallback(through)
        .with_state(Arc::new(between));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/look", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir().unwrap();
    for (scheme, number) in [("light", 1), ("dark", 0)] {
        let log = folder.path().join(format!("log-{scheme}"));
        let running = Command::new(&chromium)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--enable-logging=stderr", "--v=0", "--window-size=1400,1000"])
            .arg(format!("--blink-settings=preferredColorScheme={number}"))
            .arg(format!("--user-data-dir={}", folder.path().join(format!("profile-{scheme}")).display()))
            .arg(&url)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let running = Chromium(running);
        let found = tokio::time::timeout(Duration::from_secs(90), finds.recv()).await;
        let said = std::fs::read_to_string(&log).unwrap();
        let found = found.unwrap_or_else(|_| panic!("{scheme}: Chromium did not come to an end: {said}")).unwrap();
        drop(running);
        assert_eq!(found["looked"], many * 2, "{scheme}");
        let wrong: Vec<&str> = found["wrong"].as_array().unwrap().iter().map(|wrong| wrong.as_str().unwrap()).collect();
        assert!(wrong.is_empty(), "{scheme}:\n{}", wrong.join("\n"));
        // Something was kept from loading, or a script failed.
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{scheme}: {complaints:?}");
    }
}
