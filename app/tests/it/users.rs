//! Users: register, sign in and out, tokens, the administrator.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::{
    app::{App, PASSWORD, Settings, Tokens, answer},
    aws::Aws,
    postgres,
};

async fn refresh(app: &App, token: &str, status: u16) -> Value {
    answer(app.post("/api/sessions/refresh", &json!({ "refresh_token": token })), status).await
}

#[tokio::test]
async fn register_sign_in_and_out() {
    let Some(database) = postgres::database("register_sign_in_and_out") else { return };
    let app = Settings::new(&database).start().await;
    let ada = app.register("ada").await;
    assert_eq!((&ada["name"], &ada["role"], &ada["disabled"]), (&json!("ada"), &json!("user"), &json!(false)));
    answer(app.post("/api/users", &json!({ "name": "ada", "password": PASSWORD })), 409).await;
    let wrong = answer(app.post("/api/users", &json!({ "name": "A", "password": "short" })), 422).await;
    let fields: Vec<_> = wrong["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "password"]);

    answer(app.get("/api/users/me"), 401).await;
    answer(app.get("/api/users/me").bearer_auth("nonsense"), 401).await;
    let unknown = answer(app.post("/api/sessions", &json!({ "name": "eve", "password": PASSWORD })), 401).await;
    let wrong = answer(app.post("/api/sessions", &json!({ "name": "ada", "password": "not her password" })), 401).await;
    assert_eq!(unknown, wrong, "an answer says whether there is such a user");
    let tokens = app.sign_in("ada", PASSWORD).await;
    assert_eq!(answer(app.get("/api/users/me").bearer_auth(&tokens.access), 200).await["name"], "ada");
    answer(app.request(Method::DELETE, "/api/sessions/current").bearer_auth(&tokens.access), 204).await;
    answer(app.get("/api/users/me").bearer_auth(&tokens.access), 401).await;
    refresh(&app, &tokens.refresh, 401).await;

    let hash = sqlx::query("SELECT password FROM users").fetch_one(&mut database.admin().await).await.unwrap();
    assert!(hash.get::<String, _>(0).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn reused_refresh_token_ends_the_session() {
    let Some(database) = postgres::database("a_refresh_token_is_good_once") else { return };
    let app = Settings::new(&database).with("ACCESS_TOKEN_SECONDS", 1).start().await;
    let first = app.user("ada").await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    answer(app.get("/api/users/me").bearer_auth(&first.access), 401).await;
    let second = Tokens::of(&refresh(&app, &first.refresh, 200).await);
    assert_ne!(first.refresh, second.refresh);
    answer(app.get("/api/users/me").bearer_auth(&second.access), 200).await;
    refresh(&app, &first.refresh, 401).await;
    answer(app.get("/api/users/me").bearer_auth(&second.access), 401).await;
    refresh(&app, &second.refresh, 401).await;
}

#[tokio::test]
async fn first_administrator_is_created_by_a_command() {
    let Some(database) = postgres::database("first_administrator_is_created_by_a_command") else { return };
    let settings = Settings::new(&database);
    let file = settings.file("admin-password");
    let arguments = ["create-admin", "--name", "root", "--password-file", file.to_str().unwrap()];
    let made = settings.run(&arguments);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let password = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(password.len(), 24);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    for output in [&made.stdout, &made.stderr] {
        assert!(!String::from_utf8_lossy(output).contains(&password), "printed");
    }
    assert_eq!(settings.run(&arguments).status.code(), Some(1), "a second time");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), password, "the file was written again");

    let app = settings.start().await;
    let root = app.sign_in("root", &password).await;
    let refused = answer(app.get("/api/users").bearer_auth(&root.access), 403).await;
    assert_eq!(refused["type"], "/problems/password-change-needed");
    let change = |old: &str, new: &str| json!({ "old_password": old, "new_password": new });
    let path = "/api/users/me/password";
    answer(app.put(path, &change("not this one", PASSWORD)).bearer_auth(&root.access), 422).await;
    answer(app.put(path, &change(&password, &password)).bearer_auth(&root.access), 422).await;
    let changed = answer(app.put(path, &change(&password, PASSWORD)).bearer_auth(&root.access), 200).await;
    answer(app.get("/api/users/me").bearer_auth(&root.access), 401).await;
    let root = Tokens::of(&changed);
    answer(app.get("/api/users").bearer_auth(&root.access), 200).await;
    answer(app.post("/api/sessions", &json!({ "name": "root", "password": password })), 401).await;
}

#[tokio::test]
async fn the_administrators_password_can_go_into_a_secret() {
    let Some(database) = postgres::database("the_administrators_password_can_go_into_a_secret") else { return };
    let aws = Aws::start(json!({})).await;
    let settings = Settings::new(&database).all(aws.variables());
    let made = tokio::task::spawn_blocking(move || {
        let made = settings.run(&["create-admin", "--name", "root", "--secret", "app/admin"]);
        let arn = "arn:aws:secretsmanager:us-east-1:1:secret:none";
        (made, settings.run(&["create-admin", "--name", "second", "--secret", arn]), settings)
    });
    let (made, missing, settings) = made.await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(missing.status.code(), Some(1), "an ARN that is not there");
    let app = settings.start().await;
    app.sign_in("root", &aws.get("app/admin").unwrap()).await;
    let users = sqlx::query("SELECT count(*) FROM users").fetch_one(&mut database.admin().await).await.unwrap();
    assert_eq!(users.get::<i64, _>(0), 1, "a user without a password that anybody has");
}

/// An administrator who has changed the password.
pub(crate) async fn admin(settings: &Settings, app: &App) -> Tokens {
    let file = settings.file("admin-password");
    let made = settings.run(&["create-admin", "--name", "root", "--password-file", file.to_str().unwrap()]);
    assert!(made.status.success());
    let password = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let root = app.sign_in("root", &password).await;
    let change = json!({ "old_password": password, "new_password": PASSWORD });
    Tokens::of(&answer(app.put("/api/users/me/password", &change).bearer_auth(&root.access), 200).await)
}

#[tokio::test]
async fn the_administrator_lists_and_disables_users() {
    let Some(database) = postgres::database("the_administrator_lists_and_disables_users") else { return };
    let settings = Settings::new(&database);
    let app = settings.start().await;
    let root = admin(&settings, &app).await;
    let ada = app.user("ada").await;
    answer(app.get("/api/users").bearer_auth(&ada.access), 403).await;
    let listed = answer(app.get("/api/users?limit=1").bearer_auth(&root.access), 200).await;
    assert_eq!(listed["users"][0]["name"], "ada");
    let listed = answer(app.get("/api/users?after=ada").bearer_auth(&root.access), 200).await;
    assert_eq!((&listed["users"][0]["name"], listed["users"].as_array().unwrap().len()), (&json!("root"), 1));
    let me = answer(app.get("/api/users/me").bearer_auth(&ada.access), 200).await;
    let path = format!("/api/users/{}/disabled", me["id"].as_str().unwrap());
    let disable =
        |who: &Tokens, disabled: bool| app.put(&path, &json!({ "disabled": disabled })).bearer_auth(&who.access);
    answer(disable(&ada, true), 403).await;
    assert_eq!(answer(disable(&root, true), 200).await["disabled"], true);
    answer(app.get("/api/users/me").bearer_auth(&ada.access), 401).await;
    refresh(&app, &ada.refresh, 401).await;
    answer(app.post("/api/sessions", &json!({ "name": "ada", "password": PASSWORD })), 401).await;
    answer(disable(&root, false), 200).await;
    let ada = app.sign_in("ada", PASSWORD).await;
    let root_id = answer(app.get("/api/users/me").bearer_auth(&root.access), 200).await;
    let own = format!("/api/users/{}/disabled", root_id["id"].as_str().unwrap());
    answer(app.put(&own, &json!({ "disabled": true })).bearer_auth(&root.access), 409).await;
    let nobody = format!("/api/users/{}/disabled", uuid::Uuid::new_v4());
    answer(app.put(&nobody, &json!({ "disabled": true })).bearer_auth(&root.access), 404).await;

    let trail = answer(app.get("/api/audit").bearer_auth(&root.access), 200).await;
    let actions: Vec<_> = trail["entries"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user-enabled", "user-disabled", "user-registered", "password-changed", "user-registered"]);
    let trail = answer(app.get("/api/audit").bearer_auth(&ada.access), 200).await;
    assert_eq!(trail["entries"].as_array().unwrap().len(), 1, "only her own: {trail}");
}
