//! Sessions as hashes, and a set of each user's sessions so that all of them can be ended.

use std::{collections::HashMap, time::Duration};

use redis::{AsyncCommands, Script, aio::ConnectionManager};
use uuid::Uuid;

use super::{Role, Rotated, Session, SessionKind};
use crate::problem::Problem;

/// Compares and sets in one step: of two that come with the same token, one is late.
const ROTATE: &str = "local kept = redis.call('HGET', KEYS[1], 'hash')
if not kept or redis.call('HGET', KEYS[1], 'kind') ~= 'api' then return 0 end
if kept ~= ARGV[1] then return 1 end
redis.call('HSET', KEYS[1], 'hash', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', 'user-sessions:' .. redis.call('HGET', KEYS[1], 'user'), ARGV[3])
return 2";

fn key(id: Uuid) -> String {
    format!("session:{id}")
}

fn of_user(user: Uuid) -> String {
    format!("user-sessions:{user}")
}

fn seconds(life: Duration) -> i64 {
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}

pub(super) async fn create(
    connection: &ConnectionManager,
    session: &Session,
    kind: SessionKind,
    hash: &[u8],
    life: Duration,
) -> Result<(), Problem> {
    let mut connection = connection.clone();
    let (key, set) = (key(session.id), of_user(session.user));
    let () = redis::pipe()
        .atomic()
        .hset(&key, "user", session.user.to_string())
        .hset(&key, "role", session.role.name())
        .hset(&key, "must_change", u8::from(session.must_change_password))
        .hset(&key, "kind", kind.name())
        .hset(&key, "hash", hash)
        .expire(&key, seconds(life))
        .sadd(&set, session.id.to_string())
        .expire(&set, seconds(life))
        .query_async(&mut connection)
        .await?;
    Ok(())
}

/// With a hash, a page's; without, a program's.
pub(super) async fn find(
    connection: &ConnectionManager,
    id: Uuid,
    hash: Option<&[u8]>,
) -> Result<Option<Session>, Problem> {
    let mut connection = connection.clone();
    let fields: HashMap<String, Vec<u8>> = connection.hgetall(key(id)).await?;
    let is = |name: &str, value: &[u8]| fields.get(name).is_some_and(|found| found == value);
    let fits = match hash {
        Some(hash) => is("kind", b"page") && is("hash", hash),
        None => is("kind", b"api"),
    };
    if !fits {
        return Ok(None);
    }
    let text = |name: &str| fields.get(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    Ok(Uuid::try_parse(text("user")).ok().map(|user| Session {
        id,
        user,
        role: Role::of(text("role")),
        must_change_password: is("must_change", b"1"),
    }))
}

pub(super) async fn rotate(
    connection: &ConnectionManager,
    id: Uuid,
    old: &[u8],
    new: &[u8],
    life: Duration,
) -> Result<Rotated, Problem> {
    let mut own = connection.clone();
    let script = Script::new(ROTATE);
    let done: i64 = script.key(key(id)).arg(old).arg(new).arg(seconds(life)).invoke_async(&mut own).await?;
    Ok(match done {
        2 => find(connection, id, None).await?.map_or(Rotated::Gone, Rotated::Yes),
        1 => Rotated::Reused,
        _ => Rotated::Gone,
    })
}

pub(super) async fn end(connection: &ConnectionManager, id: Uuid) -> Result<(), Problem> {
    let mut connection = connection.clone();
    let () = connection.del(key(id)).await?;
    Ok(())
}

pub(super) async fn end_all(connection: &ConnectionManager, user: Uuid) -> Result<(), Problem> {
    let mut connection = connection.clone();
    let set = of_user(user);
    let ids: Vec<String> = connection.smembers(&set).await?;
    let mut pipe = redis::pipe();
    for id in ids {
        pipe.del(format!("session:{id}"));
    }
    let () = pipe.del(set).query_async(&mut connection).await?;
    Ok(())
}
