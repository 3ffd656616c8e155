//! Limits of concurrent writes: one for each service, and a total. A service that throttles does not hold up the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The limits of one run.
pub(crate) struct Limits {
    total: Semaphore,
    per_service: usize,
    services: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The permission to send one write. Dropping it returns the permission.
pub(crate) struct Permit<'a> {
    _service: Option<OwnedSemaphorePermit>,
    _total: Option<SemaphorePermit<'a>>,
}

impl Limits {
    /// `total` is at least 1. A service gets half of it.
    pub(crate) fn new(total: usize) -> Self {
        let total = total.max(1);
        Self { total: Semaphore::new(total), per_service: total.div_ceil(2), services: Mutex::default() }
    }

    /// Waits until a write of this resource type may be sent.
    pub(crate) async fn acquire(&self, type_name: &str) -> Permit<'_> {
        // First the service's: a write that waits for its service takes no place from the others.
        let service = self.service(type_name).acquire_owned().await.ok();
        let total = self.total.acquire().await.ok();
        Permit { _service: service, _total: total }
    }

    /// `ec2` of `aws:ec2:subnet`; the second part, where there are two.
    fn service(&self, type_name: &str) -> Arc<Semaphore> {
        let service = type_name.split(':').nth(1).unwrap_or(type_name);
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = services.get(service) {
            return limit.clone();
        }
        let limit = Arc::new(Semaphore::new(self.per_service));
        services.insert(service.to_owned(), limit.clone());
        limit
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn busy_service_leaves_room_for_others() {
        let limits = Limits::new(4);
        let subnets = [limits.acquire("aws:ec2:subnet"), limits.acquire("aws:ec2:vpc")].map(FutureExt::now_or_never);
        assert!(subnets.iter().all(Option::is_some));
        assert!(limits.acquire("aws:ec2:route-table").now_or_never().is_none(), "ec2 has half of the total");
        let others = ["aws:iam:role", "aws:iam:policy"].map(|of_type| limits.acquire(of_type).now_or_never());
        assert!(others.iter().all(Option::is_some));
        assert!(limits.acquire("aws:kms:key").now_or_never().is_none(), "the total is reached");
        drop(subnets);
        assert!(limits.acquire("aws:kms:key").now_or_never().is_some());
    }

    #[test]
    fn one_at_a_time_is_possible() {
        assert!(Limits::new(0).acquire("aws:ec2:vpc").now_or_never().is_some());
    }
}
