//! Tests of the sample rows.

use reqwest::Method;
use sqlx::Row;

use crate::support::{
    app::{Settings, answer},
    postgres,
};

#[tokio::test]
async fn in_dev_everybody_adds_and_removes_sample_rows_and_nothing_else() {
    let Some(database) = postgres::database("in_dev_everybody_adds_and_removes_sample_rows") else { return };
    let app = Settings::new(&database).start().await;
    let ada = app.user("ada").await;
    let account = app.account(&ada, 500).await;
    for _ in 0..3 {
        let added = answer(app.request(Method::POST, "/populate"), 201).await;
        assert!(added["data"]["label"].is_string() && added["data"]["number"].is_i64(), "{added}");
        assert!(added["message"].is_string());
    }
    assert_eq!(answer(app.get("/api/rows"), 200).await["count"], 3);
    assert_eq!(answer(app.request(Method::DELETE, "/delete"), 200).await["deleted"], 3);
    assert_eq!(answer(app.request(Method::DELETE, "/delete"), 200).await["deleted"], 0);
    assert_eq!(app.balance(&ada, &account).await, 500);
    let left = sqlx::query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sample_rows)");
    let left = left.fetch_one(&mut database.admin().await).await.unwrap();
    assert_eq!((left.get::<i64, _>(0), left.get::<i64, _>(1)), (1, 0));
}

#[tokio::test]
async fn in_prod_only_users_do() {
    let Some(database) = postgres::database("in_prod_only_users_do") else { return };
    let app = Settings::new(&database).with("ENVIRONMENT", "prod").start().await;
    answer(app.request(Method::POST, "/populate"), 401).await;
    answer(app.request(Method::DELETE, "/delete"), 401).await;
    answer(app.get("/api/rows"), 401).await;
    let ada = app.user("ada").await;
    answer(app.request(Method::POST, "/populate").bearer_auth(&ada.access), 201).await;
    let deleted = answer(app.request(Method::DELETE, "/delete").bearer_auth(&ada.access), 200).await;
    assert_eq!(deleted["deleted"], 1);
}
