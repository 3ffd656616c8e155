//! Health endpoints, and the shutdown.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    app::{PASSWORD, Settings, answer},
    aws::Aws,
    postgres,
};

#[tokio::test]
async fn alive_ready_and_which_version() {
    let Some(database) = postgres::database("alive_ready_and_which_version") else { return };
    let settings = Settings::new(&database).with("IMAGE", "sha256:faked").with("READINESS_PATH", "/am/I/ready");
    let app = settings.spawn();
    for _ in 0..200 {
        if app.get("/am/I/ready").send().await.is_ok_and(|answer| answer.status() == 200) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    answer(app.get("/health/live"), 200).await;
    let port = app.url.rsplit(':').next().unwrap().to_owned();
    let settings = settings.with("PORT", &port);
    assert_eq!(settings.run(&["health"]).status.code(), Some(0));
    assert_eq!(settings.with("READINESS_PATH", "/nothing").run(&["health"]).status.code(), Some(1));
    let version = answer(app.get("/version"), 200).await;
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(version, json!({ "name": "app", "version": own, "image": null, "task_definition": null }));
}

#[tokio::test]
async fn the_version_is_what_the_platform_says() {
    let Some(database) = postgres::database("the_version_is_what_the_platform_says") else { return };
    let digest = format!("sha256:{}", "ab".repeat(32));
    let aws = Aws::start(json!({
        "DockerId": "x", "Name": "app",
        "Image": format!("1.dkr.ecr.us-east-1.amazonaws.com/app@{digest}"),
        "ImageID": format!("sha256:{}", "cd".repeat(32)),
        "Labels": { "com.amazonaws.ecs.task-definition-family": "dev-app", "com.amazonaws.ecs.task-definition-version": "7" },
    }))
    .await;
    let settings = Settings::new(&database).with("ECS_CONTAINER_METADATA_URI_V4", format!("{}/v4/task-1", aws.url));
    let app = settings.start().await;
    let version = answer(app.get("/version"), 200).await;
    assert_eq!((&version["image"], &version["task_definition"]), (&json!(digest), &json!("dev-app:7")));

    // An endpoint that does not answer: unknown, and soon.
    let app = settings.with("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:1/v4/task-1").start().await;
    assert_eq!(answer(app.get("/version"), 200).await["image"], json!(null));
}

#[tokio::test]
async fn without_its_database_it_lives_but_is_not_ready() {
    let Some(cluster) = postgres::own("without_its_database_it_lives_but_is_not_ready") else { return };
    let database = cluster.database();
    cluster.down("fast");
    let app = Settings::new(&database).spawn();
    app.wait_alive().await;
    answer(app.get("/health/live"), 200).await;
    answer(app.get("/version"), 200).await;
    answer(app.get("/health/ready"), 503).await;
    cluster.up();
    app.wait_ready().await;
    cluster.down("immediate");
    answer(app.get("/health/ready"), 503).await;
    let answer = app.post("/api/users", &json!({ "name": "ada", "password": PASSWORD })).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.unwrap();
    assert!(!text.contains("sql") && !text.contains("localhost"), "internals: {text}");
    cluster.up();
    app.wait_ready().await;
}

#[tokio::test]
async fn asked_to_end_it_gives_the_answers_that_are_under_way() {
    let Some(database) = postgres::database("asked_to_end_it_gives_the_answers_that_are_under_way") else { return };
    let mut app = Settings::new(&database).with("SHUTDOWN_DELAY_SECONDS", 1).start().await;
    let ada = app.user("ada").await;
    let (one, two) = (app.account(&ada, 100).await, app.account(&ada, 0).await);
    // A transfer that waits for a lock which the test holds.
    let mut admin = database.admin().await;
    let mut held = sqlx::Connection::begin(&mut admin).await.unwrap();
    sqlx::query("SELECT * FROM accounts FOR UPDATE").fetch_all(&mut *held).await.unwrap();
    let waiting = tokio::spawn(app.transfer(&ada, "slow", &one, &two, 40).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    app.signal("-TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    answer(app.get("/health/ready"), 503).await;
    answer(app.get("/version"), 200).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(reqwest::get(format!("{}/version", app.url)).await.is_err(), "it still takes connections");
    held.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
    for _ in 0..100 {
        if let Some(status) = app.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not end: {}", app.log());
}

#[tokio::test]
async fn metrics_are_on_a_port_of_their_own() {
    let Some(database) = postgres::database("metrics_are_on_a_port_of_their_own") else { return };
    let app = Settings::new(&database).start().await;
    app.user("ada").await;
    answer(app.get("/nothing/at/all"), 404).await;
    answer(app.get("/metrics"), 404).await;
    let text = reqwest::get(&app.metrics).await.unwrap().text().await.unwrap();
    for line in [
        r#"http_request_duration_seconds_count{method="POST",route="/api/users",status="201"} 1"#,
        r#"http_request_duration_seconds_count{method="GET",route="none",status="404"} 2"#,
        r#"sign_ins_total{outcome="done"} 1"#,
        "http_requests_in_flight 0",
        r#"database_connections{state="idle"}"#,
        "database_connections_max 10",
        "process_resident_memory_bytes",
        "app_info{",
    ] {
        assert!(text.contains(line), "{line} is missing from:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
