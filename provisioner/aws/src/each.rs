//! For APIs without a call for many: one by one, a few at a time.

use std::future::Future;

use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    resource::{Id, Observed, ReadResults, Resource},
};

/// So many calls are under way at once: more only meets the API's throttle.
const AT_ONCE: usize = 16;

/// Reads each of `ids`. One that is gone has no row; another's error is its own.
pub async fn one_by_one<'a, R, F>(ids: &'a [Id<R>], read: impl Fn(&'a Id<R>) -> F) -> ReadResults<R>
where
    R: Resource,
    F: Future<Output = Result<Observed<R>>>,
{
    let mut found = ReadResults::new();
    for some in ids.chunks(AT_ONCE) {
        let observed = join_all(some.iter().map(&read)).await;
        found.extend(some.iter().cloned().zip(observed).filter(|(_, observed)| !is_gone(observed)));
    }
    found
}

fn is_gone<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.kind == ErrorKind::Gone)
}
