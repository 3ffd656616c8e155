//! Reads that steps ask for one at a time, sent many at a time: what is asked within a moment goes in one call for
//! each type, and shares one round of reads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use provisioner_model::{
    erased::{Clouds, Erased, Round, Seen},
    error::{Error, Result},
};

/// How long a call waits for company.
const WINDOW: Duration = Duration::from_millis(4);

type Key = (&'static str, String);
type Answer = Result<HashMap<String, Result<Seen, Arc<Error>>>, Arc<Error>>;
type Call<'a> = Shared<BoxFuture<'a, Arc<Answer>>>;

/// The reads of one run.
pub(crate) struct Batch<'a> {
    clouds: &'a Clouds,
    open: Arc<Mutex<Open<'a>>>,
}

/// The ids that a call will ask for, and the call.
type Waiting<'a> = (Arc<Mutex<Vec<String>>>, Call<'a>);

#[derive(Default)]
struct Open<'a> {
    round: Option<Arc<Round<'a>>>,
    calls: HashMap<Key, Waiting<'a>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(clouds: &'a Clouds) -> Self {
        Self { clouds, open: Arc::default() }
    }

    /// What is there under this id; none if nothing is.
    pub(crate) async fn read(&self, kind: &'a dyn Erased, on: &str, id: &str) -> Result<Option<Seen>> {
        let answer = self.join(kind, on, id).await;
        let copied = |error: &Arc<Error>| Error {
            kind: error.kind,
            action: error.action,
            code: error.code.clone(),
            request_id: error.request_id.clone(),
            source: error.source.as_ref().map(|source| source.to_string().into()),
        };
        match &*answer {
            Err(error) => Err(copied(error)),
            Ok(found) => found.get(id).cloned().transpose().map_err(|error| copied(&error)),
        }
    }

    fn join(&self, kind: &'a dyn Erased, on: &str, id: &str) -> Call<'a> {
        let key = (kind.type_name(), on.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((ids, call)) = open.calls.get(&key) {
            ids.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
            return call.clone();
        }
        let round = open.round.get_or_insert_with(|| Arc::new(self.clouds.round())).clone();
        let ids = Arc::new(Mutex::new(vec![id.to_owned()]));
        let call = call(self.open.clone(), kind, round, ids.clone(), key.clone()).boxed().shared();
        open.calls.insert(key, (ids, call.clone()));
        call
    }
}

async fn call<'a>(
    open: Arc<Mutex<Open<'a>>>,
    kind: &'a dyn Erased,
    round: Arc<Round<'a>>,
    ids: Arc<Mutex<Vec<String>>>,
    key: Key,
) -> Arc<Answer> {
    tokio::time::sleep(WINDOW).await;
    let ids = {
        // Whoever comes now is too late for this call, and for this round.
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.calls.remove(&key);
        if open.round.as_ref().is_some_and(|open| Arc::ptr_eq(open, &round)) {
            open.round = None;
        }
        std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let answer = many(kind, &round, &key.1, ids).await;
    let shared = |found: HashMap<String, Result<Seen>>| {
        found.into_iter().map(|(id, seen)| (id, seen.map_err(Arc::new))).collect()
    };
    Arc::new(answer.map(shared).map_err(Arc::new))
}

/// Reads any number of ids, as many at a time as the type takes.
pub(crate) async fn many(
    kind: &dyn Erased,
    round: &Round<'_>,
    on: &str,
    mut ids: Vec<String>,
) -> Result<HashMap<String, Result<Seen>>> {
    ids.sort_unstable();
    ids.dedup();
    let calls = ids.chunks(kind.read_batch().max(1)).map(|ids| kind.read_many(round, on, ids.to_vec()));
    let answers = futures::future::try_join_all(calls).await?;
    Ok(answers.into_iter().flatten().collect())
}
