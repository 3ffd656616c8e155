//! Two processes agree, by PostgreSQL or by Redis.

use reqwest::Method;
use serde_json::json;

use crate::{
    support::{
        app::{App, PASSWORD, Settings, Tokens, answer},
        postgres, redis,
    },
    users::admin,
};

async fn agree(settings: &Settings) {
    let (one, two) = tokio::join!(settings.start(), settings.start());
    let ada = one.user("ada").await;
    answer(two.get("/api/users/me").bearer_auth(&ada.access), 200).await;
    let body = json!({ "refresh_token": ada.refresh });
    let next = Tokens::of(&answer(two.post("/api/sessions/refresh", &body), 200).await);
    // Used twice, wherever: the session is over, everywhere.
    answer(one.post("/api/sessions/refresh", &body), 401).await;
    answer(two.get("/api/users/me").bearer_auth(&next.access), 401).await;

    let ada = two.sign_in("ada", PASSWORD).await;
    answer(one.request(Method::DELETE, "/api/sessions/current").bearer_auth(&ada.access), 204).await;
    answer(two.get("/api/users/me").bearer_auth(&ada.access), 401).await;

    let root = admin(settings, &one).await;
    let ada = two.sign_in("ada", PASSWORD).await;
    let id = answer(two.get("/api/users/me").bearer_auth(&ada.access), 200).await["id"].as_str().unwrap().to_owned();
    let disable = json!({ "disabled": true });
    answer(one.put(&format!("/api/users/{id}/disabled"), &disable).bearer_auth(&root.access), 200).await;
    answer(two.get("/api/users/me").bearer_auth(&ada.access), 401).await;

    // Five tries in all, not five each.
    let try_one = |app: &App| app.post("/api/sessions", &json!({ "name": "eve", "password": "wrong" })).send();
    let mut statuses = Vec::new();
    for number in 0..8 {
        let app = if number % 2 == 0 { &one } else { &two };
        statuses.push(try_one(app).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}

#[tokio::test]
async fn two_tasks_agree_by_postgresql() {
    let Some(database) = postgres::database("two_tasks_agree_by_postgresql") else { return };
    agree(&Settings::new(&database).without("RATE_LIMIT_SIGN_IN")).await;
}

#[tokio::test]
async fn two_tasks_agree_by_redis() {
    let Some(database) = postgres::database("two_tasks_agree_by_redis") else { return };
    let Some(redis) = redis::start("two_tasks_agree_by_redis") else { return };
    let settings = Settings::new(&database).without("RATE_LIMIT_SIGN_IN").with("REDIS_URL", &redis.url);
    agree(&settings).await;
    let kept = sqlx::query("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM rate_limits)");
    let kept: i64 = sqlx::Row::get(&kept.fetch_one(&mut database.admin().await).await.unwrap(), 0);
    assert_eq!(kept, 0, "with Redis, PostgreSQL holds neither");

    // Without Redis there is no signing in, and it says so.
    let app = settings.start().await;
    let port = redis.end();
    let answer = app.post("/api/sessions", &json!({ "name": "ada", "password": PASSWORD })).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(app.get("/health/ready").send().await.unwrap().status(), 503);
    // One that starts now waits for it.
    let late = settings.spawn();
    late.wait_alive().await;
    assert_eq!(late.get("/health/ready").send().await.unwrap().status(), 503);
    let Some(_redis) = redis::Redis::again(port) else { return };
    late.wait_ready().await;
    app.wait_ready().await;
    app.user("cyd").await;
}
