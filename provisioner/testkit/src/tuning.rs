//! The tuning of deterministic runs without real time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use provisioner_engine::Tuning;

/// No waiting, one moment for all, and tokens that count up.
pub fn tuning() -> Tuning {
    fn token() -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        format!("00000000-0000-0000-0000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
    }
    Tuning {
        consistency_window: Some(Duration::ZERO),
        patience: Some(Duration::from_secs(30)),
        poll: Some(Duration::from_millis(1)),
        ..Tuning::new(|| 1_000_000, token)
    }
}
