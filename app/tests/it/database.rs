//! The way to the database: its certificate, its password, and a restart in the middle of everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app::{config, database::Database as Pool, secret::SecretSource};
use serde_json::json;
use sqlx::{Executor, Row};

use crate::support::{
    app::{App, Settings, Tokens, answer},
    aws::Aws,
    postgres::{self, Database},
};

#[tokio::test]
async fn a_certificate_of_another_ca_or_for_another_name_is_refused() {
    let Some(database) = postgres::database("a_certificate_of_another_ca_is_refused") else { return };
    let other = Settings::new(&database).with("DATABASE_CA_FILE", database.other_ca.display());
    let none = Settings::new(&database).without("DATABASE_CA_FILE");
    // The certificate is for `localhost` and 127.0.0.1, and the server is the same.
    let name = Settings::new(&database).with("DATABASE_HOST", "127.0.0.2");
    for (settings, why) in [(other, "UnknownIssuer"), (none, "UnknownIssuer"), (name, "not valid for name")] {
        let output = settings.run(&["migrate"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(why) && !text.contains(&database.password), "{text}");
    }
    assert!(Settings::new(&database).run(&["migrate"]).status.success());
}

/// Gives the app's user another password and ends its connections, so that it has to sign in again.
async fn rotate(database: &Database, password: &str) {
    let mut admin = database.admin().await;
    let change = format!("ALTER ROLE {} PASSWORD '{password}'", database.user);
    admin.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'app' AND usename = $1";
    sqlx::query(end).bind(&database.user).execute(&mut admin).await.unwrap();
}

async fn goes_on(app: &App, ada: &Tokens) {
    for _ in 0..20 {
        answer(app.get("/api/accounts").bearer_auth(&ada.access), 200).await;
    }
    let log = app.log();
    assert!(log.contains("reading it again"), "{log}");
}

#[tokio::test]
async fn rotated_password_file_is_read_without_a_restart() {
    let Some(database) = postgres::database("a_new_password_in_the_file_is_read") else { return };
    let settings = Settings::new(&database);
    let app = settings.start().await;
    let ada = app.user("ada").await;
    rotate(&database, "another-password").await;
    // Before the file has it: refused, in a moment, and without a word of why.
    answer(app.get("/api/accounts").bearer_auth(&ada.access), 503).await;
    std::fs::write(settings.file("password"), "another-password\n").unwrap();
    goes_on(&app, &ada).await;
    assert!(!app.log().contains("another-password"));
}

#[tokio::test]
async fn rotated_secrets_are_read_without_a_restart() {
    let Some(database) = postgres::database("a_new_password_in_secrets_manager_is_read") else { return };
    let aws = Aws::start(json!({})).await;
    let arn = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:database";
    let key = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:key";
    let managed = |password: &str| json!({ "username": database.user, "password": password, "engine": "postgres" });
    aws.set(arn, &managed(&database.password).to_string());
    aws.set(key, "the-first-signing-key-which-is-long-enough");
    let settings = Settings::new(&database)
        .without("DATABASE_USER")
        .without("DATABASE_PASSWORD_FILE")
        .without("SIGNING_KEY_FILE")
        .with("DATABASE_SECRET_ARN", arn)
        .with("SIGNING_KEY_SECRET_ARN", key)
        .all(aws.variables())
        .without("AWS_REGION");
    let app = settings.start().await;
    let ada = app.user("ada").await;
    aws.set(arn, &managed("rotated-by-rds").to_string());
    rotate(&database, "rotated-by-rds").await;
    goes_on(&app, &ada).await;

    // A task that started with the new key signs in somebody whom the first one does not know yet.
    aws.set(key, "the-second-signing-key-which-is-long-enough");
    let second = settings.start().await;
    let bob = second.user("bob").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    answer(app.get("/api/users/me").bearer_auth(&bob.access), 200).await;
    answer(app.get("/api/users/me").bearer_auth(&ada.access), 200).await;
    let log = app.log() + &second.log();
    for secret in ["rotated-by-rds", "first-signing-key", "second-signing-key"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// A request is dropped wherever it waits when its client goes away. A connection that is given back with its
/// transaction still open would keep what others do after it from ever being committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnected_client_leaves_no_open_transaction() {
    let Some(database) = postgres::database("disconnected_client_leaves_no_open_transaction") else { return };
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, &database.password).unwrap();
    let settings = config::Database {
        host: "localhost".into(),
        port: database.port,
        name: database.name.clone(),
        credentials: config::Credentials::Given { user: database.user.clone(), password: SecretSource::File(password) },
        extra_ca: Some(std::fs::read(&database.ca).unwrap()),
        connections: 4,
    };
    let pool = Pool::open(settings, Arc::default()).await.unwrap();
    drop(pool.begin().await.unwrap());
    for micros in (0..2000).step_by(5) {
        let work = async {
            let mut transaction = pool.begin().await.unwrap();
            sqlx::query("CREATE TEMPORARY TABLE t (n integer) ON COMMIT DROP")
                .execute(&mut *transaction)
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        };
        // The runtime's own clock counts in milliseconds.
        let end = tokio::task::spawn_blocking(move || std::thread::sleep(Duration::from_micros(micros)));
        tokio::select! { () = work => {}, _ = end => {} }
        // Not with a transaction of one's own: that would end the one that was left open.
        let mut connection = pool.acquire().await.unwrap();
        let alone = sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(&mut *connection).await.unwrap();
        assert!(alone.get::<bool, _>(0), "a transaction was left open after {micros} microseconds");
    }
    pool.close().await;
}

/// The responses that clients received for one key.
struct Sent {
    from: String,
    to: String,
    amount: i64,
    status: Option<u16>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_transfer_is_lost_or_doubled_when_the_database_restarts() {
    const CLIENTS: usize = 64;
    const WANTED: usize = 5_000;
    let Some(cluster) = postgres::own("no_transfer_is_lost_or_doubled_when_the_database_restarts") else { return };
    let database = cluster.database();
    let app = Arc::new(Settings::new(&database).start().await);
    let ada = Arc::new(app.user("ada").await);
    let mut accounts = Vec::new();
    for _ in 0..16 {
        accounts.push(app.account(&ada, 10_000).await);
    }
    let (accounts, made, stop) = (Arc::new(accounts), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let sent = Arc::new(Mutex::new(BTreeMap::new()));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let (app, ada, accounts) = (Arc::clone(&app), Arc::clone(&ada), Arc::clone(&accounts));
        let (made, stop, sent) = (Arc::clone(&made), Arc::clone(&stop), Arc::clone(&sent));
        clients.push(tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (a, b) = ((client + number * 7) % 16, (client * 5 + number * 3 + 1) % 16);
                let to = if a == b { (b + 1) % 16 } else { b };
                let (from, to, key) = (accounts[a].clone(), accounts[to].clone(), format!("{client}-{number}"));
                // Some are more than there is.
                let amount = i64::try_from((client * 31 + number * 17) % 3000).unwrap() + 1;
                let answer = app.transfer(&ada, &key, &from, &to, amount).send().await;
                let status = answer.ok().map(|answer| answer.status().as_u16());
                if status == Some(201) {
                    made.fetch_add(1, Ordering::Relaxed);
                } else if status != Some(422) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                sent.lock().unwrap().insert(key, Sent { from, to, amount, status });
            }
        }));
    }
    let start = Instant::now();
    let until = |count: usize| {
        let made = Arc::clone(&made);
        async move {
            while made.load(Ordering::Relaxed) < count {
                assert!(start.elapsed() < Duration::from_secs(150), "only {made:?} in {:?}", start.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    // Once as an administrator would, once as a crash.
    until(WANTED / 3).await;
    cluster.down("fast");
    cluster.up();
    until(2 * WANTED / 3).await;
    cluster.down("immediate");
    cluster.up();
    until(WANTED).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    app.wait_ready().await;

    let sent = Arc::into_inner(sent).unwrap().into_inner().unwrap();
    let failed = sent.values().filter(|sent| !matches!(sent.status, Some(201 | 422))).count();
    eprintln!("{} made, {failed} failed of {} in {:?}", made.load(Ordering::Relaxed), sent.len(), start.elapsed());
    assert!(failed > 0, "the restarts hit nothing");
    let mut admin = database.admin().await;
    let (noted, refused) = (noted(&mut admin).await, refused(&mut admin).await);
    // Sent again: what had an answer gets the same, what failed gets one, and the same one ever after.
    let (mut expected, mut number) = (0, 0);
    for (key, sent) in &sent {
        let again = || app.transfer(&ada, key, &sent.from, &sent.to, sent.amount).send();
        if let Some(status @ (201 | 422)) = sent.status {
            expected += usize::from(status == 201);
            assert_eq!(noted.get(key).copied().unwrap_or(0), usize::from(status == 201), "{key}: {status}");
            assert_eq!(refused.contains(key), status == 422, "{key}: {status}");
            // Some of them: each takes a moment.
            number += 1;
            if number % 8 == 0 {
                assert_eq!(again().await.unwrap().status(), status, "{key}: another answer than before");
            }
        } else {
            let (first, second) = (again().await.unwrap().status(), again().await.unwrap().status());
            assert_eq!(first, second, "{key}");
            assert!([201, 422].contains(&first.as_u16()), "{key}: {first}");
            if noted.contains_key(key) {
                assert_eq!(first, 201, "{key} was made, and says that it was not");
            }
            if refused.contains(key) {
                assert_eq!(first, 422, "{key} was refused, and says that it was not");
            }
            expected += usize::from(first == 201);
        }
    }
    let noted = self::noted(&mut admin).await;
    assert_eq!(noted.values().sum::<usize>(), expected);
    assert!(noted.values().all(|count| *count == 1));
    assert!(made.load(Ordering::Relaxed) >= WANTED);
    let sum =
        sqlx::query("SELECT sum(balance)::bigint, min(balance) FROM accounts").fetch_one(&mut admin).await.unwrap();
    assert_eq!(sum.get::<i64, _>(0), 160_000);
    assert!(sum.get::<i64, _>(1) >= 0);
}

/// Returns the number of audit entries for each key.
async fn noted(admin: &mut sqlx::PgConnection) -> BTreeMap<String, usize> {
    let rows = sqlx::query("SELECT key FROM audit WHERE action = 'transfer'").fetch_all(admin).await.unwrap();
    let mut noted = BTreeMap::new();
    for row in rows {
        *noted.entry(row.get::<String, _>(0)).or_insert(0) += 1;
    }
    noted
}

/// The keys of transfers that were refused for good.
async fn refused(admin: &mut sqlx::PgConnection) -> BTreeSet<String> {
    let rows = sqlx::query("SELECT key FROM transfers WHERE refusal IS NOT NULL").fetch_all(admin).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
