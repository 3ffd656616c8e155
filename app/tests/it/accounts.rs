//! Accounts, transfers, the audit trail.

use serde_json::json;
use sqlx::{Executor, Row};

use crate::support::{
    app::{Settings, answer},
    postgres,
};

#[tokio::test]
async fn transfer_is_idempotent_by_key() {
    let Some(database) = postgres::database("transfer_is_idempotent_by_key") else { return };
    let app = Settings::new(&database).start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let (from, to) = (app.account(&ada, 1000).await, app.account(&bob, 0).await);
    let first = answer(app.transfer(&ada, "k1", &from, &to, 300), 201).await;
    assert_eq!(answer(app.transfer(&ada, "k1", &from, &to, 300), 201).await, first);
    assert_eq!((app.balance(&ada, &from).await, app.balance(&bob, &to).await), (700, 300));
    answer(app.transfer(&ada, "k1", &from, &to, 301), 409).await;

    // A refusal is final: the same key gives it again, also when there is money now.
    let refused = answer(app.transfer(&ada, "k2", &from, &to, 5000), 422).await;
    assert_eq!(refused["type"], "/problems/refused");
    let rich = app.account(&bob, 100_000).await;
    answer(app.transfer(&bob, "k1", &rich, &from, 10_000), 201).await;
    assert_eq!(answer(app.transfer(&ada, "k2", &from, &to, 5000), 422).await, refused);
    answer(app.transfer(&ada, "k3", &from, &to, 5000), 201).await;

    // Not from somebody else's, not to nobody's, not to itself, not nothing.
    answer(app.transfer(&ada, "k4", &to, &from, 1), 404).await;
    answer(app.transfer(&ada, "k5", &from, &uuid::Uuid::new_v4().to_string(), 1), 404).await;
    answer(app.transfer(&ada, "k6", &from, &from, 1), 422).await;
    answer(app.transfer(&ada, "k7", &from, &to, 0), 422).await;
    answer(app.transfer(&ada, "k8", &from, &to, -5), 422).await;
    answer(app.transfer(&ada, "no such key!", &from, &to, 1), 422).await;
    let body = json!({ "from": from, "to": to, "amount": 1 });
    answer(app.post("/api/transfers", &body).bearer_auth(&ada.access), 422).await;
    answer(app.get(&format!("/api/accounts/{to}")).bearer_auth(&ada.access), 404).await;

    let trail = answer(app.get("/api/audit").bearer_auth(&bob.access), 200).await;
    let amounts: Vec<_> = trail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["action"] == "transfer")
        .map(|e| e["amount"].as_i64().unwrap())
        .collect();
    assert_eq!(amounts, [5000, 10_000, 300]);
    let keys: Vec<_> = trail["entries"].as_array().unwrap().iter().filter_map(|e| e["key"].as_str()).collect();
    assert_eq!(keys, ["k1"], "only his own keys");
}

#[tokio::test]
async fn concurrent_transfers_never_overdraw_or_deadlock() {
    let Some(database) = postgres::database("many_at_once_never_overdraw") else { return };
    let app = Settings::new(&database).start().await;
    let ada = app.user("ada").await;
    let (one, two) = (app.account(&ada, 100).await, app.account(&ada, 100).await);
    // Both ways at once, more than there is, and each key twice.
    let mut all = Vec::new();
    for number in 0..60 {
        let (from, to) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        for _ in 0..2 {
            all.push(tokio::spawn(app.transfer(&ada, &format!("key{number}"), from, to, 60 + number % 7).send()));
        }
    }
    let mut statuses = Vec::new();
    for answer in all {
        statuses.push(answer.await.unwrap().unwrap().status().as_u16());
    }
    assert!(statuses.iter().all(|status| [201, 422].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&201));
    for pair in statuses.chunks(2) {
        assert_eq!(pair[0], pair[1], "the same key, two answers");
    }
    let (a, b) = (app.balance(&ada, &one).await, app.balance(&ada, &two).await);
    assert!(a >= 0 && b >= 0 && a + b == 200, "{a} {b}");
    let made = statuses.iter().filter(|status| **status == 201).count() / 2;
    let noted = sqlx::query("SELECT count(*) FROM audit WHERE action = 'transfer'");
    let noted: i64 = noted.fetch_one(&mut database.admin().await).await.unwrap().get(0);
    assert_eq!(noted, i64::try_from(made).unwrap());
}

#[tokio::test]
async fn nothing_can_change_the_audit_trail() {
    let Some(database) = postgres::database("nothing_can_change_the_audit_trail") else { return };
    let app = Settings::new(&database).start().await;
    app.register("ada").await;
    let mut app_user = database.app_user().await;
    let mut admin = database.admin().await;
    admin.execute("SET session_replication_role = replica").await.unwrap();
    for sql in ["UPDATE audit SET amount = 1", "DELETE FROM audit", "TRUNCATE audit"] {
        for connection in [&mut app_user, &mut admin] {
            let refused = connection.execute(sql).await.unwrap_err().to_string();
            assert!(refused.contains("audit"), "{sql}: {refused}");
        }
    }
    let left = sqlx::query("SELECT count(*) FROM audit").fetch_one(&mut admin).await.unwrap();
    assert_eq!(left.get::<i64, _>(0), 1);
    let negative = admin.execute("INSERT INTO accounts (id, user_id, name, balance) SELECT id, id, 'x', -1 FROM users");
    assert!(negative.await.unwrap_err().to_string().contains("accounts_balance_check"));
}
