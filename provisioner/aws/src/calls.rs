//! The calls that were sent, for the record of a run: operation, time, status and request ID, and nothing of their content.
//! A recording (`record.rs`) also gets their shape.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_types::SigningName;

use crate::{
    error::request_id,
    record::{CallRecording, SentRequest},
};

/// Maximum number of calls that are kept until somebody takes them.
const KEPT: usize = 100_000;

/// One attempt of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// Service and operation as in IAM policies, such as `ec2:CreateVpc`.
    pub operation: String,
    /// The time at which it was sent.
    pub sent: Instant,
    /// The time until the response.
    pub time: Duration,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// HTTP status of the response; `None` without a response.
    pub status: Option<u16>,
    /// AWS's ID of the request.
    pub request_id: Option<String>,
}

/// The calls of some clients. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallLog(Arc<LoggedCalls>);

#[derive(Debug, Default)]
struct LoggedCalls {
    calls: Mutex<Vec<ApiCall>>,
    /// Empty unless calls are recorded.
    recording: OnceLock<CallRecording>,
}

impl CallLog {
    /// Returns the calls since the last time.
    pub(crate) fn take(&self) -> Vec<ApiCall> {
        std::mem::take(&mut self.0.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records the calls from now on. The first recording stays.
    pub(crate) fn record(&self, recording: CallRecording) {
        drop(self.0.recording.set(recording));
    }

    fn add(&self, call: ApiCall) {
        let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < KEPT {
            calls.push(call);
        }
    }
}

/// The attempt that is in flight.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    number: u32,
    sent: Instant,
}

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = bag.load::<Attempt>().map_or(1, |attempt| attempt.number + 1);
        bag.interceptor_state().store_put(Attempt { number, sent: Instant::now() });
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.recording.get().is_some() {
            bag.interceptor_state().store_put(SentRequest::new(context.request()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(Attempt { number, sent }), Some(operation)) = (bag.load::<Attempt>(), bag.load::<Metadata>()) else {
            return Ok(());
        };
        let service = bag.load::<SigningName>().map_or(operation.service(), |name| name.as_ref());
        let response = context.response();
        let call = ApiCall {
            operation: format!("{service}:{}", operation.name()),
            sent: *sent,
            time: sent.elapsed(),
            attempt: *number,
            status: response.map(|response| response.status().as_u16()),
            request_id: response.and_then(|response| request_id(response.headers())),
        };
        if let (Some(recording), Some(sent)) = (self.0.recording.get(), bag.load::<SentRequest>()) {
            recording.add(&call, sent, response);
        }
        self.add(call);
        Ok(())
    }
}
