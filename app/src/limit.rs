//! Rate limits: those that all tasks share, in PostgreSQL or Redis, and a coarse one of requests in each process.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{database::Database, problem::Problem};

/// Counters start again after that.
const WINDOW: Duration = Duration::from_mins(1);
/// Counts in one step; the first count starts the window.
const COUNT: &str = "local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}";

/// Counts that all tasks share.
#[derive(Clone)]
pub enum Shared {
    /// Counters in a PostgreSQL table.
    Postgres(Arc<Database>),
    /// Counters in a Redis server.
    Redis(redis::aio::ConnectionManager),
}

impl Shared {
    /// Counts one more of `what` for `whom`, and refuses when that is more than `most` in this minute.
    pub async fn take(&self, what: &str, whom: &[&str], most: u32) -> Result<(), Problem> {
        // Only hashes of names and addresses are kept.
        let mut hash = Sha256::new();
        hash.update(what);
        for part in whom {
            hash.update([0]);
            hash.update(part);
        }
        let key = hash.finalize().to_vec();
        let (count, left) = match self {
            Self::Postgres(database) => in_postgres(database, &key).await?,
            Self::Redis(connection) => {
                let mut connection = connection.clone();
                let name = [b"limit:", key.as_slice()].concat();
                let millis = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
                let (count, left): (i64, i64) =
                    redis::Script::new(COUNT).key(name).arg(millis).invoke_async(&mut connection).await?;
                (count, left / 1000)
            }
        };
        if count > i64::from(most) {
            return Err(Problem::too_many(u64::try_from(left).unwrap_or_default() + 1));
        }
        Ok(())
    }

    /// Deletes expired counters; Redis expires them itself.
    pub async fn tidy(&self) -> Result<(), Problem> {
        if let Self::Postgres(database) = self {
            let mut connection = database.acquire().await?;
            sqlx::query("DELETE FROM rate_limits WHERE ends_at < now()").execute(&mut *connection).await?;
        }
        Ok(())
    }
}

async fn in_postgres(database: &Database, key: &[u8]) -> Result<(i64, i64), Problem> {
    let mut connection = database.acquire().await?;
    let row = sqlx::query(
        "INSERT INTO rate_limits AS r (key, count, ends_at) VALUES ($1, 1, now() + make_interval(secs => $2))
         ON CONFLICT (key) DO UPDATE SET
           count = CASE WHEN r.ends_at <= now() THEN 1 ELSE LEAST(r.count, 1000000000) + 1 END,
           ends_at = CASE WHEN r.ends_at <= now() THEN excluded.ends_at ELSE r.ends_at END
         RETURNING count::bigint, ceil(extract(epoch FROM ends_at - now()))::bigint",
    )
    .bind(key)
    .bind(WINDOW.as_secs_f64())
    .fetch_one(&mut *connection)
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Requests of one address in this process: keeps one client from taking all of it.
pub struct Flood {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Flood {
    /// So many a second, and twice that at once.
    pub fn new(requests: u32) -> Self {
        let rate = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// One more of that address. Those of an IPv6 network of a subscriber (/64) count as one.
    pub fn take(&self, address: IpAddr) -> Result<(), Problem> {
        self.limiter.check_key(&subscriber(address)).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::too_many(wait.as_secs() + 1)
        })
    }

    /// Forgets who has been quiet.
    pub fn tidy(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The address, or its /64.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = six.segments();
                std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            },
            IpAddr::V4,
        ),
        four @ IpAddr::V4(_) => four,
    }
}
