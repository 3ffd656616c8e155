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
    erased::{Clouds, ObservedState, ResourceType, Round},
    error::Result,
};

use crate::{call::limited_read, tuning::Tuning};

/// The time for which a call waits for further IDs.
const WINDOW: Duration = Duration::from_millis(4);

type BatchKey = (&'static str, String);
type Answer = Result<HashMap<String, Result<ObservedState>>>;
type Call<'a> = Shared<BoxFuture<'a, Arc<Answer>>>;

/// The reads of one run.
pub(crate) struct Batch<'a> {
    clouds: &'a Clouds,
    tuning: Tuning,
    open: Arc<Mutex<Open<'a>>>,
}

/// The ids that a call will ask for, and the call.
type Waiting<'a> = (Arc<Mutex<Vec<String>>>, Call<'a>);

#[derive(Default)]
struct Open<'a> {
    round: Option<Arc<Round<'a>>>,
    calls: HashMap<BatchKey, Waiting<'a>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(clouds: &'a Clouds, tuning: Tuning) -> Self {
        Self { clouds, tuning, open: Arc::default() }
    }

    /// Returns the object with this ID; `None` if it does not exist.
    pub(crate) async fn read(
        &self,
        resource_type: &'a dyn ResourceType,
        provider: &str,
        id: &str,
    ) -> Result<Option<ObservedState>> {
        let answer = self.join(resource_type, provider, id).await;
        match &*answer {
            Err(error) => Err(error.clone()),
            Ok(found) => found.get(id).cloned().transpose(),
        }
    }

    fn join(&self, resource_type: &'a dyn ResourceType, provider: &str, id: &str) -> Call<'a> {
        let key = (resource_type.info().type_name, provider.to_owned());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((ids, call)) = open.calls.get(&key) {
            ids.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
            return call.clone();
        }
        let round = open.round.get_or_insert_with(|| Arc::new(self.clouds.round())).clone();
        let ids = Arc::new(Mutex::new(vec![id.to_owned()]));
        let call =
            call(self.open.clone(), self.tuning, resource_type, round, ids.clone(), key.clone()).boxed().shared();
        open.calls.insert(key, (ids, call.clone()));
        call
    }
}

async fn call<'a>(
    open: Arc<Mutex<Open<'a>>>,
    tuning: Tuning,
    resource_type: &'a dyn ResourceType,
    round: Arc<Round<'a>>,
    ids: Arc<Mutex<Vec<String>>>,
    key: BatchKey,
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
    Arc::new(many(&tuning, resource_type, &round, &key.1, ids).await)
}

/// Reads any number of ids, as many at a time as the type takes.
pub(crate) async fn many(
    tuning: &Tuning,
    resource_type: &dyn ResourceType,
    round: &Round<'_>,
    provider: &str,
    mut ids: Vec<String>,
) -> Result<HashMap<String, Result<ObservedState>>> {
    ids.sort_unstable();
    ids.dedup();
    let calls = ids
        .chunks(resource_type.info().read_batch.max(1))
        .map(|ids| limited_read(tuning, resource_type, resource_type.read_many(round, provider, ids.to_vec())));
    let answers = futures::future::try_join_all(calls).await?;
    Ok(answers.into_iter().flatten().collect())
}
